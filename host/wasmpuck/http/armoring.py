"""Armored answers, kept for certificates that are asked for again and again.

Most of a look-up's own time goes into armor: base64 with line breaks and a checksum, 4 ns for each byte. The checksum
should not be written any more (RFC 9580 §6.1), but gpg 2.2 reads on behind the end of data that has neither it nor
padding.
"""

from __future__ import annotations

from collections.abc import Callable

from wasmpuck.http.shelf import Rendered, Shelf
from wasmpuck.openpgp.armor import armor

__all__ = ["Armory", "commented"]

_HEAD = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
_WORTH_KEEPING = 2048
"""Bytes; smaller ones are armored faster than kept."""


def commented(block: bytes, comment: str) -> bytes:
    """An armored block with a line for people in its head (RFC 9580 §6.2.2.2)."""
    return b"%sComment: %s\n%s" % (_HEAD, comment.encode(), block.removeprefix(_HEAD))


class Armory:
    """Armors answers, or finds them on the shelf by their entity tags, which change whenever the certificate does."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def armored(self, tag: str, data: Callable[[], bytes]) -> bytes:
        """Certificates as one armored block, without header lines; `tag` names what `data` makes."""
        kept = self._shelf.get(tag)
        if kept is not None:
            return kept.body
        octets = data()
        body = armor(octets).encode("ascii")
        if len(octets) >= _WORTH_KEEPING:
            self._shelf.put(tag, Rendered(body, tag))
        return body
