"""The pipelines inside a template's actions: values, functions with arguments, `|`, parentheses and variables."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from wasmpuck.config.hockeypuck.functions import FUNCTIONS, TemplateProblem, Value

__all__ = ["Scope", "Variables", "evaluate"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:\\.|[^"\\\n])*")|(?P<raw>`[^`]*`)|(?P<number>-?[0-9]{1,18}(?![\w.]))"""
    r"""|(?P<variable>\$\w*(?:\.\w+)*)|(?P<field>(?:\.\w+)+|\.)|(?P<name>\w+)|(?P<mark>:=|[=()|,]))"""
)
_LONGEST = 1_000_000  # characters of one value

Token: TypeAlias = tuple[str, str]
Variables: TypeAlias = ChainMap[str, Value]


@dataclass(slots=True)
class Scope:
    """What names mean at one place. `missing` gathers the variables of the environment that are not set."""

    environment: Mapping[str, str]
    missing: set[str]
    variables: Variables
    dot: Value

    def inner(self, dot: Value) -> Scope:
        """The scope of a block inside this one."""
        return Scope(self.environment, self.missing, self.variables.new_child(), dot)


def evaluate(text: str, line: int, scope: Scope) -> tuple[Value, bool]:
    """A pipeline's value, and whether it is an assignment, which prints nothing. Raises TemplateProblem."""
    return _Pipeline(text, line, scope).whole()


class _Pipeline:
    def __init__(self, text: str, line: int, scope: Scope) -> None:
        self._line, self._scope = line, scope
        self._tokens = self._split(text)
        self._at = 0

    def _split(self, text: str) -> list[Token]:
        tokens: list[Token] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._bad(f"`{text[at:].strip()[:40]}` is not understood")
            glued = found.lastgroup == "field" and found.start("field") == at and tokens and tokens[-1] == ("mark", ")")
            tokens.append(("below" if glued else str(found.lastgroup), found[0].strip()))
            at = found.end()
        return tokens

    def _bad(self, message: str) -> TemplateProblem:
        return TemplateProblem(message, line=self._line)

    def whole(self) -> tuple[Value, bool]:
        tokens = self._tokens
        assigned, declared = "", False
        if len(tokens) > 1 and tokens[0][0] == "variable" and tokens[1] in (("mark", ":="), ("mark", "=")):
            assigned, declared, self._at = tokens[0][1], tokens[1][1] == ":=", 2
            if not declared and assigned not in self._scope.variables:
                raise self._bad(f"there is no variable {assigned}")
        value = self._pipeline()
        if self._at < len(tokens):
            raise self._bad(f"`{tokens[self._at][1]}` is not understood here")
        if assigned:
            maps = self._scope.variables.maps
            holder = maps[0] if declared else next(each for each in maps if assigned in each)
            holder[assigned] = value
        return value, bool(assigned)

    def _pipeline(self) -> Value:
        value = self._command([])
        while self._take("|"):
            value = self._command([value])
        return value

    def _take(self, mark: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("mark", mark):
            self._at += 1
            return True
        return False

    def _command(self, last: list[Value]) -> Value:
        """A function with its arguments, or a single value; `last` is what the pipeline hands on."""
        if self._at >= len(self._tokens):
            raise self._bad("a value is missing")
        kind, text = self._tokens[self._at]
        if kind != "name" or text in ("true", "false", "nil"):
            if last:
                raise self._bad(f"`{text}` is no function")
            return self._operand()
        self._at += 1
        arguments = []
        while self._at < len(self._tokens) and self._tokens[self._at] not in (("mark", "|"), ("mark", ")")):
            arguments.append(self._operand())
        return self._call(text, arguments + last)

    def _operand(self) -> Value:
        kind, text = self._tokens[self._at]
        self._at += 1
        match kind:
            case "string":
                return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1])
            case "raw":
                return text[1:-1]
            case "number":
                return int(text)
            case "field":
                return self._below([name for name in text.split(".") if name], self._scope.dot)
            case "variable":
                name, *below = text.split(".")
                if name not in self._scope.variables:
                    raise self._bad(f"there is no variable {name}")
                return self._below(below, self._scope.variables[name])
            case "name" if text in ("true", "false"):
                return text == "true"
            case "name" if text == "nil":
                return None
            case "name":
                return self._call(text, [])
            case "mark" if text == "(":
                value = self._pipeline()
                if not self._take(")"):
                    raise self._bad("a closing parenthesis is missing")
                if self._at < len(self._tokens) and self._tokens[self._at][0] == "below":
                    names = self._tokens[self._at][1].split(".")[1:]
                    self._at += 1
                    return self._below(names, value)
                return value
        raise self._bad(f"`{text}` is not understood here")

    def _call(self, name: str, arguments: list[Value]) -> Value:
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._bad(f"the template function `{name}` is not known here")
        try:
            value = function(self._scope.environment, *arguments)
        except TemplateProblem as problem:
            raise self._bad(f"{name}: {problem.message}") from None
        except (TypeError, ValueError, AttributeError, IndexError, KeyError):
            raise self._bad(f"{name}: its arguments do not fit") from None
        nested = isinstance(value, list) and any(isinstance(item, list | Mapping) for item in value)
        if nested or (isinstance(value, str) and len(value) > _LONGEST):
            raise self._bad(f"{name}: its result is too large")
        return value

    def _below(self, names: list[str], value: Value) -> Value:
        """Goes down from a value by names; what is not there is None."""
        for name in names:
            if not isinstance(value, Mapping):
                raise self._bad(f"`.{name}` is asked of what has no fields")
            if name not in value and value is self._scope.environment:
                self._scope.missing.add(name)
            value = value.get(name)
        return value
