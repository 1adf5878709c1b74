"""Go's text templates, taken apart: literal text, actions between `{{` and `}}`, and what each block encloses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from wasmpuck.config.hockeypuck.functions import TemplateProblem

__all__ = ["Node", "Piece", "tree_of"]

_BLOCKS = ("if", "range", "with")
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`', re.S)


@dataclass(slots=True)
class Piece:
    """Literal text, or an action, whose `text` is what stands between the braces; `line` is from 1."""

    text: str
    line: int
    action: bool = False


@dataclass(slots=True)
class Node:
    """A piece; one that opens a block has branches: for each its condition (empty for `else`) and its body."""

    piece: Piece
    branches: list[tuple[str, list[Node]]] = field(default_factory=list)


def tree_of(text: str) -> list[Node]:
    """The template as nodes. Raises TemplateProblem for blocks that do not match and actions that do not end."""
    top: list[Node] = []
    bodies = [top]
    around: list[Node] = []
    for piece in _pieces(text):
        words = piece.text.split(None, 1)
        word = words[0] if piece.action and words else ""
        rest = words[1] if len(words) > 1 else ""
        if word in ("else", "end") and not around:
            raise TemplateProblem(f"`{word}` has nothing that it belongs to", line=piece.line)
        if word == "end":
            around.pop()
            bodies.pop()
        elif word == "else":
            if rest and not (rest.startswith("if ") and around[-1].piece.text.startswith("if")):
                raise TemplateProblem("what follows `else` is not understood", line=piece.line)
            around[-1].branches.append((rest[3:], []))
            bodies[-1] = around[-1].branches[-1][1]
        else:
            node = Node(piece)
            bodies[-1].append(node)
            if word in _BLOCKS:
                node.branches.append((rest, []))
                around.append(node)
                bodies.append(node.branches[0][1])
    if around:
        raise TemplateProblem("this block has no `end`", line=around[-1].piece.line)
    return top


def _pieces(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    at, line, trim = 0, 1, False
    while (start := text.find("{{", at)) >= 0:
        literal = text[at:start]
        begins = line + literal.count("\n")
        end = _end(text, start + 2, begins)
        inside = text[start + 2 : end]
        left, right = bool(re.match(r"-\s", inside)), bool(re.search(r"\s-$", inside))
        pieces.append(_literal(literal, line, trim, left))
        pieces.append(Piece(inside[1 if left else 0 : -1 if right else None].strip(), begins, action=True))
        line = begins + inside.count("\n")
        at, trim = end + 2, right
    pieces.append(_literal(text[at:], line, trim, False))
    return pieces


def _end(text: str, at: int, line: int) -> int:
    """Where the `}}` of an action is; those in strings and in a comment do not count."""
    comment = re.compile(r"(?:-\s+)?/\*").match(text, at)
    if comment is not None and (closed := text.find("*/", comment.end())) >= 0:
        at = closed + 2
    while at < len(text):
        if text.startswith("}}", at):
            return at
        string = _STRING.match(text, at) if text[at] in '"`' else None
        at = string.end() if string is not None else at + 1
    raise TemplateProblem("an action that begins with {{ has no end", line=line)


def _literal(text: str, line: int, left: bool, right: bool) -> Piece:
    if left:
        kept = text.lstrip()
        line += text[: len(text) - len(kept)].count("\n")
        text = kept
    return Piece(text.rstrip() if right else text, line)
