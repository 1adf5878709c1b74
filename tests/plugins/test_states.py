"""The life of a generation as a table."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from wasmpuck.plugins.states import TRANSITIONS, State, check

PHASES = ("load", "validate", "dependency-resolve", "initialize", "start", "running", "shutdown", "unload")
"""The eight phases of the roadmap, in order."""


def test_the_table_is_complete() -> None:
    """Every state has a row, and every row leads to known states only."""
    assert set(TRANSITIONS) == set(State)
    assert set().union(*TRANSITIONS.values()) <= set(State)


def test_the_phases_follow_each_other() -> None:
    """The eight phases can be walked in order, none left out."""
    for before, after in pairwise(PHASES):
        check(State(before), State(after))


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_nothing_else_may_happen(old: State, new: State) -> None:
    """A step is refused exactly when the table does not have it."""
    if new in TRANSITIONS[old]:
        check(old, new)
    else:
        with pytest.raises(RuntimeError, match=re.escape(f"a plugin cannot go from {old} to {new}")):
            check(old, new)


def test_what_never_ran_fails_and_what_ran_does_not() -> None:
    """Before service every state may end in `failed`; afterwards the way leads through shutdown only."""
    before = {State(phase) for phase in PHASES[:5]}
    assert {state for state in State if State.FAILED in TRANSITIONS[state]} == before
    assert {state for state in State if State.SHUTDOWN in TRANSITIONS[state]} == {State.RUNNING, State.QUARANTINED}
    assert [state for state in State if not TRANSITIONS[state]] == [State.UNLOAD, State.FAILED]


def test_every_state_can_be_reached() -> None:
    """From `load` the table leads everywhere."""
    reached, ahead = set(), {State.LOAD}
    while ahead:
        reached |= ahead
        ahead = set().union(*(TRANSITIONS[state] for state in ahead)) - reached
    assert reached == set(State)


def test_the_operators_manual_shows_every_state() -> None:
    """Whoever reads a state in a report finds it in the documentation."""
    folder = Path(__file__).resolve().parents[2] / "docs"
    text = "".join(page.read_text() for page in folder.rglob("*.md"))
    assert [state for state in State if str(state) not in text] == []
