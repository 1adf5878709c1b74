from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.openpgp import Packet, Policy, dearmor, sks_digest, vet, walk

VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.mark.parametrize(
    ("name", "digest"), [("alice", "492e95afc8a935d772e77c55d606e467"), ("bob", "b9bc2f1c797687b64d729fbd69b1df1d")]
)
def test_the_samples_have_the_digests_that_other_keyservers_give_them(name: str, digest: str) -> None:
    """Alice and Bob of draft-bre-openpgp-samples, as uploaded and as stored."""
    packets = list(walk(dearmor((VECTORS / f"{name}.asc").read_bytes())))
    assert sks_digest(packets) == digest
    assert vet(packets, Policy()).certificate.md5 == digest


def test_a_revocation_changes_the_digest_as_elsewhere() -> None:
    """Alice with her revocation certificate has the digests that Hockeypuck computes when it reads and stores her."""
    packets = [
        packet
        for name in ("alice", "alice-revocation")
        for packet in walk(dearmor((VECTORS / f"{name}.asc").read_bytes()))
    ]
    assert sks_digest(packets) == "48266ce333da3bb394b3bdec7ad0cb0a"
    assert vet(packets, Policy()).certificate.md5 == "120cd843203f89063f6ce4936f778b1e"


def test_the_digest_is_what_its_definition_says() -> None:
    """MD5 over type, length and body of each packet, sorted by type, then body."""
    packets = [Packet(13, b"b"), Packet(2, b"zz"), Packet(13, b"a")]
    written = b"\0\0\0\x02\0\0\0\x02zz" + b"\0\0\0\x0d\0\0\0\x01a" + b"\0\0\0\x0d\0\0\0\x01b"
    assert sks_digest(packets) == hashlib.md5(written, usedforsecurity=False).hexdigest()


@given(st.data())
def test_order_and_trust_packets_do_not_count(data: st.DataObject) -> None:
    """Shuffled, and with somebody's trust packets between, it is the same digest."""
    packets = data.draw(st.lists(st.builds(Packet, st.integers(1, 63), st.binary(max_size=20)), max_size=10))
    without = [packet for packet in packets if packet.tag != 12]
    assert sks_digest(data.draw(st.permutations(packets))) == sks_digest([*without, Packet(12, b"noise")])
