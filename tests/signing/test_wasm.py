from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.publisher import CORE_MODULE, EMPTY, SMALL, signed
from wasmpuck_signing import Refused, wasm
from wasmpuck_signing.errors import NotAComponent, TooLarge, Unreadable


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_numbers_come_back_as_they_were_written(value: int) -> None:
    """Every 32-bit number survives the way through LEB128, in the canonical reader too."""
    data = wasm.encode_u32(value)
    assert wasm.decode_u32(data, 0, len(data), canonical=True) == (value, len(data))


@pytest.mark.parametrize("value", [-1, 2**32])
def test_numbers_outside_of_32_bits_are_not_written(value: int) -> None:
    """A number that does not fit in 32 bits cannot be encoded."""
    with pytest.raises(ValueError, match="does not fit"):
        wasm.encode_u32(value)


def test_padded_numbers_are_only_read_where_they_are_allowed() -> None:
    """A padded LEB128 number is read by default and refused by the canonical reader."""
    assert wasm.decode_u32(b"\x81\x80\x00", 0, 3) == (1, 3)
    with pytest.raises(Unreadable, match="shortest form"):
        wasm.decode_u32(b"\x81\x80\x00", 0, 3, canonical=True)


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff\x10", b"\x80\x80\x80\x80\x80\x00", b"\xff\xff\xff\xff\xff"])
def test_numbers_past_32_bits_are_refused(data: bytes) -> None:
    """A LEB128 number with a 33rd bit or a sixth byte is refused."""
    with pytest.raises(Unreadable, match="longer than 32 bits"):
        wasm.decode_u32(data, 0, len(data))


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", NotAComponent, "the file is empty"),
        (CORE_MODULE, NotAComponent, "core WebAssembly module, not a component"),
        (CORE_MODULE + b"\x01\x00", NotAComponent, "core WebAssembly module, not a component"),
        (b"\0asm\x0e\0\x01\0", NotAComponent, "unknown version or layer (header 00 61 73 6d 0e 00 01 00)"),
        (b"\0asm\x01\0\x01\0", NotAComponent, "unknown version or layer"),
        (b"(component)\n", NotAComponent, "a text file"),
        ("Grüße, ".encode() * 200, NotAComponent, "a text file"),
        (b"\x7fELF\x02\x01\x01\0\0\0", NotAComponent, "not WebAssembly"),
        (b"\0asm", Unreadable, "truncated: it ends after 4 bytes, inside the header"),
        (EMPTY[:7], Unreadable, "truncated: it ends after 7 bytes, inside the header"),
        (EMPTY + b"\x01", Unreadable, "truncated: a number at byte 9 is cut off"),
        (EMPTY + b"\x01\x05\x00", Unreadable, "truncated: the section at byte 8 lacks 4 bytes"),
        (EMPTY + b"\x0d\x00", Unreadable, "unknown id 13"),
        (EMPTY + b"\x00\x02\x05a", Unreadable, "runs past its end"),
        (EMPTY + b"\x00\x02\x01\xff", Unreadable, "not UTF-8"),
        (EMPTY + b"\x00\x00", Unreadable, "a number at byte 10 is cut off"),
    ],
)
def test_what_is_not_a_component_is_named(data: bytes, kind: type[Refused], message: str) -> None:
    """Each kind of wrong file is refused with a sentence of its own and a hint."""
    with pytest.raises(kind) as caught:
        wasm.sections(data)
    assert message in caught.value.message
    assert caught.value.hint


def test_the_walk_is_bounded() -> None:
    """A file of very many empty sections is given up on."""
    data = EMPTY + b"\x01\x00" * (wasm.MAX_SECTIONS + 1)
    with pytest.raises(TooLarge, match="more than 16384 sections"):
        wasm.sections(data)
    assert len(wasm.sections(data[:-2])) == wasm.MAX_SECTIONS


def test_sections_have_kinds_names_and_sizes() -> None:
    """The walk reports each section's kind, name, place and size."""
    module, note = wasm.sections(SMALL)
    assert (module.kind, module.name, module.start, module.size) == ("core-module", "", 8, 10)
    assert (note.kind, note.name, SMALL[note.content : note.end]) == ("custom", "note", b"\0\x01\x02")
    assert note.end == len(SMALL)


@settings(deadline=None)
@given(st.text(max_size=20), st.binary(max_size=300))
def test_an_appended_section_is_found_and_can_be_taken_out(name: str, content: bytes) -> None:
    """Appending a custom section, reading it and removing it again gives back the file."""
    data = wasm.append_custom(EMPTY + b"\x01\x00", name, content)
    assert wasm.custom_sections(data, name) == [content]
    assert wasm.without_custom(data, name) == EMPTY + b"\x01\x00"


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", EMPTY, EMPTY + b"\x00\x08", CORE_MODULE]))
def test_any_bytes_are_walked_or_refused(tail: bytes, head: bytes) -> None:
    """Whatever the bytes, the walk either covers all of them without a gap or refuses."""
    data = head + tail
    try:
        found = wasm.sections(data)
    except Refused:
        return
    assert [8, *(one.end for one in found)] == [*(one.start for one in found), len(data)]
    assert all(one.start < one.content <= one.end for one in found)


def test_a_file_cut_inside_a_section_is_refused() -> None:
    """A file cut anywhere but between two sections cannot be walked."""
    data = signed()
    edges = {8, *(one.end for one in wasm.sections(data))}
    for length in range(len(data)):
        if length in edges:
            wasm.sections(data[:length])
        else:
            with pytest.raises(Refused):
                wasm.sections(data[:length])
