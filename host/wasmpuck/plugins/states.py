"""The life of a generation of a plugin, as a table.

Theory of operation. A generation walks through the eight phases of the roadmap in order; the table says which steps
there are and nothing else may happen. `prepare` takes it from `load` to `start` beside the generation in service;
publishing makes it `running`; being replaced, disabled or stopped takes it through `shutdown` to `unload`. Whatever
goes wrong before it runs ends in `failed`, with the reason kept, and leaves the old generation in service. A failure
whose policy is `quarantine` takes it out of use: no guest code of it runs again, and it stays in its place, so that
requests meet its `failure` setting until another generation replaces it.

    load → validate → dependency-resolve → initialize → start → running ──────────→ shutdown → unload
      └────────┴──────────────┴────────────────┴─────────┤         └→ quarantined ─────┘
                                                         └→ failed
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["TRANSITIONS", "State", "check"]


class State(StrEnum):
    """Where a generation is. The value is shown to operators."""

    LOAD = "load"
    VALIDATE = "validate"
    DEPENDENCY_RESOLVE = "dependency-resolve"
    INITIALIZE = "initialize"
    START = "start"
    RUNNING = "running"
    QUARANTINED = "quarantined"
    SHUTDOWN = "shutdown"
    UNLOAD = "unload"
    FAILED = "failed"


#: From each state, the states that may follow.
TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.LOAD: frozenset({State.VALIDATE, State.FAILED}),
    State.VALIDATE: frozenset({State.DEPENDENCY_RESOLVE, State.FAILED}),
    State.DEPENDENCY_RESOLVE: frozenset({State.INITIALIZE, State.FAILED}),
    State.INITIALIZE: frozenset({State.START, State.FAILED}),
    State.START: frozenset({State.RUNNING, State.FAILED}),
    State.RUNNING: frozenset({State.QUARANTINED, State.SHUTDOWN}),
    State.QUARANTINED: frozenset({State.SHUTDOWN}),
    State.SHUTDOWN: frozenset({State.UNLOAD}),
    State.UNLOAD: frozenset(),
    State.FAILED: frozenset(),
}


def check(old: State, new: State) -> None:
    """Refuses a step that the table does not have: a defect of the server, not of a plugin."""
    if new not in TRANSITIONS[old]:
        raise RuntimeError(f"a plugin cannot go from {old} to {new}")
