"""`hockeypuck-plugin bench`."""

from __future__ import annotations

import json

import pytest

from kit.conftest import Kit
from kit.guests import REQUEST, busy, diligent


def test_the_first_run_writes_a_baseline_and_the_second_compares(kit: Kit) -> None:
    """The same artifact costs the same fuel; the usual calls are measured."""
    artifact = kit.put(diligent())
    first = kit("bench", artifact, "--rounds", 2)
    assert first.exit_code == 0, first.output
    assert "bench.json is written" in first.stderr
    assert "lifecycle.self-test" in first.stdout
    assert "middleware.on-request" in first.stdout
    told = kit.json("bench", artifact, "--rounds", 2, "--json")
    assert [call["change"] for call in told["calls"]] == [0.0, 0.0, 0.0]
    assert all(0 < call["percent"] < 1 and call["seconds"] > 0 for call in told["calls"])


def test_more_fuel_than_the_threshold_ends_with_1(kit: Kit) -> None:
    """A slower guest fails, unless the threshold allows it or the baseline is written anew; a faster one does not."""
    (kit.folder / "acts.json").write_text(json.dumps([{"call": "lifecycle.health"}]))
    slow, fast = kit.put(busy(2_000), "slow"), kit.put(busy(1_000), "fast")
    kit.ok("bench", fast, "acts.json", "--rounds", 1)
    failed = kit("bench", slow, "acts.json", "--rounds", 1)
    assert failed.exit_code == 1
    assert "1 calls need more than 5 % more fuel than bench.json says" in failed.stderr
    assert "+9" in failed.stdout
    kit.ok("bench", slow, "acts.json", "--rounds", 1, "--threshold", 150)
    kit.ok("bench", slow, "acts.json", "--rounds", 1, "--write")
    kit.ok("bench", fast, "acts.json", "--rounds", 1)


@pytest.mark.parametrize("text", ["", "[]", '{"wasmpuck-bench": 2}', '{"wasmpuck-bench": 1, "plugin": "x"}'])
def test_a_file_that_is_no_baseline_is_refused(kit: Kit, text: str) -> None:
    """It is not overwritten without being told so."""
    (kit.folder / "bench.json").write_text(text)
    done = kit("bench", kit.put(busy()))
    assert done.exit_code == 3
    assert "--write" in done.stderr
    assert (kit.folder / "bench.json").read_text() == text


def test_other_calls_cannot_be_compared(kit: Kit) -> None:
    """A baseline belongs to its acts."""
    artifact = kit.put(diligent())
    kit.ok("bench", artifact, "--rounds", 1)
    (kit.folder / "acts.json").write_text(json.dumps([{"call": "middleware.on-request", "arguments": [REQUEST]}]))
    done = kit("bench", artifact, "acts.json")
    assert done.exit_code == 3
    assert "of other calls" in done.stderr


def test_a_call_that_fails_ends_with_1(kit: Kit) -> None:
    """What cannot be called cannot be measured."""
    done = kit("bench", kit.put(busy(1_000_000)), "--limit", "fuel=10000")
    assert done.exit_code == 1
    assert "lifecycle.health failed (fuel)" in done.stderr
