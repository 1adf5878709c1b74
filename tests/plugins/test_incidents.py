"""Failed calls in the log."""

from __future__ import annotations

import io
import json
import logging

import pytest

from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.logs import JSONFormatter, TextFormatter
from wasmpuck.plugins.incidents import Incidents


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_kind_is_told_at_once_and_then_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    """Of a kind of failure the first of each second is a line, which counts the others."""
    clock = Clock()
    incidents = Incidents("x", clock)
    for now in (0.0, 0.1, 0.9, 1.0, 1.5, 2.5):
        clock.now = now
        incidents.report("middleware.on-request", CallFailed(CallReason.TRAP, "crashed"))
    clock.now = 2.6
    incidents.report("middleware.on-request", CallFailed(CallReason.FUEL, "used up"))
    incidents.report("task-handler.run", CallFailed(CallReason.TRAP, "crashed"))
    assert [record.getMessage() for record in caplog.records] == [
        "plugin x failed in middleware.on-request (trap): crashed",
        "plugin x failed in middleware.on-request (trap): crashed (2 more of this kind since the last line)",
        "plugin x failed in middleware.on-request (trap): crashed (1 more of this kind since the last line)",
        "plugin x failed in middleware.on-request (fuel): used up",
        "plugin x failed in task-handler.run (trap): crashed",
    ]


@pytest.mark.parametrize("formatter", [TextFormatter(), JSONFormatter()])
def test_a_guest_cannot_write_the_log_through_its_names(formatter: logging.Formatter) -> None:
    """A backtrace of hostile function names is one short line without control characters."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("wasmpuck.plugins.incidents")
    logger.addHandler(handler)
    try:
        name = "evil\x1b[2J\r\u2028ERROR root: forged " + "x" * 10_000
        failure = CallFailed(CallReason.TRAP, "y" * 10_000, backtrace="\n".join([name] * 100))
        Incidents("x", Clock()).report("middleware.on-request", failure)
    finally:
        logger.removeHandler(handler)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.strip().isprintable()
    assert len(text) < 3_000
    if isinstance(formatter, JSONFormatter):
        assert json.loads(text)["backtrace"].count(" < ") == 7


def test_a_failure_without_backtrace_has_none(caplog: pytest.LogCaptureFixture) -> None:
    """The line has the facts as fields, and a backtrace only when the guest had frames."""
    Incidents("x", Clock()).report("admission.judge", CallFailed(CallReason.DEADLINE, "too long"))
    fields = vars(caplog.records[0])
    assert (fields["plugin"], fields["export"], fields["outcome"]) == ("x", "admission.judge", "deadline")
    assert "backtrace" not in fields
