"""Regular expressions that take no longer than they may."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.plugins.expressions import MAX_STATES, BadExpression, Expression

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "^", "$", "[a-c1]", r"\."])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds("({})".format, inner)
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("{}{}".format, inner, inner)
        | st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}", "*?"]))
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, st.lists(st.text("ab1.", max_size=8), max_size=4))
def test_it_finds_what_python_finds(written: str, texts: list[str]) -> None:
    """On expressions that both know, the answer is that of `re`."""
    expression = Expression(written)
    for text in texts:
        assert expression.found(text) is (re.search(written, text) is not None)


@pytest.mark.parametrize("written", ["(a*)*b", "(a|a)*b", "(a|aa)+$b", "(.*)*(.*)*x", "(a?){30}a{30}b"])
def test_expressions_that_backtrack_take_few_steps(written: str) -> None:
    """What takes `re` longer than anybody waits is a machine of few states, each looked at once for each character."""
    expression = Expression(written)
    assert expression.size < 500
    assert not expression.found("a" * 2_000)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("(a", "the ( at character 1 is not closed"),
        ("a)", "the ) at character 2 closes nothing"),
        ("*a", "the * at character 1 repeats nothing"),
        ("a{3,2}", "{3,2} ends before it begins"),
        ("[a", "the class at character 1 is not understood"),
        ("[b-a]", "bad character range"),
        ("[a--b]", "the class at character 1 is not understood"),
        (r"\b", "the escape at character 1 is not understood"),
        (r"(a)\1", "the escape at character 4 is not understood"),
        ("(?=a)", "cannot be used here"),
        ("(?<x>a)", "cannot be used here"),
        ("(" * 30 + ")" * 30, "nested deeper than 20"),
        ("(a{100}){100}", f"more than {MAX_STATES} states"),
    ],
)
def test_what_is_not_taken_is_named(written: str, why: str) -> None:
    """An expression that is wrong, too large or beyond such a machine is refused with the place."""
    with pytest.raises(BadExpression) as caught:
        Expression(written)
    assert why in str(caught.value)


@given(st.text("()[]{}|*+?^$\\.ab-1,:=", max_size=30))
def test_any_text_is_taken_or_refused(written: str) -> None:
    """Whatever is written, the answer is an expression or a refusal; what is taken is one for Python too."""
    try:
        Expression(written)
    except BadExpression:
        return
    re.compile(written)
