"""Headers that list what a client would like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.weights import weighed


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("gzip", [("gzip", 1.0)]),
        ("Text/HTML;level=1; Q=0.5 , */* ;q=0", [("text/html", 0.5), ("*/*", 0.0)]),
        ("a;q=x, b;q", [("a", 0.0), ("b", 0.0)]),
        ("a;q=0.1;q=0.2", [("a", 0.2)]),
        ("", [("", 1.0)]),
    ],
)
def test_names_and_weights_are_read_in_order(header: str, found: list[tuple[str, float]]) -> None:
    """Lower case, without parameters; what is no number weighs nothing, the last weight counts."""
    assert list(weighed(header)) == found


@given(st.text(max_size=80))
def test_any_text_is_read(header: str) -> None:
    """There is an entry for each element, whatever a client sends."""
    assert len(list(weighed(header))) == header.lower().count(",") + 1
