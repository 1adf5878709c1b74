"""What the documentation says, in parts that can be checked: links, headings, fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "anchors", "blocks", "documents", "links", "slug"]

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)\s*$")
_HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*$")
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it starts (1-based), its language, its text without the fence and its indentation."""

    document: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """`file:line`, for messages and test names."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def documents() -> list[Path]:
    """Every Markdown file that belongs to the project and is meant to be read on its own."""
    top = sorted(ROOT.glob("*.md"))
    return top + sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "plugins-src").glob("*/README.md"))


def _lines(document: Path) -> Iterator[tuple[int, str, str | None]]:
    """Line number, line, and the language of the fenced block around it (None outside, and for the fences)."""
    language: str | None = None
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and language is None:
            yield number, line, None
            language = fence["language"]
        elif fence and not fence["language"]:
            language = None
            yield number, line, None
        else:
            yield number, line, language


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of one document, in order."""
    found: list[Block] = []
    start, language, indent = 0, "", 0
    for number, line, inside in _lines(document):
        if inside is not None:
            continue
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if start == 0:
            start, language, indent = number, fence["language"], len(fence["indent"])
        else:
            lines = document.read_text(encoding="utf-8").splitlines()[start : number - 1]
            found.append(Block(document, start, language, "".join(each[indent:] + "\n" for each in lines)))
            start = 0
    assert start == 0, f"{document.relative_to(ROOT)}:{start}: the fenced block is not closed"
    return found


def links(document: Path) -> list[tuple[int, str]]:
    """Line and target of each link outside fenced blocks and code."""
    return [
        (number, match[1])
        for number, line, inside in _lines(document)
        if inside is None
        for match in _LINK.finditer(_CODE.sub(lambda code: "x" * len(code[0]), line))
    ]


def slug(heading: str) -> str:
    """A heading's anchor, as the usual Markdown viewers make it."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")


def anchors(document: Path) -> set[str]:
    """Every anchor of one document."""
    return {
        slug(heading[2]) for _, line, inside in _lines(document) if inside is None and (heading := _HEADING.match(line))
    }
