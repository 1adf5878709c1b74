from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.errors import BadRequest
from wasmpuck.openpgp.search import Search, SearchKind

FINGERPRINT = "eb85bb5fa33a75e15e944e63f231550c4f47e38e"
SPACED = " ".join(FINGERPRINT[start : start + 4].upper() for start in range(0, 40, 4))


@pytest.mark.parametrize("operation", ["get", "index", "vindex"])
@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (f"0x{FINGERPRINT}", SearchKind.FINGERPRINT, FINGERPRINT),
        (f"0X{FINGERPRINT.upper()}", SearchKind.FINGERPRINT, FINGERPRINT),
        (f" {FINGERPRINT} ", SearchKind.FINGERPRINT, FINGERPRINT),
        (SPACED, SearchKind.FINGERPRINT, FINGERPRINT),
        (f"0x{SPACED}", SearchKind.FINGERPRINT, FINGERPRINT),
        (SPACED[:24] + " " + SPACED[24:], SearchKind.FINGERPRINT, FINGERPRINT),
        ("ab" * 16, SearchKind.FINGERPRINT, "ab" * 16),
        ("0x" + "ab" * 32, SearchKind.FINGERPRINT, "ab" * 32),
        ("F231550C4F47E38E", SearchKind.KEY_ID, "f231550c4f47e38e"),
        ("0xF231550C4F47E38E", SearchKind.KEY_ID, "f231550c4f47e38e"),
        ("0x4F47E38E", SearchKind.SHORT_KEY_ID, "4f47e38e"),
        ("4F47E38E", SearchKind.TEXT, "4f47e38e"),
        ("Ann@Example.org", SearchKind.EMAIL, "ann@example.org"),
        ("<ann@example.org>", SearchKind.EMAIL, "ann@example.org"),
        ("Ann <ann@example.org>", SearchKind.TEXT, "ann <ann@example.org>"),
        ("Ann Example", SearchKind.TEXT, "ann example"),
        ("face" * 3, SearchKind.TEXT, "face" * 3),
        ("dead beef", SearchKind.TEXT, "dead beef"),
    ],
)
def test_a_search_means_the_same_for_every_operation(text: str, kind: SearchKind, value: str, operation: str) -> None:
    """Fingerprints and key ids, with or without 0x, in any case and spacing, addresses, and texts."""
    assert Search.parse(text, operation=operation) == Search(kind, value)


@pytest.mark.parametrize("text", ["", "  ", "0x", "0x12", "0xghijklmn", "0x%%%%%%%%%%%%%%%%", "a\0b", "x" * 2000])
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    """With a sentence that says what would do."""
    with pytest.raises(BadRequest) as caught:
        Search.parse(text)
    assert caught.value.hint


@given(st.text(max_size=100))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """No search raises anything else, and values are in lower case."""
    try:
        found = Search.parse(text)
    except BadRequest:
        return
    assert found.value == found.value.lower()
