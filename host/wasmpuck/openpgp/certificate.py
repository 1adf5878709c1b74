"""A certificate (RFC 9580 §10.1.1): the primary key, and user ids and subkeys with the signatures about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from .digest import sks_digest
from .facts import CertificateFacts
from .fields import Unparseable
from .keys import Key, parse_key
from .packets import Packet, Tag, walk
from .signatures import CERTIFICATIONS, Signature, parse_signature
from .userids import display_text

__all__ = ["Certificate", "Subkey", "UserId"]


@dataclass(frozen=True, slots=True)
class UserId:
    """A user id and the signatures about it."""

    packet: Packet
    signatures: tuple[Signature, ...]

    @property
    def text(self) -> str:
        """For display."""
        return display_text(self.packet.body)


@dataclass(frozen=True, slots=True)
class Subkey:
    """A subkey and the signatures about it."""

    key: Key
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Certificate:
    """Packets in one canonical order, without duplicates. Says nothing about validity: `vetting` does.

    The order depends on nothing but the packets: signatures about one thing come as the owner's revocations, the
    owner's others, other people's, each by creation time, then by bytes; user ids that the owner revoked last, those
    marked as primary first, then the most lately confirmed, then by bytes; subkeys by creation time, then
    fingerprint.
    """

    primary: Key
    direct: tuple[Signature, ...]
    user_ids: tuple[UserId, ...]
    subkeys: tuple[Subkey, ...]

    @classmethod
    def assemble(
        cls,
        primary: Key,
        direct: Iterable[Signature],
        user_ids: Iterable[tuple[Packet, Iterable[Signature]]],
        subkeys: Iterable[tuple[Key, Iterable[Signature]]],
    ) -> Certificate:
        """Joins what is the same component, removes duplicates of packets within a component, and sorts."""
        texts: dict[Packet, dict[bytes, Signature]] = {}
        for packet, signatures in user_ids:
            texts.setdefault(packet, {}).update((item.packet.body, item) for item in signatures)
        keys: dict[Packet, tuple[Key, dict[bytes, Signature]]] = {}
        for key, signatures in subkeys:
            keys.setdefault(key.packet, (key, {}))[1].update((item.packet.body, item) for item in signatures)

        def ordered(signatures: Collection[Signature]) -> tuple[Signature, ...]:
            if len(signatures) < 2:
                return tuple(signatures)
            return tuple(sorted(signatures, key=lambda item: _signature_order(item, primary)))

        return cls(
            primary,
            ordered({item.packet.body: item for item in direct}.values()),
            tuple(
                sorted(
                    (UserId(packet, ordered(found.values())) for packet, found in texts.items()),
                    key=lambda item: _user_id_order(item, primary),
                )
            ),
            tuple(
                sorted(
                    (Subkey(key, ordered(found.values())) for key, found in keys.values()),
                    key=lambda item: (item.key.created, item.key.fingerprint, item.key.packet),
                )
            ),
        )

    @classmethod
    def parse(cls, data: bytes) -> Certificate:
        """Reads back what `bytes` wrote: `parse(c.bytes) == c`.

        For bytes of our own; uploads go through `vetting`. Raises `Unparseable` or `MalformedPacket` for anything else.
        """
        packets = walk(data)
        first = next(packets, None)
        if first is None or first.tag != Tag.PUBLIC_KEY:
            raise Unparseable("no primary key")
        direct: list[Signature] = []
        user_ids: list[tuple[Packet, list[Signature]]] = []
        subkeys: list[tuple[Key, list[Signature]]] = []
        current = direct
        for packet in packets:
            match packet.tag:
                case Tag.SIGNATURE:
                    current.append(parse_signature(packet))
                case Tag.USER_ID:
                    current = []
                    user_ids.append((packet, current))
                case Tag.PUBLIC_SUBKEY:
                    current = []
                    subkeys.append((parse_key(packet), current))
                case _:
                    raise Unparseable(f"packet type {packet.tag}")
        return cls.assemble(parse_key(first), direct, user_ids, subkeys)

    @property
    def fingerprint(self) -> str:
        """Of the primary key, lower-case hexadecimal: 32 (v3), 40 (v4) or 64 (v5, v6) digits."""
        return self.primary.fingerprint

    @property
    def key_id(self) -> str:
        """Of the primary key, 16 lower-case hexadecimal digits."""
        return self.primary.key_id

    @property
    def version(self) -> int:
        """Of the primary key: 3 to 6."""
        return self.primary.version

    def walk_packets(self) -> Iterator[Packet]:
        """The packets in canonical order."""
        yield self.primary.packet
        yield from (item.packet for item in self.direct)
        for user_id in self.user_ids:
            yield user_id.packet
            yield from (item.packet for item in user_id.signatures)
        for subkey in self.subkeys:
            yield subkey.key.packet
            yield from (item.packet for item in subkey.signatures)

    @cached_property
    def packets(self) -> tuple[Packet, ...]:
        """The packets in canonical order."""
        return tuple(self.walk_packets())

    @cached_property
    def bytes(self) -> bytes:
        """The canonical bytes: each packet in the current format with its shortest length."""
        return b"".join(map(bytes, self.packets))

    @cached_property
    def md5(self) -> str:
        """The SKS digest."""
        return sks_digest(self.packets)

    @property
    def signature_count(self) -> int:
        """How many signatures there are."""
        return (
            len(self.direct)
            + sum(len(item.signatures) for item in self.user_ids)
            + sum(len(item.signatures) for item in self.subkeys)
        )

    @property
    def facts(self) -> CertificateFacts:
        """For admission."""
        return CertificateFacts(
            primary=self.primary.facts,
            subkeys=tuple(item.key.facts for item in self.subkeys),
            user_ids=tuple(item.text for item in self.user_ids),
            size=len(self.bytes),
            signatures=self.signature_count,
        )

    def is_own(self, signature: Signature) -> bool:
        """Whether the signature names the primary key as its issuer."""
        return signature.issued_by(self.primary.fingerprint, self.primary.key_id)


def _signature_order(signature: Signature, primary: Key) -> tuple[int, int, bytes]:
    own = signature.issued_by(primary.fingerprint, primary.key_id)
    return (0 if own and signature.revokes else 1 if own else 2), signature.created, signature.packet.body


def _user_id_order(user_id: UserId, primary: Key) -> tuple[bool, bool, int, bytes]:
    own = [item for item in user_id.signatures if item.issued_by(primary.fingerprint, primary.key_id)]
    certifications = [item for item in own if item.type in CERTIFICATIONS]
    newest = max(certifications, key=lambda item: (item.created, item.packet.body), default=None)
    revoked = any(item.revokes and (newest is None or item.created >= newest.created) for item in own)
    marked = newest is not None and newest.primary_user_id
    return revoked, not marked, -(newest.created if newest else 0), user_id.packet.body
