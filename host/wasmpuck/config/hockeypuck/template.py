"""The part of Go's text templates that configuration files use: Hockeypuck renders its file before it reads it.

    {{ .NAME }}   {{ if }} {{ else if }} {{ else }} {{ end }}   {{ range }}   {{ with }}   {{ $x := … }}   {{/* */}}

with pipelines, parentheses, `{{-` and `-}}`. The dot is the environment. What else Go has is refused by name, with its
line: a configuration that is read wrongly is worse than one that is not read.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass

from wasmpuck.config.hockeypuck.actions import Node, tree_of
from wasmpuck.config.hockeypuck.functions import TemplateProblem, Value, shown, truth
from wasmpuck.config.hockeypuck.pipeline import Scope, evaluate

__all__ = ["Rendered", "TemplateProblem", "render"]

_MOST_STEPS = 100_000
_LONGEST = 4 * 1024 * 1024  # characters of the result


@dataclass(slots=True)
class Rendered:
    """A rendered text; `lines` has, for each of its lines, the line of the template that it began in (both from 1).

    `missing` are the variables that were to be printed and are not set.
    """

    text: str
    lines: list[int]
    missing: list[str]

    def line(self, number: int) -> int:
        """The template's line for a line of the text; 0 stays 0."""
        return self.lines[min(number, len(self.lines)) - 1] if number > 0 and self.lines else number


def render(text: str, environment: Mapping[str, str]) -> Rendered:
    """Renders a template. Raises TemplateProblem, which knows its line; never anything else."""
    if "{{" not in text or "}}" not in text:  # then Hockeypuck takes it as it is
        return Rendered(text, list(range(1, text.count("\n") + 2)), [])
    writer = _Writer()
    scope = Scope(environment, set(), ChainMap({"$": environment}), environment)
    try:
        writer.run(tree_of(text), scope)
    except RecursionError:
        raise TemplateProblem("it is nested too deep") from None
    return Rendered("".join(part for part, _ in writer.parts), _lines(writer.parts), sorted(writer.missing))


def _lines(parts: list[tuple[str, int]]) -> list[int]:
    lines = [1]
    fresh = True
    for text, line in parts:
        if fresh and text:
            lines[-1] = line
        lines += [line + number for number in range(1, text.count("\n") + 1)]
        if text:
            fresh = text.endswith("\n")
    return lines


class _Writer:
    """Runs nodes one after the other; `parts` are the text that came of them, each with its line in the template."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, int]] = []
        self.missing: set[str] = set()
        self._steps = 0
        self._size = 0

    def run(self, nodes: list[Node], scope: Scope) -> None:
        for node in nodes:
            piece = node.piece
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise TemplateProblem("it has too many steps", line=piece.line)
            if not piece.action:
                self._write(piece.text, piece.line)
            elif node.branches:
                self._choose(node, scope)
            elif not piece.text.startswith("/*"):
                scope.missing.clear()
                value, quiet = evaluate(piece.text, piece.line, scope)
                if not quiet:
                    self._write(shown(value), piece.line)
                    if not shown(value).strip('"'):
                        self.missing |= scope.missing

    def _write(self, text: str, line: int) -> None:
        self._size += len(text)
        if self._size > _LONGEST:
            raise TemplateProblem("what comes of it is too long", line=line)
        self.parts.append((text, line))

    def _choose(self, node: Node, scope: Scope) -> None:
        """Runs the first branch whose condition holds; `range` its body for each element."""
        word, line = node.piece.text.split(None, 1)[0], node.piece.line
        for number, (condition, body) in enumerate(node.branches):
            if number > 0 and not condition:
                self.run(body, scope.inner(scope.dot))
                return
            if word == "range":
                if self._range(condition, line, body, scope):
                    return
                continue
            inner = scope.inner(scope.dot)
            value, _ = evaluate(condition, line, inner)
            if truth(value):
                self.run(body, inner.inner(value) if word == "with" else inner)
                return

    def _range(self, text: str, line: int, body: list[Node], scope: Scope) -> bool:
        """False when there is no element."""
        names: list[str] = []
        declared = re.match(r"\s*(\$\w+)(?:\s*,\s*(\$\w+))?\s*:=", text)
        if declared:
            names = [name for name in declared.groups() if name]
            text = text[declared.end() :]
        value, _ = evaluate(text, line, scope)
        items: list[tuple[Value, Value]] = []
        if isinstance(value, Mapping):
            items = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, list):
            items = list(enumerate(value))
        elif truth(value):
            raise TemplateProblem("`range` goes over a list or a map", line=line)
        for index, item in items:
            inner = scope.inner(item)
            inner.variables.update(zip(names, (item,) if len(names) == 1 else (index, item), strict=False))
            self.run(body, inner)
        return bool(items)
