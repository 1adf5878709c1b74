"""Transcripts: what passed between a plugin and its host, as lines of JSON.

The first line says what was recorded:

    {"wasmpuck-transcript": 1, "plugin": NAME, "version": VERSION, "digest": SHA-256, "memory-mb": NUMBER}

Each other line is one call on one instance, in the order in which the calls ended:

    {"instance": 1, "call": "middleware.on-request", "arguments": […], "budget": {"fuel": …, "host-calls": …},
     "host": [{"call": "storage.get", "arguments": […], "result": …}, …], "fuel": …, "result": …}

`call` is `instantiate` where an instance begins. Instead of `result` there may be `failure` with `reason` and
`message`. Values are as in `kit.values`; a resource is the number under which the instance got or gave it first. A host
call that did not return has `failure` too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wasmpuck.kit.errors import UnusableFile

__all__ = ["FORMAT", "INSTANTIATE", "LOAD", "Call", "Head", "Transcript"]

FORMAT: Final = 1
INSTANTIATE: Final = "instantiate"
LOAD: Final = "script.load"
"""Has a script executed; the script itself is not recorded."""

_KEY: Final = "wasmpuck-transcript"


@dataclass(frozen=True, slots=True)
class Head:
    """What was recorded: `memory_mb` is the limit of an instance."""

    plugin: str
    version: str
    digest: str
    memory_mb: int

    def line(self) -> str:
        """As JSON."""
        entries = {"plugin": self.plugin, "version": self.version, "digest": self.digest, "memory-mb": self.memory_mb}
        return _line({_KEY: FORMAT, **entries})


@dataclass(slots=True)
class Call:
    """A call. `host` holds what the guest called meanwhile, in JSON form; one of `result` and `failure` counts."""

    instance: int
    name: str
    arguments: list[Any]
    budget: dict[str, int]
    host: list[dict[str, Any]] = field(default_factory=list)
    fuel: int = 0
    result: Any = None
    failure: dict[str, str] | None = None

    def line(self) -> str:
        """As JSON."""
        end = {"result": self.result} if self.failure is None else {"failure": self.failure}
        entries = {"instance": self.instance, "call": self.name, "arguments": self.arguments, "budget": self.budget}
        return _line({**entries, "host": self.host, "fuel": self.fuel, **end})


def _line(entries: dict[str, Any]) -> str:
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":")) + "\n"


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript that was read."""

    head: Head
    calls: tuple[Call, ...]

    @classmethod
    def read(cls, path: Path) -> Transcript:
        """Reads a file.

        Raises:
            UnusableFile: it is no transcript; the message names the line.
        """
        try:
            with path.open(encoding="utf-8") as file:
                return cls.of(file, str(path))
        except (OSError, UnicodeDecodeError) as problem:
            raise UnusableFile(f"{path} cannot be read: {problem}") from None

    @classmethod
    def of(cls, lines: Iterable[str], source: str = "the transcript") -> Transcript:
        """Reads lines. Raises as `read`."""
        return cls(*_parse(source, iter(enumerate(lines, 1))))

    def up_to(self, number: int) -> list[Call]:
        """What the instance of the call with this number (from 1) did, that call included."""
        last = self.calls[number - 1]
        return [call for call in self.calls[:number] if call.instance == last.instance]


def _parse(source: str, lines: Iterator[tuple[int, str]]) -> tuple[Head, tuple[Call, ...]]:
    number = 0
    calls = []
    try:
        number, text = next(lines, (1, ""))
        head = json.loads(text)
        if head[_KEY] != FORMAT:
            raise UnusableFile(f"{source} is a transcript of format {head[_KEY]!r}; this version reads {FORMAT}")
        found = Head(str(head["plugin"]), str(head["version"]), str(head["digest"]), int(head["memory-mb"]))
        for place, text in lines:
            number = place
            entries = json.loads(text)
            call = Call(
                int(entries["instance"]),
                str(entries["call"]),
                list(entries["arguments"]),
                {"fuel": int(entries["budget"]["fuel"]), "host-calls": int(entries["budget"]["host-calls"])},
                [{"call": str(one["call"]), **one} for one in entries["host"]],
                int(entries["fuel"]),
                entries.get("result"),
                entries.get("failure"),
            )
            calls.append(call)
    except (ValueError, TypeError, LookupError) as problem:
        raise UnusableFile(
            f"{source}:{number} is not as a transcript has it: {type(problem).__name__}: {problem}",
            hint="make one with `hockeypuck-plugin record`",
        ) from None
    return found, tuple(calls)
