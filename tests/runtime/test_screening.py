"""The look at a component before it is compiled: what it refuses, in which words, and what it lets through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import wasmtime
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime import bombs
from runtime.bombs import NOTHING, component, module, section, u32, vector
from runtime.guests import Guest, engine
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime.instructions import Blocks, NotUnderstood, blocks
from wasmpuck.runtime.proportions import Screened, ScreeningLimits
from wasmpuck.runtime.screening import screen

_DIST = Path(__file__).resolve().parents[2] / "plugins-dist"
_HONEST = Guest().binary()
_NO_LIMIT = Blocks(10**9, 10**9, 10**9)


def refusal(data: bytes, limits: ScreeningLimits | None = None) -> ArtifactRefused:
    with pytest.raises(ArtifactRefused) as caught:
        screen(data, limits or ScreeningLimits())
    return caught.value


# --- bombs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bombs.nested(500_000), "body 0 of core module 1 has more than 4,000 nested blocks"),
        (lambda: bombs.nested_ifs(100_000), "more than 4,000 nested blocks"),
        (lambda: bombs.adds(7_200_000), "body 0 of core module 1 has 7,200,007 bytes; at most 2,097,152 are compiled"),
        (lambda: bombs.ifs(200_000, 1_000), "1,000 locals and 1,800,005 bytes"),
        (lambda: bombs.ifs(100_000, 10), "more than 30,000 blocks"),
        (lambda: bombs.loops(20_000, 50_000), "50,000 locals and 140,006 bytes; at most 10,000 locals are compiled"),
        (lambda: bombs.loops(20_000, 500), "more than 4,000 loops"),
        (lambda: bombs.passing_loops(2_000, 100), "type 1 of core module 1 has 100 parameters and 100 results"),
        (lambda: bombs.empties(999_000), "more than 50,000 functions: 999,000 in core module 1"),
        (lambda: bombs.calls(100_000, 20), "more than 50,000 functions"),
    ],
)
def test_bombs(make: Callable[[], bytes], words: str) -> None:
    """What costs a compiler minutes or gigabytes is refused with the place, the number and the limit."""
    refused = refusal(make())
    assert refused.reason is Refusal.TOO_LARGE
    assert words in refused.message
    assert refused.hint


def test_functions_are_counted_over_all_modules() -> None:
    """Many modules of a permitted size are not permitted together."""
    one = bombs.empties(20_000)[12:]
    refused = refusal(component(one, one, one))
    assert "20,000 in core module 3" in refused.message


def test_nesting_is_exact() -> None:
    """A body at the limit passes, one block more does not."""
    limit = ScreeningLimits().nesting
    assert screen(bombs.nested(limit)).decoded > 0
    assert "nested" in refusal(bombs.nested(limit + 1)).message


# --- limits -------------------------------------------------------------------------------------------


def memory(limits: bytes) -> bytes:
    return component(module(section(5, vector([limits]))))


def table(entry: bytes) -> bytes:
    return component(module(section(4, vector([entry]))))


def inside(depth: int) -> bytes:
    inner = component()
    for _ in range(depth):
        inner = component() + section(4, inner)
    return inner


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (component(*[module()] * 401), "more than 400 modules and components"),
        (inside(9), "nested more than 8 deep"),
        (component() + section(0, b"\x01x") * 10_001, "more than 10,000 sections"),
        (component() + section(6, u32(100_001)), "more than 100,000 definitions"),
        (component(module(section(7, u32(60_000)), section(11, u32(60_000)))), "more than 100,000 definitions"),
        (memory(b"\0" + u32(8_193)), "memory 0 of core module 1 begins with 512 MiB; at most 512 are allowed"),
        (component(module(section(5, vector([b"\0\x01"] * 17)))), "more than 16 memories"),
        (table(b"\x70\0" + u32(1_000_001)), "table 0 of core module 1 begins with 1,000,001 elements"),
        (component(module(section(4, vector([b"\x70\0\0"] * 101)))), "more than 100 tables"),
        (component(module(section(1, vector([b"\x60" + vector([b"\x7f"] * 257) + b"\0"])))), "257 parameters"),
        (component(module(section(10, vector([bombs.body(b"", [(0, 0x7F)] * 400_001)])))), "groups of locals"),
    ],
)
def test_too_much_of_something(data: bytes, words: str) -> None:
    """Each count has a limit of its own."""
    refused = refusal(data)
    assert refused.reason is Refusal.TOO_LARGE
    assert words in refused.message


def test_too_many_bytes() -> None:
    """The size is looked at first."""
    refused = refusal(_HONEST, ScreeningLimits(size=100))
    assert (refused.reason, "at most 100" in refused.message) == (Refusal.TOO_LARGE, True)


def test_decoding_is_bounded() -> None:
    """So is the code that has to be looked at instruction by instruction."""
    refused = refusal(bombs.ifs(20_000, 10), ScreeningLimits(decoded=100_000))
    assert "unusually many blocks" in refused.message


@pytest.mark.parametrize("limits", [b"\0\x01", b"\x01\x01\x80\x80\x04"])
def test_a_declared_maximum_costs_nothing(limits: bytes) -> None:
    """A memory may declare any maximum."""
    assert screen(memory(limits)).memories == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (memory(b"\x03\x01\x01"), "memory 0"),  # shared
        (memory(b"\x04\x01"), "memory 0"),  # 64-bit
        (table(b"\x40\0\x70\0\0\xd0\x70\x0b"), "table 0"),  # with an initial value
        (component(module(section(1, vector([b"\x5f\0"])))), "type 0"),  # a structure
        (component(module(section(1, vector([b"\x4e\x01\x60\0\0"])))), "type 0"),  # a recursion group
        (component(module(section(1, vector([b"\x60\x02\x63\x00\0"])))), "type 0"),  # a typed reference
    ],
)
def test_what_plugins_do_not_use(data: bytes, words: str) -> None:
    """Shapes of proposals that the engine has switched off are refused by name, not misread."""
    refused = refusal(data)
    assert refused.reason is Refusal.COMPILE_FAILED
    assert words in refused.message
    assert "of a kind that plugins do not use" in refused.message


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (b"", "does not begin as a component does"),
        (b"\0asm\x01\0\0\0", "does not begin as a component does"),
        (component() + b"\x01", "cut off"),
        (component() + b"\x01\x80\x80\x80\x80\x80\x01", "cut off or too long"),
        (component() + section(1, b"\0asm"), "the core module at byte 10"),
        (component() + section(4, b"\0asm\x01\0\0\0"), "the component at byte 10"),
        (component(module(b"\x01\x7f")), "says that it has 127 bytes"),
        (component(module(section(1, u32(2) + NOTHING))), "types of core module 1 are cut off"),
        (component(module(section(1, u32(1) + b"\x60\x09\x7f\0"))), "cut off"),
        (component(module(section(10, u32(1) + b"\x7f\0"))), "body 0 of core module 1 is cut off"),
        (component(module(section(5, u32(1)))), "memory 0 of core module 1 is cut off"),
        (component(module(section(4, u32(1) + b"\x70"))), "table 0 of core module 1 is cut off"),
        (component(module(section(2, b""))), "cut off"),
    ],
)
def test_damage(cut: bytes, words: str) -> None:
    """What is cut off or garbled is refused with the place."""
    refused = refusal(cut)
    assert refused.reason is Refusal.COMPILE_FAILED
    assert words in refused.message


# --- what passes ----------------------------------------------------------------------------------------


def test_an_honest_guest() -> None:
    """A small component passes, and everything in it is counted."""
    found = screen(_HONEST)
    assert found == Screened(
        modules=2,
        components=0,
        sections=found.sections,
        entries=found.entries,
        functions=16,
        code=found.code,
        local_groups=1,
        memories=1,
    )
    assert 0 < found.code < len(_HONEST)
    assert 0 < found.sections < found.entries


@pytest.mark.parametrize("path", sorted(_DIST.glob("*.wasm")), ids=lambda path: str(path.name))
def test_the_plugins_that_are_shipped(path: Path) -> None:
    """The built plugins stay far below every limit, and none of their code has to be decoded."""
    found, limits = screen(path.read_bytes()), ScreeningLimits()
    assert found.decoded == 0
    for name in ("entries", "functions", "sections", "local_groups", "memories", "tables"):
        assert getattr(found, name) * 3 < getattr(limits, name), name
    assert (found.modules + found.components) * 3 < limits.parts


def test_every_limit_can_be_set() -> None:
    """No limit is left out: with all of them at zero even an empty component is too large."""
    nothing = ScreeningLimits(**{field.name: 0 for field in fields(ScreeningLimits)})
    assert refusal(component(), nothing).reason is Refusal.TOO_LARGE


# --- any bytes --------------------------------------------------------------------------------------------


def survives(data: bytes, limits: ScreeningLimits | None = None) -> None:
    """Passes or is refused: any other exception fails the test."""
    reason = None
    try:
        screen(data, limits or ScreeningLimits())
    except ArtifactRefused as refused:
        reason = refused.reason
    assert reason in (None, Refusal.COMPILE_FAILED, Refusal.TOO_LARGE)


@settings(deadline=None)
@given(st.binary(max_size=400))
@example(b"\0asm\x0d\0\x01\0\x01")
def test_any_bytes_behind_a_header(data: bytes) -> None:
    """Whatever follows the header, it passes or is refused."""
    survives(component() + data)
    survives(component(module(data)))
    survives(component(module() + data))


@settings(deadline=None)
@given(st.integers(0, len(_HONEST) - 1), st.binary(min_size=1, max_size=6), st.booleans())
def test_any_damage_to_an_honest_guest(place: int, patch: bytes, cut: bool) -> None:
    """Wherever an honest component is changed or cut, it passes or is refused."""
    survives(_HONEST[:place] + patch + (b"" if cut else _HONEST[place + len(patch) :]))


@settings(deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_any_damage_to_code_that_is_decoded(place: int, patch: bytes) -> None:
    """Wherever a body that is decoded is changed, it passes or is refused."""
    honest = bombs.ifs(40, 5)
    survives(honest[:place] + patch + honest[place + len(patch) :], ScreeningLimits(nesting=3, loops=3))


# --- instructions -------------------------------------------------------------------------------------------

#: One of each family of instructions, blocks between them.
_FAMILIES = """(module
  (memory 1) (table 2 funcref) (global $g (mut i32) (i32.const 0))
  (elem declare func $f) (data $d "x") (elem $e func $f)
  (type $t (func))
  (func $f (param i32 i64 f32 f64) (result i32) (local v128)
    (drop (f32.const 1.5)) (drop (f64.const 11)) (drop (i64.const -1)) (drop (i32.const 2816))
    (block (loop (if (local.get 0) (then nop) (else (br 1)))))
    (block (block (block (br_table 0 1 2 0 1 2 (local.get 0)))))
    (drop (select (result i64) (i64.const 3) (i64.const 11) (local.get 0)))
    (drop (select (local.get 0) (local.get 0) (local.get 0)))
    (i32.store offset=2816 align=1 (i32.const 0) (i32.load8_u offset=11 (i32.const 3)))
    (drop (i32.trunc_sat_f32_s (f32.const 2))) (drop (i64.extend32_s (i64.const 11)))
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop $d)
    (memory.copy (i32.const 0) (i32.const 0) (i32.const 0)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))
    (table.init $e (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop $e)
    (table.copy (i32.const 0) (i32.const 0) (i32.const 0)) (drop (table.size))
    (drop (table.grow (ref.null func) (i32.const 1))) (table.fill (i32.const 0) (ref.func $f) (i32.const 1))
    (table.set (i32.const 0) (table.get (i32.const 0))) (drop (ref.is_null (ref.null extern)))
    (local.set 4 (v128.const i32x4 11 11 11 11)) (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 2 3 4 11
      (local.get 4) (local.get 4)))
    (drop (i8x16.extract_lane_u 11 (local.get 4))) (v128.store (i32.const 0) (v128.load offset=11 (i32.const 0)))
    (v128.store8_lane 11 (i32.const 0) (local.get 4)) (drop (v128.load32_zero (i32.const 0)))
    (drop (i64x2.mul (local.get 4) (local.get 4))) (drop (f64x2.sqrt (local.get 4)))
    (drop (i32x4.splat (i32.const 11))) (drop (i32x4.trunc_sat_f64x2_u_zero (local.get 4)))
    (loop (call_indirect (type $t) (i32.const 0))) (global.set $g (local.tee 0 (memory.grow (memory.size))))
    (drop (call $f (i32.const 11) (i64.const 11) (f32.const 11) (f64.const 11)))
    (return (global.get $g))))"""


def test_every_family_of_instructions_is_read() -> None:
    """Operands of every kind are stepped over exactly: the blocks between them are counted right."""
    data = bytes(wasmtime.wat2wasm(_FAMILIES))
    wasmtime.Module.validate(engine().stock, data)
    start = data.rindex(b"\x01\x01\x7b") + 3  # behind the one group of locals
    end = start + data[start:].rindex(b"\x0f\x0b") + 2
    assert blocks(data, start, end, _NO_LIMIT) == Blocks(nesting=3, blocks=7, loops=2)


@pytest.mark.parametrize("code", [b"\x06\x40", b"\x08\0", b"\x12\0", b"\x1f\x40\0", b"\xfb\0", b"\xfe\0", b"\xfc\x12"])
def test_instructions_of_other_proposals(code: bytes) -> None:
    """Exceptions, tail calls, collected objects and threads are not understood, instead of misread."""
    with pytest.raises(NotUnderstood):
        blocks(code, 0, len(code), _NO_LIMIT)


@pytest.mark.parametrize(
    "code",
    [
        b"\x02",
        b"\x0e\x05\0",
        b"\x0e",
        b"\x1c\x02\x7f",
        b"\x44\0",
        b"\xfd\x0c\0",
        b"\x41\x80",
        b"\x0e\xff\xff\x7f" + bytes(9),
    ],
)
def test_instructions_that_are_cut_off(code: bytes) -> None:
    """Code that ends in the middle of an instruction is not understood."""
    with pytest.raises(NotUnderstood):
        blocks(code, 0, len(code), _NO_LIMIT)


def test_long_code_is_read_in_pieces() -> None:
    """A run of more instructions than one step takes is read whole."""
    code = b"\x01" * 20_000 + b"\x02\x40\x0b"
    assert blocks(code, 0, len(code), _NO_LIMIT) == Blocks(1, 1, 0)
