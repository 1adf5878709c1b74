from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.openpgp.userids import display_text, domains_of, email_of, identities_of, words_of


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
        ("two <a@example.org> <b@example.org>", "b@example.org"),
        ("Ann <the first> <ann@example.org>", "ann@example.org"),
        ("Ann <ann@example.org> (home)", "ann@example.org"),
        ("Ann <ann@example.org", None),
        ("> <", None),
        ("", None),
    ],
)
def test_the_address_is_what_stands_in_angle_brackets(text: str, address: str | None) -> None:
    """The last ones count, because a name may hold some too; or the whole text is the address."""
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


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["steven-12345 (Test) <steven.test@example.com>"], ("steven", "12345", "test", "example", "com")),
        (["Miles O'Brien_the 2nd"], ("miles", "o", "brien", "the", "2nd")),
        (["Будимир Ž 李雷"], ("будимир", "ž", "李雷")),
        (["Zoe\u0308"], ("zo\u00eb",)),
        (["Ann", "ann", "Anna"], ("ann", "anna")),
        (["--- <>", ""], ()),
        (["x" * 100], ("x" * 64,)),
    ],
)
def test_words_are_runs_of_letters_and_digits(texts: list[str], words: tuple[str, ...]) -> None:
    """In lower case, composed, each once, of any script."""
    assert words_of(texts) == words


@given(st.text())
def test_a_search_for_a_part_finds_the_words_of_the_whole(text: str) -> None:
    """Whoever searches for words as they stand in a user id finds it, whatever stands between them."""
    words = words_of([text])
    assert set(words_of([" ".join(words)])) == set(words)


def test_the_number_of_words_is_bounded() -> None:
    """A user id of two thousand letters does not become two thousand index entries."""
    assert len(words_of([" ".join(map(str, range(1000)))])) == 500


def test_domains_are_those_of_the_addresses() -> None:
    """Each once, in lower case; a user id without an address has none."""
    texts = ["Ann <ann@Example.ORG>", "bob@example.org.", "Eve <eve@example.net>", "https://example.com", "<x@.>"]
    assert domains_of(texts) == ("example.org", "example.net")
