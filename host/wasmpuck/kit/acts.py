"""Acts: what is to happen to a plugin, in a file that `record` and `bench` read.

A JSON array; each element is one of

    {"call": "middleware.on-request", "arguments": [{…}]}
    {"advance": 60}
    {"deliver": "key.inserted", "payload": "{}"}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmpuck.errors import BadRequest
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.kit.exports import export_type
from wasmpuck.kit.stand import Stand
from wasmpuck.kit.values import arguments_from_json

__all__ = ["Act", "perform", "read_acts"]


@dataclass(frozen=True, slots=True)
class Act:
    """`call` with `arguments`, or a topic to `deliver` with `payload`, or seconds to `advance`; others are empty."""

    call: str = ""
    arguments: tuple[Any, ...] = ()
    deliver: str = ""
    payload: str = ""
    advance: float = 0.0


def read_acts(path: Path) -> list[Act]:
    """The acts in a file, each checked against the contract.

    Raises:
        UnusableFile: with the number of the act that does not hold.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UnusableFile(f"{path} cannot be read: {problem}") from None
    if not isinstance(found, list):
        raise UnusableFile(
            f"{path}: an array is needed", hint='such as [{"call": "lifecycle.health", "arguments": []}]'
        )
    acts = []
    for number, given in enumerate(found, 1):
        try:
            acts.append(_act(given))
        except (BadRequest, TypeError, ValueError) as problem:
            raise UnusableFile(f"{path}: act {number}: {problem}") from None
    return acts


def _act(given: Any) -> Act:
    if not isinstance(given, dict):
        raise TypeError("an object is needed")
    match given:
        case {"call": str(name), **rest} if set(rest) <= {"arguments"}:
            arguments = tuple(rest.get("arguments", ()))
            arguments_from_json(export_type(name), arguments, name)
            return Act(call=name, arguments=arguments)
        case {"deliver": str(topic), **rest} if set(rest) <= {"payload"}:
            return Act(deliver=topic, payload=str(rest.get("payload", "")))
        case {"advance": int() | float() as seconds, **rest} if not rest and seconds >= 0:
            return Act(advance=float(seconds))
    raise ValueError(f"call, deliver or advance is needed, not {json.dumps(given)[:80]}")


async def perform(stand: Stand, acts: Sequence[Act]) -> None:
    """Does them in order. Raises as `Stand.call`."""
    for act in acts:
        if act.call:
            await stand.call(act.call, *act.arguments)
        elif act.deliver:
            await stand.deliver(act.deliver, act.payload)
        else:
            await stand.advance(act.advance)
