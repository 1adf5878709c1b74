"""What the plugin does with the rules, in the SDK's simulation of a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from wasmpuck_plugin import admission, lifecycle, testing

SOURCE = Path(__file__).parents[1] / "plugin.py"
IMPORTS = ("clock", "log", "metrics")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def submission(origin: admission.Origin = "upload", created: datetime = NOW, *user_ids: str) -> admission.Submission:
    """A certificate that wants in."""
    key = admission.Key("ab" * 20, 4, 22, 256, created)
    return admission.Submission(origin, "192.0.2.7", "", key, (key,), user_ids, 1000, 2, known=False)


def load(config: dict[str, Any]) -> testing.Loaded:
    """The plugin, configured and started."""
    return testing.load(SOURCE, imports=IMPORTS, config=config)


def test_decisions_are_counted_and_refusals_written_down() -> None:
    """Metrics by way in and by rule; a line in the log for each rejection."""
    plugin = load({"domains": {"allow": ["example.org"]}})
    assert plugin.judge(submission("peer", NOW, "a@example.org")) == admission.Accept()
    verdict = plugin.judge(submission("upload", NOW, "m@example.com"))
    assert isinstance(verdict, admission.Reject)
    assert verdict.code == "domain-not-allowed"
    assert plugin.host.metrics == {("accepted", "peer"): 1.0, ("rejected", "domain-not-allowed"): 1.0}
    fields = {"rule": "domain-not-allowed", "fingerprint": "ab" * 20, "origin": "upload"}
    assert plugin.host.logs == [("info", "a certificate was rejected", fields)]


def test_age_is_measured_by_the_servers_clock() -> None:
    """A key grows too old as the clock moves on."""
    plugin = load({"age": {"maxDays": 1}})
    assert plugin.judge(submission(created=NOW)) == admission.Accept()
    plugin.host.now += timedelta(days=1, milliseconds=1)
    assert isinstance(plugin.judge(submission(created=NOW)), admission.Reject)


def test_bad_settings_are_all_named() -> None:
    """As the rules' own reader finds them."""
    with pytest.raises(lifecycle.BadSettings) as caught:
        load({"maxSiz": 1, "algorithms": {"deny": ["rza"]}})
    assert sorted(problem.path for problem in caught.value.problems) == ["algorithms.deny.0", "maxSiz"]


def test_a_metric_that_is_not_taken_shows_in_its_health() -> None:
    """Admission goes on."""
    plugin = load({"maxSize": 10_000})
    assert plugin.health() is None
    plugin.host.refusals["metrics.add"] = "undeclared"
    assert plugin.judge(submission()) == admission.Accept()
    assert plugin.health() == lifecycle.Degraded("the metric accepted was not taken (undeclared)")


def test_it_warns_when_there_is_nothing_to_do() -> None:
    """Without a rule, and not with one."""
    assert [level for level, _, _ in load({}).host.logs] == ["warn"]
    assert load({"maxSize": 1}).host.logs == []
