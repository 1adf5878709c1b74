"""Armored answers, kept for certificates that are asked for again and again.

Most of a look-up's own time goes into armor: base64 with line breaks and a checksum, 4 ns for each byte. The checksum
should not be written any more (RFC 9580 §6.1), but gpg 2.2 reads on behind the end of data that has neither it nor
padding.
"""

from __future__ import annotations

from wasmpuck.openpgp.armor import armor

__all__ = ["Armory", "commented"]

_HEAD = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
_WORTH_KEEPING = 2048
"""Bytes; smaller ones are armored faster than kept."""


def commented(block: bytes, comment: str) -> bytes:
    """An armored block with a line for people in its head (RFC 9580 §6.2.2.2)."""
    return b"%sComment: %s\n%s" % (_HEAD, comment.encode(), block.removeprefix(_HEAD))


class Armory:
    """Armored answers by their entity tags, which change whenever the certificate does: at most `most` bytes.

    Those asked for last stay; one alone takes a quarter at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, bytes] = {}
        self.size = 0

    def armored(self, tag: str, data: bytes) -> bytes:
        """Certificates as one armored block, without header lines; `tag` names what `data` is."""
        if len(data) < _WORTH_KEEPING:
            return armor(data).encode("ascii")
        kept = self._kept.pop(tag, None)
        if kept is None:
            kept = armor(data).encode("ascii")
            if len(kept) > self._most // 4:
                return kept
            self.size += len(kept)
        self._kept[tag] = kept
        while self.size > self._most:
            self.size -= len(self._kept.pop(next(iter(self._kept))))
        return kept
