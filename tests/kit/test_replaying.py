"""Recording and replaying."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kit.guests import REQUEST, busy, diligent, stand_of
from runtime.guests import Guest, QuickCompiler, doing, engine, run
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.kit.recording import Recorder
from wasmpuck.kit.replaying import Difference, compare
from wasmpuck.kit.stand import PluginFailed, Stand
from wasmpuck.kit.transcript import Transcript
from wasmpuck.runtime.capabilities import Context
from wasmpuck.runtime.capabilities.clock import Clock


async def usual(stand: Stand) -> None:
    """Requests, a task, an event and the clock's advance."""
    await stand.call("middleware.on-request", REQUEST)
    await stand.advance(61)
    await stand.deliver("key.inserted", "{}")
    await stand.call("middleware.on-request", {**REQUEST, "client": "198.51.100.7"})
    await stand.call("lifecycle.health")


async def record(
    guest: Guest, path: Path, acts: Callable[[Stand], Awaitable[None]] = usual, tap: type[Recorder] = Recorder
) -> Transcript:
    """What a guest does in a stand, written and read again."""
    with path.open("w") as file:
        async with stand_of(guest, tap=tap(file)) as stand:
            await acts(stand)
    return Transcript.read(path)


async def replay(guest: Guest, transcript: Transcript, **options: bool) -> list[Difference]:
    """The differences of another run."""
    compiled = await QuickCompiler(engine()).compile(guest.verified())
    try:
        return await compare(compiled, transcript, **options)
    finally:
        compiled.close()


def test_the_same_guest_does_the_same_again(tmp_path: Path) -> None:
    """Calls, host calls, verdicts and fuel are those of the recording."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t")
        assert transcript.head.plugin == "probe"
        names = [call.name for call in transcript.calls]
        assert names[:4] == ["instantiate", "lifecycle.describe", "lifecycle.validate-config", "lifecycle.init"]
        assert {"middleware.on-request", "task-handler.run", "event-handler.handle"} <= set(names)
        assert names[-1] == "lifecycle.shutdown"
        asked = next(call for call in transcript.calls if call.name == "middleware.on-request")
        assert [one["call"] for one in asked.host] == ["log.write", "storage.increment", "events.publish"]
        assert asked.host[1] == {"call": "storage.increment", "arguments": ["count", 1.0, None], "result": {"ok": 1.0}}
        assert asked.fuel > 3 * 2000
        assert await replay(diligent(), transcript) == []

    run(main())


def test_a_changed_host_call_is_shown(tmp_path: Path) -> None:
    """The first host call that differs ends the instance; the diff shows both."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t")
        (difference,) = await replay(diligent(greeting="hello"), transcript)
        assert difference.call.name == "middleware.on-request"
        assert difference.what == "host call 1 differs"
        assert '-      "asked",' in difference.diff.splitlines()
        assert '+      "hello",' in difference.diff.splitlines()

    run(main())


def test_a_changed_answer_is_shown(tmp_path: Path) -> None:
    """A verdict that differs is shown as a diff of the two."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t")
        changed = diligent()
        changed.results = {"lifecycle.describe": {"name": "probe", "version": "1.0.1", "description": "new"}}
        (difference,) = await replay(changed, transcript)
        assert (difference.number, difference.call.name) == (2, "lifecycle.describe")
        assert difference.what == "it ended otherwise"
        assert '+    "version": "1.0.1",' in difference.diff.splitlines()


def test_a_host_call_that_is_not_made_any_more_is_shown(tmp_path: Path) -> None:
    """That a guest does less than it did is a difference too."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t")
        changed = diligent()
        changed.bodies = {key: body for key, body in changed.bodies.items() if key != "task-handler.run"}
        (difference,) = await replay(changed, transcript)
        assert difference.call.name == "task-handler.run"
        assert difference.what == "1 of 1 host calls were not made"

    run(main())


def test_a_change_of_fuel_alone_is_told_with_its_size(tmp_path: Path) -> None:
    """More work for the same answers is a difference, unless fuel is not looked at."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t")
        slower = diligent()
        health = "(drop (call $random.number)) (drop (call $clock.now))"
        slower.bodies = {**slower.bodies, "lifecycle.health": doing(health + "(call $waste)")}
        slower.extra = busy(100).extra.replace("$both", "$waste")
        found = await replay(slower, transcript)
        assert {difference.call.name for difference in found} == {"lifecycle.health"}
        assert all(difference.what.startswith("fuel ") and "%)" in difference.what for difference in found)
        assert await replay(slower, transcript, ignore_fuel=True) == []

    run(main())


def test_a_failure_is_replayed_as_a_failure(tmp_path: Path) -> None:
    """A call that trapped traps again; the instance that followed it is replayed too."""
    crash = doing("(if (i32.load8_u (i32.const 9)) (then unreachable)) (i32.store8 (i32.const 9) (i32.const 1))")
    guest = diligent()
    guest.bodies = {**guest.bodies, "lifecycle.health": crash}

    async def acts(stand: Stand) -> None:
        with pytest.raises(PluginFailed):
            await stand.call("lifecycle.health")
        await stand.call("middleware.on-request", REQUEST)

    async def main() -> None:
        transcript = await record(guest, tmp_path / "t", acts)
        (failed,) = [call for call in transcript.calls if call.failure is not None]
        assert failed.failure is not None
        assert failed.failure["reason"] == "unreachable"
        assert {call.instance for call in transcript.calls} == {1, 2}
        assert await replay(guest, transcript) == []
        (difference,) = await replay(diligent(), transcript)
        assert difference.what in ("it ended otherwise", "host call 1 differs")

    run(main())


class Waiting(Clock):
    """A clock whose answer takes a while."""

    async def now(self) -> float:  # type: ignore[override]
        await asyncio.sleep(0.001)
        return 7.0


class WaitingRecorder(Recorder):
    """Records a host with a clock that waits."""

    def grant(self, names: Any, context: Context) -> dict[str, Any]:
        return {**super().grant(names, context), "clock": Waiting(context)}


def test_host_functions_that_wait_are_recorded_and_cost_the_same(tmp_path: Path) -> None:
    """A transcript answers at once what the host took its time for, for the same fuel."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t", tap=WaitingRecorder)
        health = [call for call in transcript.calls if call.name == "lifecycle.health"]
        assert health[-1].host[1] == {"call": "clock.now", "arguments": [], "result": 7.0}
        assert await replay(diligent(), transcript) == []

    run(main())


def test_calls_side_by_side_are_told_apart(tmp_path: Path) -> None:
    """Host calls of instances that work at the same time land in their own calls."""

    async def acts(stand: Stand) -> None:
        await asyncio.gather(*(stand.plugin.call("lifecycle.health") for _ in range(4)))

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t", acts, WaitingRecorder)
        assert len({call.instance for call in transcript.calls}) == 4
        assert all(len(call.host) == 2 for call in transcript.calls if call.name == "lifecycle.health")
        assert await replay(diligent(), transcript) == []

    run(main())


def test_a_recording_is_bounded(tmp_path: Path) -> None:
    """When the file is full, recording ends with a complete line."""

    class Small(Recorder):
        def __init__(self, file: Any) -> None:
            super().__init__(file, most=2_000)

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t", tap=Small)
        assert (tmp_path / "t").stat().st_size <= 2_000
        assert 0 < len(transcript.calls) < 10
        assert await replay(diligent(), transcript) == []

    run(main())


def test_another_plugin_is_not_recorded() -> None:
    """A recorder for one plugin leaves others alone."""

    async def main() -> None:
        file = io.StringIO()
        async with stand_of(diligent(), tap=Recorder(file, plugin="other")) as stand:
            await usual(stand)
        assert file.getvalue() == ""

    run(main())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ":1 is not as"),
        ("{}\n", ":1 is not as"),
        ('{"wasmpuck-transcript": 9}\n', "format 9"),
        (
            '{"wasmpuck-transcript": 1, "plugin": "a", "version": "1.0.0", "digest": "", "memory-mb": 64}\n[]\n',
            ":2 is not",
        ),
    ],
)
def test_what_is_no_transcript_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    """The message names the file and the line."""
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    with pytest.raises(UnusableFile, match=words):
        Transcript.read(path)


def test_an_export_that_is_gone_is_a_difference(tmp_path: Path) -> None:
    """A plugin without an export that was called ends the call."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t")
        smaller = diligent()
        smaller.worlds = ("lifecycle", "middleware", "event-handler")
        found = await replay(smaller, transcript)
        assert "the plugin does not export task-handler.run" in str(found[0])

    run(main())
