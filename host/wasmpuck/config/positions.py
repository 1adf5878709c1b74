"""Where in a TOML text each key stands. tomli gives values without places; this finds the places.

The text must already be valid TOML (tomli has parsed it): the finder only skips what it does not need, and
checks nothing again. It never fails on other text either; it then knows fewer places.
"""

from __future__ import annotations

import bisect

import tomli

__all__ = ["KeyPath", "Positions", "find_positions"]

KeyPath = tuple[str | int, ...]
"""The way to a value: table and key names, and the index in a list or in an array of tables."""

_BLANK = " \t\r\n"
_DEEPEST = 64  # names further down are found by the table around them


class Positions:
    """The line (1-based) of each key, table and list element of one text."""

    def __init__(self, lines: dict[KeyPath, int]) -> None:
        self._lines = lines

    def line(self, path: KeyPath) -> int:
        """The line of `path`, or of the nearest table or list around it; 0 when nothing is known."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return 0


def find_positions(text: str) -> Positions:
    """Finds the line of everything that has a name or an index in `text`; the first mention counts."""
    finder = _Finder(text)
    finder.run()
    return Positions(finder.lines)


class _Finder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [index for index, character in enumerate(text) if character == "\n"]
        self._arrays: dict[KeyPath, int] = {}
        self.lines: dict[KeyPath, int] = {}

    def run(self) -> None:
        table: KeyPath = ()
        while self._skip_blank():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _note(self, path: KeyPath, start: int) -> None:
        line = bisect.bisect_left(self._ends, start) + 1
        for length in range(1, min(len(path), _DEEPEST) + 1):
            self.lines.setdefault(path[:length], line)

    def _skip_blank(self, also: str = "") -> bool:
        """Moves over blanks, comments and the characters of `also`; False at the end of the text."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text[self._at] in _BLANK or self._text[self._at] in also:
                self._at += 1
            else:
                return True
        return False

    def _header(self) -> KeyPath:
        start = self._at
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        keys = self._keys("]")
        self._at += 2 if is_array else 1
        path = self._resolve(keys[:-1]) + keys[-1:]
        if is_array:
            self._note(path, start)
            index = self._arrays[path] = self._arrays.get(path, -1) + 1
            path = (*path, index)
        else:
            path = self._resolve(keys)
        self._note(path, start)
        return path

    def _resolve(self, keys: KeyPath) -> KeyPath:
        """Puts the index of the current element behind each name that is an array of tables."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _pair(self, table: KeyPath) -> None:
        start = self._at
        path = table + self._keys("=")
        self._at += 1
        self._note(path, start)
        self._value(path)

    def _keys(self, end: str) -> KeyPath:
        """Reads a dotted key up to `end` (not included); tomli undoes the quotation."""
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in (end, "\n"):
            if self._text[self._at] in "\"'":
                self._skip_string()
            else:
                self._at += 1
        try:
            node: object = tomli.loads(f"{self._text[start : self._at].strip()} = 0")
        except ValueError:
            return ()
        keys: list[str] = []
        while isinstance(node, dict) and node:
            key = next(iter(node))
            keys.append(key)
            node = node[key]
        return tuple(keys)

    def _value(self, path: KeyPath) -> None:
        """Moves over one value, noting what is inside lists and inline tables. No recursion: a list may nest deep."""
        open_paths: list[tuple[str, KeyPath, int]] = []  # closing bracket, path of the list or table, next index
        current = path
        while self._skip_blank("," if open_paths else ""):
            character = self._text[self._at]
            if open_paths and character == open_paths[-1][0]:
                self._at += 1
                open_paths.pop()
                if not open_paths:
                    return
                continue
            if open_paths:
                close, container, index = open_paths[-1]
                if close == "]":
                    current = (*container, index)
                    open_paths[-1] = (close, container, index + 1)
                    self._note(current, self._at)
                else:
                    start = self._at
                    current = container + self._keys("=")
                    self._at += 1
                    self._note(current, start)
                    self._skip_blank()
                    character = self._text[self._at : self._at + 1]
            if character in ("[", "{"):
                open_paths.append(("]" if character == "[" else "}", current, 0))
                self._at += 1
            elif character in ('"', "'"):
                self._skip_string()
            else:
                self._skip_bare(bool(open_paths))
            if not open_paths:
                return

    def _skip_bare(self, inside: bool) -> None:
        """Moves over a number, a boolean or a date: up to the end of the line, or to what ends a list's element."""
        stops = ",]}#\n" if inside else "#\n"
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] not in stops:
            self._at += 1

    def _skip_string(self) -> None:
        quote = self._text[self._at]
        if self._text.startswith(quote * 3, self._at):
            self._skip_long_string(quote)
            return
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] not in (quote, "\n"):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += 1

    def _skip_long_string(self, quote: str) -> None:
        self._at += 3
        while self._at < len(self._text) and not self._text.startswith(quote * 3, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += 3
        # Up to two more quotation marks belong to the text itself (TOML 1.0.0, "Multi-line strings").
        for _ in range(2):
            if self._text.startswith(quote, self._at):
                self._at += 1
