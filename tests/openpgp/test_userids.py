from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.openpgp.userids import display_text, email_of, identities_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Ann <ann@example.org>", "ann@example.org"),
        ("<ann@example.org>", "ann@example.org"),
        ("ann@example.org", "ann@example.org"),
        ("Ann (work) <Ann.B@Example.ORG>", "Ann.B@Example.ORG"),
        ("Ann", None),
        ("https://example.org/~ann", None),
        ("Ann <nobody>", None),
        ("Ann <@example.org>", None),
        ("Ann <ann@>", None),
        ("write to ann@example.org", None),
        ("two <a@example.org> <b@example.org>", None),
        ("", None),
    ],
)
def test_the_address_is_what_stands_in_angle_brackets(text: str, address: str | None) -> None:
    """Or the whole text if it is one; two addresses are none."""
    assert email_of(text) == address


def test_a_user_id_is_found_by_its_address_and_by_its_text() -> None:
    """Both in lower case; a text that would not fit into an index entry is left out."""
    assert identities_of("Ann <Ann@Example.org>") == ("ann@example.org", "ann <ann@example.org>")
    assert identities_of("ÄNN") == ("änn",)
    assert identities_of("x" * 2000 + "<ann@example.org>") == ("ann@example.org",)
    assert identities_of(" ") == ()


@given(st.binary(max_size=100))
def test_any_bytes_have_a_text_without_control_characters(body: bytes) -> None:
    """A terminal or a log gets no line feed or escape from a user id."""
    text = display_text(body)
    assert not any(ord(character) < 0x20 or ord(character) == 0x7F for character in text)
    text.encode()


@given(st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"])))
def test_text_is_shown_as_it_is(text: str) -> None:
    """What is UTF-8 and visible is not altered."""
    assert display_text(text.encode()) == text
