"""Imports that say what a test wants and remember what they were asked, for what needs more than an instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import identifier

__all__ = ["fake"]


def fake(interface: str, answers: dict[str, Any], asked: list[tuple[Any, ...]]) -> Any:
    """An import whose functions return `answers` by their WIT names; a callable answer gets the arguments.

    A resource's answers are a dictionary under its name; an iterator's answers are given one after the other. `asked`
    collects function and arguments.
    """
    known = load_contract()[interface]
    methods = [name.removeprefix("[method]").split(".") for name in known.functions if name.startswith("[method]")]
    empty: dict[str, dict[str, Any]] = {}
    for owner, name in methods:
        empty.setdefault(owner, {})[name] = None
    resources = {owner: _resource(owner, kinds | answers.get(owner, {}), asked) for owner, kinds in empty.items()}

    def function(name: str) -> Any:
        def called(_: Any, *arguments: Any) -> Any:
            asked.append((name, *arguments))
            answer = answers[name]
            return answer(*arguments) if callable(answer) else answer

        return called

    names = frozenset(name for name in known.functions if not name.startswith("["))
    body: dict[str, Any] = {identifier(name): function(name) for name in names}
    body |= {"functions": names, "resources": resources, "arm": lambda _: None}
    return type("Fake", (), body)()


def _resource(owner: str, answers: dict[str, Any], asked: list[tuple[Any, ...]]) -> type:
    def method(name: str) -> Any:
        def called(_: Any, *arguments: Any) -> Any:
            asked.append((f"{owner}.{name}", *arguments))
            answer = answers[name]
            return next(answer) if isinstance(answer, Iterator) else answer

        return called

    def close(_: Any) -> None:
        asked.append((f"{owner}.drop",))

    return type("Resource", (), {identifier(name): method(name) for name in answers} | {"close": close})
