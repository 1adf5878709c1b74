"""The laws on real certificates: each of Debian's keyrings goes in, comes back, and comes together again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysequoia import Cert

from vectors.packages import debian_keyrings
from wasmpuck.openpgp import Certificate, Packet, Policy, Refused, Tag, merge, sks_digest, vet, walk
from wasmpuck.openpgp.ingest import Prepared, combine, prepare
from wasmpuck.openpgp.settling import settle
from wasmpuck.openpgp.splitter import Piece, pieces_of_packets

# Larger ones differ from these by strangers' signatures alone, and take minutes.
_LARGEST = 40_000


def keyring() -> Iterator[Piece]:
    """All certificates of all keyrings."""
    for path in debian_keyrings():
        yield from pieces_of_packets((path.read_bytes(),), 1 << 25)


@cache
def some() -> tuple[bytes, ...]:
    """Every seventh that is not very large."""
    return tuple(piece.data for piece in keyring() if len(piece.data) <= _LARGEST)[::7]


@pytest.fixture(scope="module")
def taken() -> list[tuple[bytes, Prepared]]:
    """Each certificate as it came and as it would be stored."""
    found: list[tuple[bytes, Prepared]] = []
    for piece in keyring():
        outcome = prepare(piece, Policy())
        assert isinstance(outcome, Prepared), outcome
        found.append((piece.data, outcome))
    return found


def test_all_are_taken_and_come_back_packet_for_packet(taken: list[tuple[bytes, Prepared]]) -> None:
    """What is stored is what came, but for packets that rules left out, each of them counted; nothing is added."""
    for data, outcome in taken:
        before, after = Counter(walk(data)), Counter(walk(outcome.data))
        assert not after - before
        assert (before - after).total() == sum(number for _, number in outcome.drops)
        assert outcome.md5 == sks_digest(walk(outcome.data))
        if not outcome.drops:
            assert outcome.md5 == sks_digest(walk(data))


def test_what_is_stored_reads_back(taken: list[tuple[bytes, Prepared]]) -> None:
    """Parse ∘ serialize is the identity, and Sequoia reads the same key."""
    for _, outcome in taken:
        certificate = Certificate.parse(outcome.data)
        assert certificate.bytes == outcome.data
        assert Cert.from_bytes(outcome.data).fingerprint == outcome.fingerprint


def test_storing_again_changes_nothing(taken: list[tuple[bytes, Prepared]]) -> None:
    """A merge of a stored certificate with itself is itself, and nothing is dropped."""
    for _, outcome in taken[::10]:
        again = combine(outcome.data, outcome.data, Policy())
        assert isinstance(again, Prepared)
        assert (again.data, again.drops) == (outcome.data, ())


def parts(data: bytes, chosen: list[int]) -> Certificate | None:
    """The certificate of those packets that `chosen` says, keys and user ids always; None if nothing binds them."""
    packets: list[Packet] = []
    for number, item in enumerate(walk(data)):
        if item.tag != Tag.SIGNATURE or chosen[number % len(chosen)]:
            packets.append(item)
    try:
        return vet(packets, Policy()).certificate
    except Refused:
        return None


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.lists(st.integers(0, 1), min_size=1, max_size=40),
    st.lists(st.integers(0, 1), min_size=1, max_size=40),
)
def test_parts_come_together_whatever_their_order(number: int, one: list[int], other: list[int]) -> None:
    """Of signatures that came apart, each state has some; together they are what they would have been at once."""
    data = some()[number % len(some())]
    whole = vet(walk(data), Policy()).certificate
    halves = [half for half in (parts(data, one), parts(data, other)) if half is not None]
    for half in halves:
        assert merge(whole, half) == merge(half, whole)
        assert settle(merge(whole, half), Policy()) == whole
        assert set(half.packets) <= set(whole.packets)
    if len(halves) == 2:
        joined = settle(merge(*halves), Policy())
        assert joined == settle(merge(*reversed(halves)), Policy())
        assert settle(merge(joined, whole), Policy()) == whole
