"""The profiler, and what is drawn of its profiles."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kit.conftest import Kit
from kit.guests import REQUEST, busy, diligent
from kit.test_replaying import record
from runtime.guests import Guest, QuickCompiler, doing, engine, run
from wasmpuck.errors import BadRequest
from wasmpuck.kit.flames import page, svg
from wasmpuck.kit.profiling import CUT, Profile, profile
from wasmpuck.kit.stand import Stand
from wasmpuck.kit.transcript import Transcript


async def health(stand: Stand) -> None:
    await stand.call("lifecycle.health")


async def asked(stand: Stand) -> None:
    await stand.call("middleware.on-request", REQUEST)


async def profile_of(guest: Guest, transcript: Transcript, name: str, samples: int = 80) -> Profile:
    number = max(place for place, call in enumerate(transcript.calls, 1) if call.name == name)
    compiled = await QuickCompiler(engine()).compile(guest.verified())
    try:
        return await profile(compiled, transcript, number, samples=samples)
    finally:
        compiled.close()


def test_shares_are_those_of_the_work(tmp_path: Path) -> None:
    """A function that does three quarters of the work gets three quarters of the samples, in every run the same."""

    async def main() -> None:
        transcript = await record(busy(), tmp_path / "t", health)
        first = await profile_of(busy(), transcript, "lifecycle.health")
        shares = {one.name: (one.own, one.total) for one in first.functions()}
        assert shares["heavy"][0] == pytest.approx(75, abs=2)
        assert shares["light"][0] == pytest.approx(25, abs=2)
        assert shares["both"][0] == 0
        assert shares["lifecycle.health"][1] == 100
        assert await profile_of(busy(), transcript, "lifecycle.health") == first

    run(main())


def test_long_calls_that_hand_the_loop_back_are_sampled_the_same(tmp_path: Path) -> None:
    """A call of many slices is no different: fuel ends where it ends."""

    async def main() -> None:
        guest = busy(500_000)
        transcript = await record(guest, tmp_path / "t", health)
        assert transcript.calls[-2].fuel > 10 * engine().settings.slice_fuel
        found = await profile_of(guest, transcript, "lifecycle.health", samples=40)
        assert {one.name: one.own for one in found.functions()}["heavy"] == pytest.approx(75, abs=3)

    run(main())


def test_what_the_host_does_is_shown_where_it_was_called(tmp_path: Path) -> None:
    """Fuel that host calls cost is innermost, under the guest's function that made the call."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t", asked)
        found = await profile_of(diligent(), transcript, "middleware.on-request")
        shares = {one.name: one.own for one in found.functions()}
        for name in ("host: log.write", "host: storage.increment", "host: events.publish"):
            assert shares[name] > 15
        assert found.functions()[-1].total <= 100
        assert found.samples == 80

    run(main())


def test_deep_stacks_are_joined_with_the_samples_before(tmp_path: Path) -> None:
    """Of 60 frames the runtime keeps 20; the others are taken from the sample before."""
    work = """(local $i i32) (local.set $i (i32.const 50))
      (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))"""
    extra = "".join(f"(func $step{depth} {work} (call $step{depth + 1}))" for depth in range(60))
    guest = Guest(bodies={"lifecycle.health": doing("call $step0")}, extra=f"{extra} (func $step60 {work})")

    async def main() -> None:
        transcript = await record(guest, tmp_path / "t", health)
        found = await profile_of(guest, transcript, "lifecycle.health", samples=300)
        deepest = max(found.stacks, key=len)
        assert [name for name in deepest if name.startswith("step")] == [f"step{depth}" for depth in range(61)]
        assert all(CUT not in stack for stack in found.stacks)

    run(main())


def test_a_changed_plugin_is_not_profiled(tmp_path: Path) -> None:
    """A profile of what was not recorded would be of something else."""

    async def main() -> None:
        transcript = await record(diligent(), tmp_path / "t", asked)
        with pytest.raises(BadRequest, match="does not do what was recorded"):
            await profile_of(diligent(greeting="hello"), transcript, "middleware.on-request")

    run(main())


def test_no_such_call(tmp_path: Path) -> None:
    """A number outside of the transcript is refused."""

    async def main() -> None:
        transcript = await record(busy(), tmp_path / "t", health)
        compiled = await QuickCompiler(engine()).compile(busy().verified())
        with pytest.raises(BadRequest, match="has no call 99"):
            await profile(compiled, transcript, 99)
        compiled.close()

    run(main())


STACKS = Counter({("a.b", "f<&>", "g"): 3, ("a.b", "f<&>"): 1, ("a.b", "host: log.write"): 4})


def test_the_graph_is_one_file_that_can_be_read() -> None:
    """Widths are shares, each frame has its words for pointing at, names are escaped, nothing is loaded."""
    text = svg(Profile("a.b", 8_000, STACKS))
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    boxes = {group[0].text: float(group[1].get("width", "0")) for group in root.iter(f"{space}g")}
    assert boxes == {
        "a.b: 100.0 %, about 8,000 fuel": 1200,
        "f<&>: 50.0 %, about 4,000 fuel": 600,
        "g: 37.5 %, about 3,000 fuel": 450,
        "host: log.write: 50.0 %, about 4,000 fuel": 600,
    }
    html = page(Profile("a.b", 8_000, STACKS), "x <y>")
    assert "<th scope=row>f&lt;&amp;&gt;</th>" in html
    assert "<td>12.5</td><td>50.0</td>" in html
    assert not re.search(r"(src|href)\s*=|url\(|<script|@import", html)


def test_the_command_writes_table_and_graph(kit: Kit) -> None:
    """The table goes to standard output, the graph into the file; `--json` gives all stacks."""
    artifact = kit.put(busy())
    shown = kit.ok("profile", artifact, "lifecycle.health", "--samples", 40, "-o", "flames.html")
    assert shown.splitlines()[3].split() == ["75.0", "75.0", "heavy"]
    assert "<svg" in (kit.folder / "flames.html").read_text()
    told = kit.json("profile", artifact, "lifecycle.health", "--samples", 40, "-o", "flames.svg", "--json")
    assert sum(stack["samples"] for stack in told["stacks"]) == 40
    ElementTree.parse(kit.folder / "flames.svg")


def test_the_command_profiles_a_recorded_call(kit: Kit) -> None:
    """By default the most expensive one of a transcript."""
    artifact = kit.put(diligent())
    (kit.folder / "acts.json").write_text(json.dumps([{"call": "middleware.on-request", "arguments": [REQUEST]}]))
    kit.ok("record", artifact, "acts.json", "-o", "t.jsonl")
    told = kit.json("profile", artifact, "--transcript", "t.jsonl", "--samples", 30, "--json")
    assert told["call"] == "middleware.on-request"
    assert kit("profile", artifact, "--transcript", "t.jsonl", "--call", 1000).exit_code == 2
    assert kit("profile", artifact).exit_code == 2
    assert kit("profile", artifact, "lifecycle.health", "-o", "x.png").exit_code == 2
