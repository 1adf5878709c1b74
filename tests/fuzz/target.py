"""What must hold for any bytes that reach the key processing. Shared by the fuzzer and by the tests that replay it.

`check` takes an input through everything that a stranger's bytes meet, counts the work that the interpreter does for
it, and raises `AssertionError` where one of these does not hold:

- nothing is raised but what is documented (`examine` and `prepare` raise nothing at all);
- the work stays within a budget that grows with the size of the input, not with its square;
- what is taken reads back: parse ∘ serialize is the identity, vetting it again changes nothing, merging it with itself
  changes nothing, and the digest is that of the bytes;
- what came in as a whole is what comes out when it is fed in chunks.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from wasmpuck.openpgp import (
    BrokenArmor,
    Certificate,
    MalformedPacket,
    Packet,
    Policy,
    Unparseable,
    armor,
    dearmor,
    frame,
    sks_digest,
    walk,
)
from wasmpuck.openpgp.ingest import BareSignature, Examination, Prepared, Rejected, attach, combine, examine
from wasmpuck.openpgp.keys import parse_key
from wasmpuck.openpgp.search import Search
from wasmpuck.openpgp.signatures import confirmed, parse_signature
from wasmpuck.openpgp.splitter import pieces_of_packets
from wasmpuck.openpgp.userids import display_text, email_of, words_of

__all__ = ["POLICIES", "Budget", "OverBudget", "check"]

POLICIES = (
    Policy(max_own_checks=40, max_certificates=20, versions=(3, 4, 5, 6), ripemd160=True),
    Policy(max_own_checks=40, max_certificates=20, third_party="attested", max_foreign_signatures=5, max_user_ids=3),
    Policy(max_own_checks=40, max_certificates=20, third_party="self-only", unverifiable="keep", filters=()),
)
"""The first byte of an input chooses one; few checks with a public key, so that the fuzzer is fast."""

# Calls of Python functions that an input may cost: real certificates cost 1 a byte, empty packets 8.
_CALLS_PER_BYTE = 20
_CALLS_ALWAYS = 3_000


class OverBudget(AssertionError):
    """An input costs more than its size allows."""


class Budget:
    """Counts calls of Python functions while it is entered. Not a clock: the same input always costs the same."""

    def __init__(self, size: int) -> None:
        self.allowed = _CALLS_ALWAYS + _CALLS_PER_BYTE * size
        self.spent = 0
        self._before: Callable[..., Any] | None = None

    def __enter__(self) -> Budget:
        self._before = sys.getprofile()
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)
        if self.spent > self.allowed:
            raise OverBudget(f"{self.spent} calls, {self.allowed} allowed")

    def _count(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            self.spent += 1


def check(data: bytes) -> None:
    """Raises AssertionError, or whatever a defect raises."""
    policy, data = POLICIES[data[0] % len(POLICIES) if data else 0], data[1:]
    with Budget(len(data)):
        examination = examine(data, policy)
    _check_examination(examination, policy)
    _check_packets(data)
    _check_armor(data)
    _check_text(data)


def _check_examination(examination: Examination, policy: Policy) -> None:
    if examination.problem is not None:
        assert not examination.outcomes
        assert examination.problem.message.endswith(".")
        assert examination.problem.hint.endswith((".", "FINGERPRINT"))
        return
    taken: dict[str, Prepared] = {}
    for outcome in examination.outcomes:
        match outcome:
            case Prepared():
                _check_prepared(outcome, policy)
                before = taken.setdefault(outcome.fingerprint, outcome)
                if before is not outcome:
                    _check_merge(before, outcome, policy)
            case Rejected():
                assert outcome.text.endswith(".")
                assert outcome.code
            case BareSignature():
                assert outcome.issuers
                for other in taken.values():
                    assert isinstance(attach(other.data, outcome.body, policy), Prepared | Rejected)


def _check_prepared(outcome: Prepared, policy: Policy) -> None:
    certificate = Certificate.parse(outcome.data)
    assert certificate.bytes == outcome.data
    assert certificate.fingerprint == outcome.fingerprint
    assert certificate.version in policy.versions
    assert len(outcome.data) <= policy.max_certificate_bytes
    assert len(certificate.user_ids) <= policy.max_user_ids
    assert sks_digest(walk(outcome.data)) == outcome.md5 == outcome.summary["md5"]
    assert len(set(certificate.packets)) <= len(certificate.packets)
    (again,) = examine(outcome.data, policy).outcomes
    assert isinstance(again, Prepared)
    assert again.data == outcome.data
    assert not again.drops
    assert combine(outcome.data, outcome.data, policy) == again
    assert len(outcome.keys) == 1 + len(certificate.subkeys)
    assert all(value == value.lower() for value in (*outcome.identities, *outcome.domains))
    hashlib.sha256(repr(outcome.summary).encode()).digest()


def _check_merge(one: Prepared, other: Prepared, policy: Policy) -> None:
    there, back = combine(one.data, other.data, policy), combine(other.data, one.data, policy)
    assert type(there) is type(back)
    if isinstance(there, Prepared) and isinstance(back, Prepared):
        assert there.data == back.data


def _check_packets(data: bytes) -> None:
    packets: list[Packet] = []
    try:
        with Budget(len(data)):
            packets.extend(walk(data))
    except MalformedPacket as error:
        stopped = error.offset
    else:
        stopped = 0
    assert 0 <= stopped <= len(data)
    framed = b"".join(frame(*packet) for packet in packets)
    assert list(walk(framed)) == packets
    assert sum(packet.framed_size for packet in packets) == len(framed)
    for packet in packets:
        _check_bodies(packet)
    pieces = list(pieces_of_packets((data,), 5000))
    chunks = [data[start : start + 7] for start in range(0, len(data), 7)] if len(data) < 3000 else [data]
    assert [(piece.data, piece.offset, piece.bare) for piece in pieces_of_packets(chunks, 5000)] == [
        (piece.data, piece.offset, piece.bare) for piece in pieces
    ]


def _check_bodies(packet: Packet) -> None:
    with Budget(len(packet.body)):
        try:
            signature = parse_signature(Packet(2, packet.body))
        except Unparseable:
            pass
        else:
            assert len(confirmed(signature)) <= len(packet.body) + 5
            assert all(len(issuer) in (16, 32, 40, 64) or len(issuer) > 16 for issuer in signature.issuers)
        try:
            key = parse_key(Packet(6, packet.body))
        except Unparseable:
            pass
        else:
            assert len(key.key_id) == 16
            assert len(key.fingerprint) in (32, 40, 64)
            assert key.name
            assert key.bits > 0


def _check_armor(data: bytes) -> None:
    with Budget(len(data)):
        try:
            decoded = dearmor(data)
        except BrokenArmor:
            return
    if decoded:  # there is no armor of nothing
        assert dearmor(armor(decoded).encode()) == decoded


def _check_text(data: bytes) -> None:
    text = display_text(data[:2048])
    address = email_of(text)
    if address is not None:
        found = Search.parse(f"<{address}>") if len(address) <= 500 else None
        assert found is None or found.value
    assert len(words_of([text])) <= 500
