"""How a guest's failures are named: each kind from a real guest."""

from __future__ import annotations

import pytest

from runtime.guests import BUDGET, LIMITS, Guest, Rig, doing, run
from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.traps import failure_of

HEALTH = "lifecycle.health"


async def _end(guest: Guest, budget: CallBudget, limits: StoreLimits) -> CallFailed:
    async with Rig(guest) as rig:
        failure = await rig.failure(HEALTH, budget=budget, limits=limits)
        assert not rig.instances[-1].usable
        return failure


def fails(code: str, *, extra: str = "", budget: CallBudget = BUDGET, limits: StoreLimits = LIMITS) -> CallFailed:
    """How a guest ends that runs this code in `$culprit`, called by `$caller`."""
    guest = Guest(
        bodies={HEALTH: doing("call $caller")},
        extra=f"(func $culprit {code}) (func $caller call $culprit call $never) (func $never unreachable) {extra}",
    )
    return run(_end(guest, budget, limits))


_SPIN = "(loop $l br $l)"
_TABLE = "(table 2 2 funcref) (type $number (func (result i32))) (type $none (func)) (elem (i32.const 0) $never)"


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        ("unreachable", CallReason.UNREACHABLE, "the guest gave up"),
        ("call $culprit", CallReason.STACK_OVERFLOW, "nested too deeply"),
        ("(i32.load (i32.const -4)) drop", CallReason.OUT_OF_BOUNDS, "memory that it does not have"),
        ("(i32.store (i32.const 2147483647) (i32.const 1))", CallReason.OUT_OF_BOUNDS, "memory that it does not have"),
        ("(memory.fill (i32.const 0) (i32.const 1) (i32.const -1))", CallReason.OUT_OF_BOUNDS, "does not have"),
        ("(call_indirect (type $none) (i32.const 9))", CallReason.OUT_OF_BOUNDS, "table entry that does not exist"),
        ("(call_indirect (type $none) (i32.const 1))", CallReason.TRAP, "uninitialized element"),
        ("(call_indirect (type $number) (i32.const 0)) drop", CallReason.TRAP, "indirect call type mismatch"),
        ("(i32.div_s (i32.const 1) (i32.const 0)) drop", CallReason.TRAP, "integer divide by zero"),
        ("(i32.div_s (i32.const 0x80000000) (i32.const -1)) drop", CallReason.TRAP, "integer overflow"),
        ("(i32.trunc_f32_s (f32.const nan)) drop", CallReason.TRAP, "invalid conversion to integer"),
        (_SPIN, CallReason.FUEL, "used up its fuel"),
    ],
)
def test_traps_have_their_own_reasons(code: str, reason: CallReason, words: str) -> None:
    """Each way to trap ends with its reason, in words, and with the names of the functions on the stack."""
    failure = fails(code, extra=_TABLE, budget=CallBudget(fuel=2_000_000, deadline=30))
    assert failure.reason is reason
    assert words in failure.message
    frames = failure.backtrace.splitlines()
    assert "culprit" in frames[0]
    if reason is not CallReason.STACK_OVERFLOW:
        assert "caller" in frames[1]


def test_a_guest_that_spins_ends_at_its_deadline() -> None:
    """Fuel that would last for minutes does not outlast the deadline; the hint names the limit."""
    failure = fails(_SPIN, budget=CallBudget(fuel=10**12, deadline=0.05))
    assert failure.reason is CallReason.DEADLINE
    assert failure.message == "the call took longer than 0.05 s"
    assert "limits.deadline" in failure.hint


def test_a_guest_that_hits_its_memory_limit_ran_out_of_memory() -> None:
    """A guest that gives up with full memory is told from one that gives up, and the hint names the limit."""
    code = "(loop $l (br_if $l (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) unreachable"
    failure = fails(code, limits=StoreLimits(memory=2 << 20))
    assert failure.reason is CallReason.MEMORY
    assert "ran out of memory (2,048 KiB of 2,048 KiB in use)" in failure.message
    assert "limits.memoryMB" in failure.hint


def test_an_allocator_that_gives_up_ran_out_of_memory() -> None:
    """An allocation that fails at once, with memory hardly used, is recognized by the allocator's own frames."""
    failure = fails("call $handle_alloc_error", extra="(func $handle_alloc_error unreachable)")
    assert failure.reason is CallReason.MEMORY


def test_a_guest_that_wants_too_much_at_once_does_not_start() -> None:
    """An initial memory or table above the limit fails the instantiation with the reason memory."""

    async def main() -> None:
        for guest in (Guest(memory=64), Guest(extra="(table 30000 funcref)")):
            async with Rig(guest) as rig:
                with pytest.raises(CallFailed) as caught:
                    await rig.instance(StoreLimits(memory=1 << 20))
                assert caught.value.reason is CallReason.MEMORY

    run(main())


def test_a_start_function_has_a_budget_too() -> None:
    """A module that spins in its start function ends by fuel."""

    async def main() -> None:
        async with Rig(Guest(extra=f"(func $begin {_SPIN}) (start $begin)")) as rig:
            with pytest.raises(CallFailed) as caught:
                await rig.instance()
            assert caught.value.reason is CallReason.FUEL
            assert "begin" in caught.value.backtrace

    run(main())


_LOG = ["write"]


class _Log:
    functions = frozenset({"write"})

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, list[tuple[str, str]]]] = []

    def write(self, level: str, message: str, fields: list[tuple[str, str]]) -> None:
        self.lines.append((level, message, fields))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("0 64 4 64 0x7fffffff", "outside its memory"),
        ("0 0x7ffffff0 64 64 0", "outside its memory"),
        ("0 64 4 66 1", "misaligned"),
        ("0 32 4 64 0", "not UTF-8"),
        ("9 64 0 64 0", "a case that does not exist"),
    ],
)
def test_lies_about_arguments_are_named(arguments: str, words: str) -> None:
    """Pointers outside the memory, misaligned ones, text that is not UTF-8 and cases that do not exist end the call."""
    code = "(i32.store (i32.const 32) (i32.const 0x80ff80ff)) "
    code += " ".join(f"(i32.const {word})" for word in arguments.split()) + " call $log.write"

    async def main() -> None:
        log = _Log()
        async with Rig(Guest(imports={"log": _LOG}, bodies={HEALTH: doing(code)}), {"log": log}) as rig:
            failure = await rig.failure(HEALTH)
        assert failure.reason is CallReason.BAD_VALUE
        assert words in failure.message
        assert not log.lines

    run(main())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("i32.const -8", "outside its memory"),
        ("i32.const 1026", "misaligned"),
        ("(i32.store (i32.const 40) (i32.const 7)) i32.const 40", "a case that does not exist"),
        (
            "(i32.store (i32.const 40) (i32.const 1)) (i32.store (i32.const 44) (i32.const 60)) "
            "(i32.store (i32.const 48) (i32.const 4)) (i32.store (i32.const 60) (i32.const 0x80ff80ff)) i32.const 40",
            "not UTF-8",
        ),
        (
            "(i32.store (i32.const 40) (i32.const 1)) (i32.store (i32.const 44) (i32.const 60)) "
            "(i32.store (i32.const 48) (i32.const 0x7ffffff0)) i32.const 40",
            "outside its memory",
        ),
    ],
)
def test_lies_in_results_are_named(body: str, words: str) -> None:
    """The same lies in what an export returns."""

    async def main() -> None:
        async with Rig(Guest(bodies={HEALTH: body})) as rig:
            failure = await rig.failure(HEALTH)
        assert failure.reason is CallReason.BAD_VALUE
        assert words in failure.message

    run(main())


def test_names_in_the_guest_do_not_choose_the_reason() -> None:
    """A function that is called like an error message does not make it that error."""
    for name in ("all fuel consumed", "exceeds memory limits", "invalid utf-8 discriminant"):
        extra = f'(func $trick (@name "{name}") unreachable)'
        assert fails("call $trick", extra=extra).reason is CallReason.UNREACHABLE


def test_an_unknown_text_is_a_trap() -> None:
    """What the table does not know keeps its words under the reason trap."""
    failure = failure_of("something new happened", fuel_left=1)
    assert (failure.reason, failure.message) == (CallReason.TRAP, "the guest trapped: something new happened")
    assert failure_of("", fuel_left=1).message == "the guest trapped: no reason given"
