"""The subpackets of a signature (RFC 9580 §5.2.3.7), read as far as a keyserver needs."""

from __future__ import annotations

from .fields import Cut, Unparseable

__all__ = ["Subpackets"]

# Subpackets (§5.2.3.7) that an implementation can be told are critical. 2..12 and so on are all that the standard
# defines; 34, 35 and 37 (preferred AEAD ciphers, intended recipient, attested certifications) included.
_KNOWN = frozenset(
    (2, 3, 4, 5, 6, 7, 9, 11, 12, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 37, 39)
)
_READ = frozenset((2, 3, 4, 9, 16, 25, 27, 29, 32, 33, 37))
_READ_UNHASHED = frozenset((16, 32, 33))
_FIXED = {2: 4, 3: 4, 4: 1, 9: 4, 16: 8, 25: 1}
_FINGERPRINTS = {4: 21, 5: 33, 6: 33}  # version → octets, its own included
_MAX_SUBPACKETS = 1000


class Subpackets:
    """Collects from both areas; only the hashed one may say anything but the issuer and a back signature."""

    __slots__ = (
        "_count",
        "attested",
        "back_signatures",
        "created",
        "exportable",
        "flags",
        "issuers",
        "key_lifetime",
        "lifetime",
        "primary_user_id",
        "reason",
        "version",
    )

    def __init__(self, version: int) -> None:
        self.version = version
        self.created: int | None = None
        self.issuers: set[str] = set()
        self.exportable = True
        self.lifetime = 0
        self.key_lifetime: int | None = None
        self.primary_user_id = False
        self.flags: int | None = None
        self.reason: int | None = None
        self.back_signatures: list[bytes] = []
        self.attested: list[bytes] = []
        self._count = 0

    def read(self, body: bytes, offset: int, end: int, *, trusted: bool) -> None:
        """Reads the area `body[offset:end]` (§5.2.3.7). Lengths are checked against what is there."""
        while offset < end:
            self._count += 1
            size = body[offset]
            offset += 1
            if size >= 192:
                if size == 255:
                    size = int.from_bytes(body[offset : offset + 4], "big")
                    offset += 4
                else:
                    size = (size - 192 << 8) + body[offset] + 192
                    offset += 1
            stop = offset + size
            if not size or stop > end or self._count > _MAX_SUBPACKETS:
                raise Unparseable("empty, cut off, or too many subpackets")
            kind = body[offset]
            if kind & 0x80:
                kind &= 0x7F
                if kind not in _KNOWN:
                    raise Unparseable(f"unknown critical subpacket {kind}")
            if kind in (_READ if trusted else _READ_UNHASHED):
                self._keep(kind, body[offset + 1 : stop], trusted=trusted)
            offset = stop

    def _keep(self, kind: int, value: bytes, *, trusted: bool) -> None:
        size = len(value)
        if size != _FIXED.get(kind, size):
            raise Unparseable(f"wrong length of subpacket {kind}")
        match kind:
            case 2:
                self.created = int.from_bytes(value, "big")
            case 33:
                self._issuer(value)
            case 16:
                if self.version != 6:
                    self.issuers.add(value.hex())
                elif trusted:  # §5.2.3.12: a version 6 signature must not name its issuer by key id
                    raise Unparseable("an issuer key id in version 6")
            case 27:
                self.flags = value[0] if value else 0
            case 9:
                self.key_lifetime = int.from_bytes(value, "big")
            case 32:
                self.back_signatures.append(value)
            case 25:
                self.primary_user_id = value != b"\0"
            case 3:
                self.lifetime = int.from_bytes(value, "big")
            case 4:
                self.exportable = value != b"\0"
            case 29:
                if not value:
                    raise Cut("a reason without a code")
                self.reason = value[0]
            case _:
                self.attested.append(value)

    def _issuer(self, value: bytes) -> None:
        """§5.2.3.35: the version of the key, then its fingerprint."""
        version = value[0] if value else 0
        if len(value) != _FINGERPRINTS.get(version, len(value)) or len(value) < 17:
            raise Unparseable("wrong length of the issuer's fingerprint")
        fingerprint = value[1:].hex()
        self.issuers.add(fingerprint)
        self.issuers.add(fingerprint[:16] if version in (5, 6) else fingerprint[-16:])
