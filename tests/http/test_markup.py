"""Text that anybody may have written, on its way into a page."""

from __future__ import annotations

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.http.markup import element, stranger, text


@given(st.text())
def test_text_comes_back_as_it_was_seen(value: str) -> None:
    """Escaping loses nothing but what would act, and leaves no mark of HTML."""
    made = text(value)
    assert not set(made) & set("<>\"'")
    assert len(unescape(made)) == len(value)
    assert all(after in (before, "\ufffd") for before, after in zip(value, unescape(made), strict=True))


@given(st.text(), st.text())
def test_no_attribute_ends_early(first: str, second: str) -> None:
    """Two attributes stay two, whatever they hold."""
    assert element("a", href=first, title=second).count('"') == 4


@given(st.text(alphabet="a\u0301\u0302\u20dd\u0e47 \u202e\u2066b", max_size=60))
def test_strangers_stay_in_their_line(value: str) -> None:
    """No letter carries more than four marks, and nothing changes the direction of what follows."""
    made = stranger(value)
    assert made.startswith("<bdi>")
    assert made.endswith("</bdi>")
    assert not set(made) & set("\u202e\u2066")
    run = 0
    for character in made:
        run = run + 1 if character in "\u0301\u0302\u20dd\u0e47" else 0
        assert run <= 4


@pytest.mark.parametrize(
    "character",
    ["\u00ad", "\u061c", "\u115f", "\u3164", "\u180e", "\u2028", "\u202a", "\u2060", "\u2069", "\ufff9", "\U000e0041"],
)
def test_more_of_what_would_act_is_shown(character: str) -> None:
    """Fillers, soft hyphens, tags and marks of direction appear as a replacement character."""
    assert text(f"a{character}b") == "a\ufffdb"


def test_scripts_that_need_joiners_keep_them() -> None:
    """Persian, Hindi and families of emoji are written with zero-width joiners."""
    for word in ("\u0645\u06cc\u200c\u062e", "क\u094d\u200dष", "👩\u200d💻", "Nguyễn", "שָׁלוֹם"):
        assert "\ufffd" not in stranger(word)


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    """Listings show the beginning."""
    assert stranger("x" * 20, longest=10) == f"<bdi>{'x' * 9}…</bdi>"
