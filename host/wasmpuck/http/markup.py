"""Building HTML so that nothing unescaped can slip in: text becomes markup only through `text` and `element`."""

from __future__ import annotations

import re
from html import escape
from typing import TypeAlias
from unicodedata import category, normalize

__all__ = ["Content", "Markup", "element", "join", "stranger", "text"]


class Markup(str):
    """HTML that is safe as it stands: made by this module, or a literal in the source."""

    __slots__ = ()


Content: TypeAlias = str | Markup | None
"""What an element may hold: text (escaped), markup (taken as it is), nothing."""

_VOID = frozenset({"input", "link", "meta", "br", "hr", "img"})

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control characters, and those that change the direction or hide text: somebody else's user id must not do that."""

_HARMLESS = re.compile(r"[ !#-%(-;=?-~]*").fullmatch
"""ASCII that needs no escaping, which most texts are made of."""

_TALLEST = 4
"""Combining marks that one letter may carry; Vietnamese has 2, pointed Hebrew with cantillation 4."""


def text(value: str) -> Markup:
    """`value` escaped; characters that would act instead of being seen are shown as U+FFFD."""
    return Markup(value if _HARMLESS(value) else escape(_UNSEEN.sub("\ufffd", value)))


def join(*contents: Content) -> Markup:
    """Contents one after the other."""
    return Markup("".join([each if isinstance(each, Markup) else text(each) for each in contents if each is not None]))


def element(name: str, /, *contents: Content, **attributes: str | int | bool | None) -> Markup:
    """One element.

    Attribute names lose a trailing `_` (`class_`, `for_`) and turn inner ones into `-` (`aria_label`). An attribute
    that is None or False is left out, one that is True has no value. Values are text, never markup.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(attribute if value is True else f'{attribute}="{text(str(value))}"')
    start = f"<{' '.join(parts)}>"
    return Markup(start) if name in _VOID else Markup(f"{start}{join(*contents)}</{name}>")


def stranger(value: str, longest: int = 4096) -> Markup:
    """Text that anybody may have written, a user id above all: kept from acting on the page around it.

    `<bdi>` isolates its direction (Unicode UAX #9), so that it cannot turn what follows around; more than four marks on
    one letter, which would spill over other lines, end in U+FFFD; beyond `longest` characters it ends in an ellipsis.
    """
    if len(value) > longest:
        value = value[: longest - 1] + "…"
    return Markup(f"<bdi>{text(value if value.isascii() else _flattened(value))}</bdi>")


def _flattened(value: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in normalize("NFC", value):
        marks = marks + 1 if category(character) in ("Mn", "Me") else 0
        if marks <= _TALLEST:
            kept.append(character)
        elif marks == _TALLEST + 1:
            kept.append("\ufffd")
    return "".join(kept)
