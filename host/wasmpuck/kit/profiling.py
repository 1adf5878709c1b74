"""A profiler without a clock: where a call's fuel goes.

Theory of operation. A guest that gets the same answers does the same work, instruction by instruction, and fuel counts
the instructions. So one recorded call is made again and again on fresh instances, each time with a little more fuel,
and each run ends where its fuel does: the frames there are a sample. The samples are evenly spread over the call's
fuel, so their shares are shares of its fuel, the same on every machine and in every run.

Two things are coarse. Fuel is looked at where a function or a round of a loop begins, so work is seen there and not in
between. And the runtime keeps the innermost 20 frames: what is outside of them is taken from the sample before, as far
as the two overlap.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wasmpuck.errors import BadRequest
from wasmpuck.kit.replaying import Replay
from wasmpuck.kit.transcript import Call, Transcript
from wasmpuck.runtime.scripts import Code

__all__ = ["CUT", "Function", "Profile", "profile"]

CUT: Final = "…"
"""Stands for outer frames that are not known."""

_KEPT: Final = 20
_HASHES: Final = re.compile(r"::h[0-9a-f]{16}\b|\[[0-9a-f]{12,16}\]|\.\d+$")
"""What a compiler appends to names: of a function (Rust, legacy), of a crate (Rust, v0), of a copy."""
_NAMELESS: Final = "<unknown>!"

Stack = tuple[str, ...]
"""Frames, outermost first."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function's shares of the call in per cent: of its own, and with all that it called."""

    name: str
    own: float
    total: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the fuel of one call went.

    call: what was profiled.
    fuel: what it used.
    stacks: how many samples ended in which frames.
    """

    call: str
    fuel: int
    stacks: Counter[Stack]

    @property
    def samples(self) -> int:
        """How many there are."""
        return self.stacks.total()

    def functions(self) -> list[Function]:
        """Every function that was met, the one with the largest share of its own first."""
        own: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for stack, count in self.stacks.items():
            own[stack[-1]] += count
            for name in set(stack):
                total[name] += count
        share = 100 / max(1, self.samples)
        found = [Function(name, own[name] * share, total[name] * share) for name in total if name != CUT]
        return sorted(found, key=lambda one: (-one.own, -one.total, one.name))


async def profile(
    compiled: Code,
    transcript: Transcript,
    number: int,
    *,
    samples: int = 200,
    progress: Callable[[str, float], None] | None = None,
) -> Profile:
    """Profiles a recorded call.

    Args:
        number: which call of the transcript, from 1.
        samples: how many times it is made.
        progress: told what is going on, and how much of it is done in per cent.

    Raises:
        BadRequest: there is no such call, it used no fuel, or the plugin does not do what was recorded.
    """
    if not 1 <= number <= len(transcript.calls):
        raise BadRequest(f"the transcript has no call {number}: it has {len(transcript.calls)}")
    *before, call = transcript.up_to(number)
    fuel = await _whole(compiled, transcript, [*before, call])
    stacks: Counter[Stack] = Counter()
    last: Stack = ()
    with Replay(compiled, transcript.head.memory_mb) as replay:
        for sample in range(samples):
            if progress is not None:
                progress(f"sample {sample + 1} of {samples}", 100 * sample / samples)
            last = await _sample(replay, before, call, fuel * (2 * sample + 1) // (2 * samples), last)
            stacks[last] += 1
    return Profile(call.name, fuel, _readable(stacks))


def _readable(stacks: Counter[Stack]) -> Counter[Stack]:
    """Without the joints that the component model puts between modules, and without a module's name when there is only
    one that has one.
    """
    names = {name for stack in stacks for name in stack if "!" in name}
    modules = {name.partition("!")[0] for name in names if not name.startswith(_NAMELESS)}
    if not modules:
        return stacks
    found: Counter[Stack] = Counter()
    for stack, count in stacks.items():
        kept = [name for name in stack if not name.startswith(_NAMELESS)]
        if len(modules) == 1:
            kept = [name.partition("!")[2] if name in names else name for name in kept]
        found[tuple(kept)] += count
    return found


async def _whole(compiled: Code, transcript: Transcript, calls: list[Call]) -> int:
    """The fuel of the last call, after all went as it was recorded."""
    with Replay(compiled, transcript.head.memory_mb) as replay:
        instance = replay.instance()
        try:
            for call in calls:
                again, _ = await replay.run(instance, call)
                if instance.strayed or again.result != call.result or again.failure != call.failure:
                    raise BadRequest(
                        f"the plugin does not do what was recorded, in {call.name}",
                        hint="`hockeypuck-plugin replay` shows the difference; record it anew",
                    )
        finally:
            instance.close()
    if again.fuel == 0:
        raise BadRequest(f"{again.name} used no fuel")
    return again.fuel


async def _sample(replay: Replay, before: list[Call], call: Call, fuel: int, last: Stack) -> Stack:
    instance = replay.instance()
    try:
        for earlier in before:
            await replay.run(instance, earlier)
        instance.prompt = True
        again, text = await replay.run(instance, call, fuel=max(1, fuel))
        frames = [_name(frame) for frame in text.splitlines()]
        stack = _joined(tuple(reversed(frames)), last, call)
        if instance.fuel_exhausted or again.failure is None:  # in the host, or what was left to pay for it at the end
            made = again.host[-1]["call"] if again.host else "nothing"
            stack = (*stack, f"host: {made}")
        return stack
    finally:
        instance.close()


def _name(frame: str) -> str:
    """A frame as the runtime writes it (`module!function`, demangled), without hashes."""
    return _HASHES.sub("", frame.strip())


def _joined(stack: Stack, last: Stack, call: Call) -> Stack:
    """The whole stack, from the call on. Of a deep one the runtime has kept the inner frames only: the outer ones are
    those of the sample before, up to where the two overlap most.
    """
    if len(stack) < _KEPT:
        return (call.name, *stack)
    best, at = 0, 0
    for place, frame in enumerate(last):
        if frame != stack[0]:
            continue
        overlap = 0
        while overlap < len(stack) and place + overlap < len(last) and last[place + overlap] == stack[overlap]:
            overlap += 1
        if overlap >= best:
            best, at = overlap, place
    outer = last[:at] if best else (call.name, CUT)
    return (*outer, *stack)
