"""Which interfaces of the contract a script uses, from its source alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from wasmpuck.config import GRANTS

__all__ = ["Usage", "usage"]

_PACKAGE: Final = "wasmpuck_plugin"
_ASKING: Final = frozenset({"get", "get_all", "all"})
"""Functions of `settings` that ask the host; the others work on what `init` was given."""

_STANDARD: Final = {
    "time": "clock",
    "datetime": "clock",
    "random": "random",
    "secrets": "random",
    "uuid": "random",
    "logging": "log",
    "warnings": "log",
}
"""Modules of Python's library that reach the host, where it is granted."""

_GLOBALS: Final = {
    "log": re.compile(r"\bconsole\s*\."),
    "clock": re.compile(r"\bDate\b|\bperformance\s*\."),
    "random": re.compile(r"\bMath\s*\.\s*random\b|\bcrypto\s*\."),
}
_IMPORTED = re.compile(
    r"""import\s+(?P<what>[^;'"]+?)\s+from\s*["']wasmpuck["']|"""
    r"""(?:const|let|var)\s+(?P<bound>\{[^}]*\}|[\w$]+)\s*=\s*require\(\s*["']wasmpuck["']\s*\)"""
)
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\w\"'`])//[^\n]*", re.DOTALL)


class Usage(NamedTuple):
    """Interfaces: those that the SDK is asked for, each with where, and those that the language's library leads to."""

    direct: dict[str, str]
    implied: frozenset[str]


def usage(files: Mapping[str, str]) -> Usage:
    """What the sources (path to text) of a script use. A file that has an error in it uses nothing."""
    direct: dict[str, str] = {}
    implied: set[str] = set()
    for path, text in files.items():
        read = {".py": _python, ".js": _javascript}.get(path[path.rfind(".") :])
        if read is None:
            continue
        named, reached = read(text)
        for name, line in named:
            direct.setdefault(name, f"{path}:{line}")
        implied |= set(reached)
    return Usage(direct, frozenset(implied))


Read = tuple[Iterable[tuple[str, int]], Iterable[str]]


def _interface(name: str) -> str | None:
    """The import that a name of an SDK stands for."""
    kebab = re.sub("([A-Z])", lambda upper: f"-{upper[0].lower()}", name).replace("_", "-")
    return kebab if kebab in GRANTS else None


def _python(text: str) -> Read:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return (), ()
    modules: dict[str, str] = {}  # what a local name is: the package, or a module of it
    found: list[tuple[str, int]] = []
    reached: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name.partition(".")[0] == _PACKAGE:
                    module = each.name.partition(".")[2]
                    modules[each.asname or _PACKAGE] = module if each.asname else ""
                reached.add(_STANDARD.get(each.name.partition(".")[0], ""))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            base, _, module = (node.module or "").partition(".")
            for each in node.names:
                if base == _PACKAGE and not module:
                    modules[each.asname or each.name] = each.name
                elif base == _PACKAGE and (module != "settings" or each.name in _ASKING):
                    found.append((module, node.lineno))
            reached.add(_STANDARD.get(base, ""))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = _dotted(node, modules)
            module, _, attribute = name.partition(".")
            if module and attribute and (module != "settings" or attribute in _ASKING):
                found.append((module, node.lineno))
        elif isinstance(node, ast.Name) and node.id == "print":
            reached.add("log")
    kept = [(interface, line) for module, line in found if (interface := _interface(module)) is not None]
    return kept, reached - {""}


def _dotted(node: ast.Attribute, modules: Mapping[str, str]) -> str:
    """`storage.get` for an attribute of a module of the package, however that was imported; else empty."""
    parts = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name) or inner.id not in modules:
        return ""
    return ".".join([*filter(None, [modules[inner.id]]), *reversed(parts)])


def _javascript(text: str) -> Read:
    text = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    found: list[tuple[str, int]] = []
    for match in _IMPORTED.finditer(text):
        what = (match["what"] or match["bound"]).strip()
        line = text.count("\n", 0, match.start()) + 1
        rest = text[match.end() :]
        if what.startswith("{"):
            names = [re.split(r"\s+as\s+|\s*:\s*", each.strip()) for each in what.strip("{}").split(",")]
            for first, *local in (each for each in names if each[0]):
                used = _interface(first)
                own = re.escape(local[0] if local else first)
                if used == "settings" and not re.search(rf"\b{own}\s*\.\s*(?:get|all)\b", rest):
                    continue
                if used is not None:
                    found.append((used, line))
        else:
            own = re.escape(what.removeprefix("*").strip().removeprefix("as").strip() if "*" in what else what)
            for each in re.finditer(rf"\b{own}\s*\.\s*([\w$]+)(?:\s*\.\s*([\w$]+))?", rest):
                used = _interface(each[1])
                if used is not None and (used != "settings" or each[2] in _ASKING):
                    found.append((used, line + rest.count("\n", 0, each.start())))
    return found, {name for name, pattern in _GLOBALS.items() if pattern.search(text)}
