"""What a `console` block shows: commands, and what they print."""

from __future__ import annotations

import fnmatch

from house.documents import Block

__all__ = ["matches", "sessions"]


def matches(expected: list[str], found: list[str]) -> bool:
    """Whether `found` is `expected`; a line `...` stands for any lines, `*` within a line for any text."""
    if not expected:
        return not found
    if expected[0] == "...":
        return any(matches(expected[1:], found[count:]) for count in range(len(found) + 1))
    return (
        bool(found)
        and fnmatch.fnmatchcase(found[0], expected[0].replace("[", "[[]"))
        and matches(expected[1:], found[1:])
    )


def sessions(block: Block) -> list[tuple[str, list[str]]]:
    """The commands of a `console` block, each with the lines that it shall print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            assert found, f"{block.place}: a console block starts with `$ `"
            found[-1][1].append(line.rstrip())
    return found
