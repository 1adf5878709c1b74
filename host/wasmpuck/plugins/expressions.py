"""Regular expressions whose matching takes no longer than the product of their length and the text's.

A schema's `pattern` is a plugin's, and Python's `re` can be made to run for ages. Here an expression becomes a machine
of states that are all followed at once (K. Thompson, "Regular expression search algorithm", 1968). What such a machine
cannot do is not taken: references to groups, and looking ahead or behind. Single characters and classes of them are
left to `re`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

__all__ = ["BadExpression", "Expression"]

#: States of one machine.
MAX_STATES: Final = 1_000
_MAX_DEPTH: Final = 20
_CLASS: Final = re.compile(r"\[\^?(?:[^\]\\\[]|\\.)+\]")
#: Spellings in a class that a later version of Python may take for something else.
_DOUBTFUL: Final = re.compile(r"--|&&|\|\||~~")
_ESCAPE: Final = re.compile(r"\\(?:[dDwWsStnrfv0]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^A-Za-z0-9])")
_COUNT: Final = re.compile(r"\{([0-9]{1,4})(,?)([0-9]{0,4})\}")
_LEFT_OUT: Final = "groups that are referred to, and looking ahead or behind, cannot be used here"


class BadExpression(ValueError):
    """An expression that is not taken; the text says why."""


@dataclass(frozen=True, slots=True)
class _Char:
    """One character."""

    accepts: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Edge:
    """`^` or `$`."""

    sign: str


@dataclass(frozen=True, slots=True)
class _Repeat:
    """A part, so many times at least and at most."""

    part: _Part
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of several rows of parts."""

    rows: tuple[tuple[_Part, ...], ...]


_Part = _Char | _Edge | _Repeat | _Choice


class _Reader:
    """Takes an expression apart from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> _Choice:
        choice = self._choice(0)
        if self._at < len(self._text):
            raise BadExpression(f"the ) at character {self._at + 1} closes nothing")
        return choice

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _maybe(self, sign: str) -> bool:
        if self._text.startswith(sign, self._at):
            self._at += len(sign)
            return True
        return False

    def _repeats(self) -> bool:
        return self._peek() in ("*", "+", "?") or _COUNT.match(self._text, self._at) is not None

    def _choice(self, depth: int) -> _Choice:
        if depth > _MAX_DEPTH:
            raise BadExpression(f"groups are nested deeper than {_MAX_DEPTH}")
        rows = [self._row(depth)]
        while self._maybe("|"):
            rows.append(self._row(depth))
        return _Choice(tuple(rows))

    def _row(self, depth: int) -> tuple[_Part, ...]:
        parts: list[_Part] = []
        while self._peek() and self._peek() not in "|)":
            parts.append(self._repeated(self._atom(depth)))
        return tuple(parts)

    def _repeated(self, part: _Part) -> _Part:
        if self._maybe("*"):
            least, most = 0, None
        elif self._maybe("+"):
            least, most = 1, None
        elif self._maybe("?"):
            least, most = 0, 1
        elif found := _COUNT.match(self._text, self._at):
            self._at = found.end()
            least = int(found[1])
            most = least if not found[2] else int(found[3]) if found[3] else None
            if most is not None and most < least:
                raise BadExpression(f"{found[0]} ends before it begins")
        else:
            return part
        self._maybe("?")  # as few as possible, which is the same when only the answer counts
        return _Repeat(part, least, most)

    def _atom(self, depth: int) -> _Part:
        char, begin = self._peek(), self._at
        if self._maybe("("):
            if self._peek() == "?" and not self._maybe("?:"):
                raise BadExpression(_LEFT_OUT)
            choice = self._choice(depth + 1)
            if not self._maybe(")"):
                raise BadExpression(f"the ( at character {begin + 1} is not closed")
            return choice
        if self._repeats():
            raise BadExpression(f"the {char} at character {begin + 1} repeats nothing")
        if char in "^$":
            self._at += 1
            if self._repeats():
                raise BadExpression(f"the {self._peek()} at character {begin + 2} repeats nothing")
            return _Edge(char)
        return _Char(self._one(char))

    def _one(self, char: str) -> re.Pattern[str]:
        shape = {"[": _CLASS, "\\": _ESCAPE}.get(char)
        found = shape.match(self._text, self._at) if shape else None
        if shape is not None and (found is None or _DOUBTFUL.search(found[0])):
            what = "class" if char == "[" else "escape"
            raise BadExpression(f"the {what} at character {self._at + 1} is not understood; {_LEFT_OUT}")
        written = found[0] if found else char if char == "." else re.escape(char)
        self._at += len(found[0]) if found else 1
        try:
            return _compiled(written)
        except re.error as problem:
            raise BadExpression(f"{written}: {problem}") from None


@lru_cache(maxsize=1024)
def _compiled(written: str) -> re.Pattern[str]:
    return re.compile(written, re.ASCII)


class _State:
    """A place in the machine: where to go without a character (`free`), or with one that is accepted. The free ways of
    an `edge` are open at the beginning or the end of the text only.
    """

    __slots__ = ("accepts", "edge", "free", "next")

    def __init__(self) -> None:
        self.free: list[_State] = []
        self.accepts: re.Pattern[str] | None = None
        self.next: _State | None = None
        self.edge = ""


class Expression:
    """A regular expression (ECMA-262, the part that JSON Schema recommends: characters, classes, `.`, `^`, `$`, groups,
    `|`, `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`). Raises `BadExpression`.

    `size` is how many states it has: `found` looks at each at most once for each character.
    """

    def __init__(self, text: str) -> None:
        self.size = 0
        self._start = self._state()
        self._end = self._add(_Reader(text).read(), self._start)

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, text: str) -> Expression:
        """The same, made once for equal texts."""
        return cls(text)

    def found(self, text: str) -> bool:
        """Whether it matches some part of `text`."""
        last, here = len(text), self._reached([self._start], 0, len(text))
        for place, char in enumerate(text, 1):
            if self._end in here:
                return True
            after = [state.next for state in here if state.accepts is not None and state.accepts.match(char)]
            here = self._reached([*filter(None, after), self._start], place, last)
        return self._end in here

    @staticmethod
    def _reached(states: list[_State], place: int, last: int) -> set[_State]:
        """These states and all behind them to which no character leads."""
        reached: set[_State] = set()
        while states:
            state = states.pop()
            if state in reached:
                continue
            reached.add(state)
            if not ((state.edge == "^" and place > 0) or (state.edge == "$" and place < last)):
                states += state.free
        return reached

    # --- making: each takes the state before a part and returns the one behind it -------------------

    def _state(self) -> _State:
        self.size += 1
        if self.size > MAX_STATES:
            raise BadExpression(f"it is too large: more than {MAX_STATES} states")
        return _State()

    def _add(self, part: _Part, start: _State) -> _State:
        match part:
            case _Choice(rows):
                end = self._state()
                for row in rows:
                    state = self._after(start)
                    for each in row:
                        state = self._add(each, state)
                    state.free.append(end)
                return end
            case _Repeat():
                return self._repeat(part, start)
            case _Edge(sign):
                start.edge = sign
                return self._after(start)
            case _Char(accepts):
                start.accepts, start.next = accepts, self._state()
                return start.next

    def _after(self, state: _State) -> _State:
        fresh = self._state()
        state.free.append(fresh)
        return fresh

    def _repeat(self, part: _Repeat, state: _State) -> _State:
        times = max(part.least, 1) if part.most is None else part.most
        for count in range(times):
            begin = self._after(state)
            end = self._after(self._add(part.part, self._after(begin)))
            if count >= part.least:
                begin.free.append(end)
            if part.most is None and count == times - 1:
                end.free.append(begin)
            state = end
        return state
