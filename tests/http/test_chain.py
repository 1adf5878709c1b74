"""What plugins get of a request is text, whatever was on the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.http.chain import text_for_guests


@given(st.text(alphabet=st.characters(codec=None, categories=("L", "N", "P", "S", "Z", "Cs"))))
def test_text_for_guests_is_always_utf_8(value: str) -> None:
    """Whatever aiohttp made of the bytes on the wire, what a guest gets can be encoded, and valid text is unchanged."""
    shown = text_for_guests(value)
    assert shown.encode().decode() == shown
    if not any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        assert shown == value
