"""Work at a later time: scheduling (import `tasks`) and doing it (export `task-handler`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, TypeVar

from . import _registry, _seam
from ._times import Span, milliseconds, since_1970
from .errors import HostError, PluginError

__all__ = ["TasksError", "cancel", "every", "schedule", "task"]

_F = TypeVar("_F", bound=Callable[[], None])


class TasksError(HostError):
    """Why a task was not scheduled."""

    TooMany: ClassVar[type[TasksError]]
    TooOften: ClassVar[type[TasksError]]
    BadName: ClassVar[type[TasksError]]
    Other: ClassVar[type[TasksError]]

    cases: ClassVar = {
        "too-many": "As many tasks as granted exist already.",
        "too-often": "The interval is below the least one granted.",
        "bad-name": "The name is empty or longer than 64 bytes.",
        "other": "The task was not scheduled.",
    }


def task(name: str) -> Callable[[_F], _F]:
    """Decorates the function that does the task of this name; the plugin schedules it with `schedule`."""
    return _register(name, None)


def every(interval: Span, name: str = "") -> Callable[[_F], _F]:
    """Decorates a function that is called every so many seconds, from when the plugin goes into service. The task is
    called `name`, or as the function.
    """
    milliseconds(interval)
    return _register(name, interval)


def _register(name: str, interval: Span | None) -> Callable[[_F], _F]:
    def register(function: _F) -> _F:
        known = _registry.current().tasks
        label = name or function.__name__
        if label in known:
            raise PluginError(
                f"the task `{label}` has two functions: {known[label][0].__name__} and {function.__name__}"
            )
        known[label] = (function, interval)
        return function

    return register


def schedule(name: str, *, every: Span | None = None, after: Span | None = None, at: datetime | None = None) -> None:
    """Schedules a task in one of three ways: again and again, once after a while, once at a time. One of the same name
    is replaced.
    """
    given: list[_seam.Case] = []
    if every is not None:
        given.append(_seam.Case("every", milliseconds(every)))
    if after is not None:
        given.append(_seam.Case("after", milliseconds(after)))
    if at is not None:
        given.append(_seam.Case("at", since_1970(at)))
    if len(given) != 1:
        raise TypeError("schedule needs exactly one of every=, after= and at=")
    _seam.call(TasksError, "tasks.schedule", name, given[0])


def cancel(name: str) -> bool:
    """Cancels a task; false when there was none."""
    return bool(_seam.call(TasksError, "tasks.cancel", name))
