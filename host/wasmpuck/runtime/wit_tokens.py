"""The words of a WIT file, one after the other, with the lines that they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["Tokens", "WitError"]

_TOKEN: Final = re.compile(
    r"\s+|//[^\n]*|/\*.*?\*/|(->|%?[a-zA-Z][a-zA-Z0-9-]*|[0-9][0-9.a-z-]*|[{}()<>,:;=.@/*_])", re.DOTALL
)


class WitError(ValueError):
    """Text that is not WIT, or uses a part of it that the contract does not."""


class Tokens:
    """The words of a file; comments and blanks are left out.

    Raises:
        WitError: by every method when the next word is not the one that is needed.
    """

    def __init__(self, text: str) -> None:
        self._tokens = list(_split(text))
        self._at = 0

    @property
    def line(self) -> int:
        """Where the reader is, from 1."""
        at = min(self._at, len(self._tokens) - 1)
        return self._tokens[at][1] if self._tokens else 1

    def peek(self) -> str:
        """The next word; empty at the end."""
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def take(self, expected: str = "") -> str:
        """Takes the next word, which has to be `expected` unless that is empty."""
        token = self.peek()
        if not token or (expected and token != expected):
            raise WitError(f"{expected or 'something'} is needed, not {token or 'the end of the text'}")
        self._at += 1
        return token

    def maybe(self, token: str) -> bool:
        """Takes the next word if it is this one."""
        if self.peek() == token:
            self._at += 1
            return True
        return False

    def name(self) -> str:
        """Takes a name, without the `%` that lets it be a keyword."""
        return self.take().removeprefix("%")

    def until(self, end: str) -> str:
        """Takes everything up to `end` and that too; what stood before it, without blanks."""
        text = ""
        while (token := self.take()) != end:
            text += token
        return text


def _split(text: str) -> Iterator[tuple[str, int]]:
    position, line = 0, 1
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise WitError(f"line {line}: {text[position : position + 20]!r} is not WIT")
        if found.group(1):
            yield found.group(1), line
        line += text.count("\n", position, found.end())
        position = found.end()
