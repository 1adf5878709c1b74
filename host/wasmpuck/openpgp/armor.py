"""ASCII armor (RFC 9580 §6.2): pysequoia writes it; reading is line by line, so that any file streams through."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator

from pysequoia import ArmorKind
from pysequoia import armor as _armor

from wasmpuck.errors import Unprocessable

__all__ = ["BrokenArmor", "Dearmorer", "armor", "dearmor", "looks_armored"]

_BEGIN, _END, _TAIL = b"-----BEGIN PGP ", b"-----END PGP ", b"-----"
_KINDS = frozenset((b"PUBLIC KEY BLOCK", b"SIGNATURE", b"PRIVATE KEY BLOCK", b"SECRET KEY BLOCK"))
_LINE = 4096


class BrokenArmor(Unprocessable):
    """Text that starts like armor and does not go on like it; `line` is 1-based."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(
            f"The armor is broken at line {line}: {message}.",
            hint="Send the whole block from the BEGIN line to the END line, unchanged.",
        )
        self.line = line


def armor(data: bytes) -> str:
    """Certificates as one `PGP PUBLIC KEY BLOCK`, ending with a line feed, with no header lines."""
    text = _armor(data, ArmorKind.PublicKey)
    return text if text.endswith("\n") else text + "\n"


def looks_armored(start: bytes) -> bool:
    """Whether data that starts like this is text: a packet's first byte has its high bit set (RFC 9580 §4.2)."""
    stripped = start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t \x00")
    return bool(stripped) and stripped[0] < 0x80


class Dearmorer:
    """Turns lines into bytes. Text outside of blocks is skipped; a block may follow a block.

    Holds one line at a time. The checksum is read over: it must not be a reason to reject anything (§6.1).
    """

    def __init__(self) -> None:
        self.blocks = 0
        self._line = 0
        self._state = "outside"
        self._kind = b""
        self._carry = b""

    def feed(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The decoded bytes of these lines. Raises `BrokenArmor`."""
        for raw in lines:
            self._line += 1
            decoded = self._one(raw)
            if decoded:
                yield decoded

    def finish(self) -> None:
        """Call after the last line. Raises `BrokenArmor` inside an unfinished block, and when there was none at all."""
        if self._state != "outside":
            raise BrokenArmor(self._line, "the END line is missing")
        if not self.blocks:
            raise BrokenArmor(1, "there is no BEGIN PGP PUBLIC KEY BLOCK line")

    def _one(self, raw: bytes) -> bytes:
        line = raw.strip()
        if self._state == "outside":
            self._begin(line)
            return b""
        if len(line) > _LINE:
            raise BrokenArmor(self._line, f"a line has more than {_LINE} bytes")
        if self._state == "headers":
            if not line:
                self._state = "body"
                return b""
            if b":" in line:
                return b""
            self._state = "body"  # some mail programs drop the empty line behind the BEGIN line
        if line.startswith(_END):
            if line != _END + self._kind + _TAIL:
                raise BrokenArmor(self._line, "the END line does not match the BEGIN line")
            if self._carry:
                raise BrokenArmor(self._line, "the data before it is cut off")
            self._state = "outside"
            return b""
        if not line:
            return b""
        if line.startswith(b"-----"):
            raise BrokenArmor(self._line, "a line of dashes inside a block")
        if line.startswith(b"=") and len(line) == 5 and self._state != "checksum":
            self._state = "checksum"
            return b""
        if self._state != "body":
            raise BrokenArmor(self._line, "data behind the end of the data")
        if line.endswith(b"="):
            self._state = "padded"
        return self._decode(line)

    def _begin(self, line: bytes) -> None:
        line = line.removeprefix(b"\xef\xbb\xbf")  # a byte order mark of some editors
        if not line.startswith(_BEGIN) or not line.endswith(_TAIL):
            return
        kind = line[len(_BEGIN) : -len(_TAIL)]
        if kind not in _KINDS:
            raise BrokenArmor(self._line, "this kind of block holds no certificate")
        self._kind, self._state, self._carry = kind, "headers", b""
        self.blocks += 1

    def _decode(self, line: bytes) -> bytes:
        line = self._carry + line
        whole = len(line) & ~3
        self._carry = line[whole:]
        try:
            return binascii.a2b_base64(line[:whole], strict_mode=True)
        except binascii.Error:
            raise BrokenArmor(self._line, "it is not base64") from None


def dearmor(data: bytes) -> bytes:
    """The bytes in all blocks of `data`, one after the other.

    Raises `BrokenArmor`, also when there is no block at all.
    """
    reader = Dearmorer()
    decoded = b"".join(reader.feed(data.splitlines()))
    reader.finish()
    return decoded
