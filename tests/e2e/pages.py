"""Values that pages are made of, and a reader of pages that only knows what HTML says."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

__all__ = ["DAY", "FINGERPRINT", "NOW", "Reader", "key", "user_id"]

NOW = 1_800_000_000.0
DAY = 86_400
FINGERPRINT = "eb85bb5fa33a75e15e944e63f231550c4f47e38e"

VOID = frozenset({"meta", "link", "input", "br", "img"})


def key(*user_ids: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A summary as `wasmpuck.openpgp.summary` documents it."""
    return {
        "version": 4,
        "fingerprint": FINGERPRINT,
        "key_id": FINGERPRINT[-16:],
        "algorithm": 22,
        "name": "eddsa_Curve25519",
        "bits": 263,
        "curve": "Curve25519",
        "created": 1548158185,
        "expires": None,
        "revoked": False,
        "md5": "0" * 32,
        "size": 1000,
        "signatures": 2,
        "user_ids": list(user_ids),
        "subkeys": [],
    } | changes


def user_id(text: str, **changes: Any) -> dict[str, Any]:
    """A user id in a summary."""
    return {
        "text": text,
        "email": None,
        "created": 1571135290,
        "expires": None,
        "revoked": False,
        "primary": False,
    } | changes


class Reader(HTMLParser):
    """Notes the elements in order with their attributes, every text with the elements around it, ids and references."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens."""
        assert len(dict(attrs)) == len(attrs), "an attribute is there twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Closes."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.texts.append((tuple(self.open), data))

    def handle_comment(self, data: str) -> None:
        """Our pages have none."""
        raise AssertionError("a comment")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def attributes(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [value or "" for _, found in self.elements for key, value in found.items() if key == name]

    def text(self, tag: str = "body") -> str:
        """What stands inside elements of this name."""
        return "".join(data for around, data in self.texts if tag in around)

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements with the names of their attributes: what no text may change."""
        return [(tag, tuple(sorted(attributes))) for tag, attributes in self.elements]
