"""When plugins are loaded anew."""

from __future__ import annotations

import asyncio
import logging

import pytest

from runtime.guests import run, until
from wasmpuck.config import BreakerSettings
from wasmpuck.plugins.reloads import Reloads

#: Waits of 1, 2, 4, 8 and at most 8 ms, as long as chance leaves them.
QUICK = BreakerSettings(backoff=0.001, longest=0.008)
NEVER = BreakerSettings(backoff=3600, longest=3600)


class Stage:
    """Reloads with time and chance from the test, and what was reloaded."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []
        self.reloads = Reloads(monotonic=lambda: self.now, chance=lambda: 1.0)

    async def renew(self) -> None:
        """A generation that takes a while."""
        await asyncio.sleep(0)
        self.done.append("renewed")

    async def one(self, numbers: BreakerSettings = QUICK) -> None:
        """Asks for a reload and waits until it is over."""
        before = len(self.done)
        self.reloads.request("x", numbers, self.renew, "it crashed")
        await until(lambda: len(self.done) > before)
        await asyncio.sleep(0)


def waits(caplog: pytest.LogCaptureFixture) -> list[float]:
    """The waiting times that were announced."""
    return [float(record.args[1]) for record in caplog.records if isinstance(record.args, tuple)]  # type: ignore[arg-type]  # the line's second argument is seconds


def test_many_requests_are_one_reload(caplog: pytest.LogCaptureFixture) -> None:
    """While a reload is to come or under way, further requests add nothing, for this plugin."""

    async def main() -> None:
        stage = Stage()
        gate = asyncio.Event()

        async def slowly() -> None:
            await gate.wait()
            stage.done.append("slowly")

        for _ in range(10):
            stage.reloads.request("x", QUICK, slowly, "it crashed")
        stage.reloads.request("y", QUICK, stage.renew, "it crashed")
        await until(lambda: stage.done == ["renewed"])
        stage.reloads.request("x", QUICK, stage.renew, "it crashed")
        gate.set()
        await until(lambda: len(stage.done) == 2)
        assert stage.done == ["renewed", "slowly"]
        await stage.reloads.close()

    run(main())
    assert [record.getMessage() for record in caplog.records] == [
        "plugin x is loaded anew in 0.0 s (it crashed)",
        "plugin y is loaded anew in 0.0 s (it crashed)",
    ]


def test_each_wait_is_twice_the_one_before_until_a_quiet_time(caplog: pytest.LogCaptureFixture) -> None:
    """Waiting doubles up to the bound; after a time as long as the bound without a reload it begins again."""

    async def main() -> None:
        stage = Stage()
        for _ in range(5):
            await stage.one()
        stage.now += 0.007
        await stage.one()
        stage.now += 0.008
        await stage.one()

    run(main())
    assert waits(caplog) == pytest.approx([0.001, 0.002, 0.004, 0.008, 0.008, 0.008, 0.001])


def test_a_plugin_that_was_replaced_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    """Forgetting a plugin calls off what is to come and its waiting times."""

    async def main() -> None:
        stage = Stage()
        await stage.one()
        await stage.one()
        stage.reloads.request("x", QUICK, stage.renew, "it crashed")
        stage.reloads.forget("x")
        stage.reloads.forget("unknown")
        await stage.one()
        assert len(stage.done) == 3

    run(main())
    assert waits(caplog) == pytest.approx([0.001, 0.002, 0.004, 0.001])


def test_closing_ends_what_is_under_way() -> None:
    """After `close` nothing is reloaded any more."""

    async def main() -> None:
        stage = Stage()
        stage.reloads.request("x", NEVER, stage.renew, "it crashed")
        await stage.reloads.close()
        stage.reloads.request("x", QUICK, stage.renew, "it crashed")
        await stage.reloads.close()
        assert stage.done == []

    run(main())


def test_a_defect_is_logged_and_the_next_request_counts(caplog: pytest.LogCaptureFixture) -> None:
    """A reload that raises does not keep the plugin from being reloaded later."""

    async def main() -> None:
        stage = Stage()

        async def broken() -> None:
            raise KeyError("defect")

        stage.reloads.request("x", QUICK, broken, "it crashed")
        await until(lambda: any(record.levelno == logging.ERROR for record in caplog.records))
        await asyncio.sleep(0)
        await stage.one()
        assert stage.done == ["renewed"]

    run(main())
