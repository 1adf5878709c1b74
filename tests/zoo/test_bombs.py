"""Components that are made to be dear to compile: the compiler dies of them, the server does not."""

from __future__ import annotations

import asyncio
import resource
from datetime import UTC, datetime

import pytest

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime.compile import CompiledPlugin, CompileLimits, Compiler
from wasmpuck.runtime.engine import Engine
from wasmpuck.trust import Artifact, Keyring, Publisher, SignedPolicy, VerifiedArtifact, verify
from zoo.guest import Guest
from zoo.keeper import KEY, artifact

_FUNCTION = "(func (param i32) (result i32) local.get 0 {})"


def verified(guest: Guest) -> VerifiedArtifact:
    """The guest, signed and believed."""
    policy = SignedPolicy(Keyring((Publisher("Zoo", KEY.public, ("*",)),)))
    return verify(Artifact(f"{guest.name}.wasm", artifact(guest)), policy, now=datetime.now(UTC))


def huge_function() -> Guest:
    """One function of a million instructions: half a minute of a processor."""
    return Guest("huge-function", extra=_FUNCTION.format("i32.const 1 i32.add " * 500_000))


def many_functions() -> Guest:
    """A hundred thousand functions."""
    functions = "".join(_FUNCTION.format(f"i32.const {number} i32.add") for number in range(100_000))
    return Guest("many-functions", extra=functions)


def compile_within(guest: Guest, limits: CompileLimits) -> CompiledPlugin:
    """What the compiler makes of a guest; raises what it raises."""
    return asyncio.run(Compiler(Engine(), limits=limits).compile(verified(guest)))


@pytest.mark.parametrize("bomb", [huge_function, many_functions])
def test_too_much_processor_time(bomb: object) -> None:
    """A compilation that takes more processor time than it may is ended, and the refusal names the limit."""
    assert callable(bomb)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(ArtifactRefused) as refused:
        compile_within(bomb(), CompileLimits(processor=2))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert refused.value.reason in (Refusal.COMPILE_FAILED, Refusal.TOO_LARGE)
    assert refused.value.hint
    assert after.ru_utime - before.ru_utime < 20


def test_too_much_time_by_the_clock() -> None:
    """A compilation that takes longer than it may is ended."""
    with pytest.raises(ArtifactRefused, match=r"longer than 0\.2 s") as refused:
        compile_within(
            Guest("patient", extra=_FUNCTION.format("i32.const 1 i32.add " * 50_000)), CompileLimits(wall=0.2)
        )
    assert refused.value.reason is Refusal.COMPILE_FAILED


def test_too_many_bytes() -> None:
    """A component larger than the compiler takes is refused before a process is started for it."""
    with pytest.raises(ArtifactRefused) as refused:
        compile_within(
            Guest("stout", extra='(data (i32.const 0) "' + "x" * 10_000 + '")'), CompileLimits(artifact=9_000)
        )
    assert refused.value.reason is Refusal.TOO_LARGE


@pytest.mark.parametrize(
    "guest",
    [
        Guest("deep-blocks", extra=f"(func {'block ' * 20_000} {'end ' * 20_000})"),
        Guest("many-locals", extra=f"(func (local {'i64 ' * 49_000}))"),
        Guest("many-exports", component="".join(f'(export "e{n}" (func $lifecycle.start))' for n in range(3000))),
        Guest("many-branches", extra=f"(func (param i32) block local.get 0 br_table {'0 ' * 60_000} end)"),
    ],
    ids=lambda guest: str(guest.name),
)
def test_odd_shapes(guest: Guest) -> None:
    """A component of an odd shape is compiled or refused with a reason, within the limits."""
    try:
        compile_within(guest, CompileLimits(processor=30)).close()
        reason = None
    except ArtifactRefused as refused:
        reason = refused.reason
    assert reason in (None, Refusal.COMPILE_FAILED, Refusal.TOO_LARGE)
