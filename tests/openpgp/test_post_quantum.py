from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from vectors.owner import Owner, packet, subpacket
from wasmpuck.openpgp import (
    Certificate,
    Packet,
    Policy,
    RefusalCode,
    Refused,
    Rule,
    Unparseable,
    dearmor,
    sks_digest,
    vet,
    walk,
)
from wasmpuck.openpgp.ingest import Prepared, examine
from wasmpuck.openpgp.keys import parse_key
from wasmpuck.openpgp.settling import settle
from wasmpuck.openpgp.signatures import parse_signature
from wasmpuck.openpgp.slhdsa import verifies
from wasmpuck.openpgp.verify import Scope, Verifier

SAMPLES = Path(__file__).parents[1] / "vectors" / "pqc"
# Name and size of primary key and subkey, as Hockeypuck 2.4 lists them; fingerprints as the draft prints them.
LISTED = {
    "v4-eddsa": ("342e5db2de34", "ed25519", 256, "mlkem768+x25519", 9472),
    "v6-eddsa": ("c789e17d9dbd", "ed25519", 256, "mlkem768+x25519", 9472),
    "v6-mldsa-65": ("a3e2e14b6a49", "mldsa65+ed25519", 15616, "mlkem768+x25519", 9472),
    "v6-mldsa-87": ("0d7a8be1410c", "mldsa87+ed448", 20736, "mlkem1024+x448", 12544),
    "v6-slhdsa-128s": ("eed4d13fc36c", "slhdsa128s", 256, "mlkem768+x25519", 9472),
    "v6-slhdsa-128f": ("d54e03070211", "slhdsa128f", 256, "mlkem768+x25519", 9472),
    "v6-slhdsa-256s": ("72fff84863ae", "slhdsa256s", 512, "mlkem1024+x448", 12544),
}
SIGNING = [name for name in LISTED if "dsa-" in name and "eddsa" not in name]


def sample(name: str) -> bytes:
    """The packets of a sample certificate."""
    return dearmor((SAMPLES / f"{name}.asc").read_bytes())


@pytest.mark.parametrize("name", LISTED)
def test_the_drafts_certificates_pass_packet_for_packet(name: str) -> None:
    """Parsed, checked, fingerprinted and listed with name and size; nothing is dropped."""
    data = sample(name)
    (outcome,) = examine(data, Policy()).outcomes
    assert isinstance(outcome, Prepared)
    (subkey,) = outcome.summary["subkeys"]
    primary = outcome.summary
    listed = (outcome.fingerprint[:12], primary["name"], primary["bits"], subkey["name"], subkey["bits"])
    assert (listed, outcome.drops) == (LISTED[name], ())
    assert Counter(walk(outcome.data)) == Counter(walk(data))
    assert outcome.md5 == sks_digest(walk(data))
    assert Certificate.parse(outcome.data).bytes == outcome.data


@pytest.mark.parametrize("name", SIGNING)
def test_a_spoiled_signature_is_dropped(name: str) -> None:
    """Both halves of a composite count, and every part of a hash tree; a changed octet makes all of it false."""
    certificate = vet(walk(sample(name)), Policy()).certificate
    signature = certificate.direct[0]
    size = sum(map(len, signature.values))
    start = len(signature.packet.body) - size
    scope, verifier = Scope(certificate.primary), Verifier(certificate.primary)
    digest = scope.digest(signature)
    assert digest is not None
    assert verifier.verifies(signature, digest)
    assert not verifier.verifies(signature, digest[::-1])
    for offset in (0, 40, 70, size // 3, size // 2, size - 100, size - 1):
        body = bytearray(signature.packet.body)
        body[start + offset] ^= 1
        spoiled = parse_signature(Packet(2, bytes(body)))
        assert verifier.verifies(spoiled, digest) is False, offset


def test_checks_by_hash_trees_are_counted_as_what_they_cost() -> None:
    """A flood of them is refused a hundred times sooner than one of ordinary signatures."""
    data = sample("v6-slhdsa-128s")
    assert vet(walk(data), Policy(max_own_checks=300)).certificate.signature_count == 3
    with pytest.raises(Refused) as caught:
        vet(walk(data), Policy(max_own_checks=299))
    assert caught.value.code is RefusalCode.TOO_MANY_SELF_SIGNATURES


def test_of_self_signatures_by_hash_trees_only_the_newest_stays() -> None:
    """About each thing, unless the operator leaves out the filter; revocations stay in any case."""
    certificate = vet(walk(sample("v6-slhdsa-128s")), Policy()).certificate
    (binding,) = certificate.subkeys[0].signatures
    newer = replace(binding, created=binding.created + 1, packet=Packet(2, binding.packet.body + b"\1"))
    revocation = replace(binding, type=0x28, packet=Packet(2, binding.packet.body + b"\2"))
    subkeys = [(certificate.subkeys[0].key, (binding, newer, revocation))]
    users = [(item.packet, item.signatures) for item in certificate.user_ids]
    many = Certificate.assemble(certificate.primary, certificate.direct, users, subkeys)
    drops: Counter[Rule] = Counter()
    settled = settle(many, Policy(), drops)
    assert drops == {Rule.OLD_SLH_DSA: 1}
    assert settled.subkeys[0].signatures == (revocation, newer)
    assert settle(settled, Policy()) == settled
    assert settle(many, Policy(filters=())) == many
    (name,) = certificate.user_ids
    attestation = replace(name.signatures[0], type=0x16, created=2**32 - 1, packet=Packet(2, b"attestation"))
    attested = Certificate.assemble(
        certificate.primary, certificate.direct, [(name.packet, (*name.signatures, attestation))], []
    )
    assert len(settle(attested, Policy(third_party="attested")).user_ids[0].signatures) == len(name.signatures) + 1


@pytest.mark.parametrize(
    ("version", "algorithm", "size"),
    [(4, 30, 1984), (4, 32, 32), (4, 36, 1624), (5, 35, 1216), (6, 30, 1983), (6, 37, 9)],
)
def test_what_the_draft_does_not_allow_is_no_key(version: int, algorithm: int, size: int) -> None:
    """Post-quantum keys are of version 6, but for one that may be a subkey of version 4; lengths are fixed."""
    body = bytes((version,)) + bytes(4) + bytes((algorithm,))
    body += size.to_bytes(4, "big") if version > 4 else b""
    with pytest.raises(Unparseable):
        parse_key(Packet(6, body + bytes(size)))


def test_a_post_quantum_signature_needs_a_long_hash() -> None:
    """One with SHA-224 cannot be read (draft-ietf-openpgp-pqc §9.4)."""
    (signature, *_) = (item for item in walk(sample("v6-mldsa-65")) if item.tag == 2)
    with pytest.raises(Unparseable, match="too short"):
        parse_signature(Packet(2, signature.body[:3] + b"\x0b" + signature.body[4:]))


def test_hash_trees_refuse_other_algorithms_and_lengths() -> None:
    """A caller's mistake is not an answer."""
    for algorithm, key, signature in ((27, bytes(32), bytes(7856)), (32, bytes(31), bytes(7856)), (32, bytes(32), b"")):
        with pytest.raises(ValueError, match=r"SLH-DSA key|wrong length"):
            verifies(algorithm, key, b"message", signature)


def test_a_key_of_an_unassigned_algorithm_is_refused_in_words() -> None:
    """A number that no standard has given out yet is no certificate here."""
    (outcome,) = examine(packet(6, b"\x06" + bytes(4) + b"\x63\0\0\0\x20" + bytes(32)), Policy()).outcomes
    assert getattr(outcome, "code", "") == RefusalCode.UNPARSEABLE_PRIMARY


def test_a_post_quantum_subkey_is_not_bound_with_a_weak_hash() -> None:
    """A true binding with SHA-1 binds a subkey of the older kind and not one of the newer (§7.2 of the draft)."""
    ann = Owner("ann")
    modern = b"\x04" + bytes(4) + b"\x23" + bytes(1216)
    assert [binds(ann, body) for body in (Owner("sub").body, modern)] == [True, False]


def binds(owner: Owner, body: bytes) -> bool:
    """Whether a subkey stays that the owner bound with SHA-1."""
    area = subpacket(2, bytes(4)) + subpacket(27, b"\x04")
    head = b"\x04\x18\x16\x02" + len(area).to_bytes(2, "big") + area
    scope = owner.framed + b"\x99" + len(body).to_bytes(2, "big") + body
    digest = hashlib.sha1(scope + head + b"\x04\xff" + len(head).to_bytes(4, "big"), usedforsecurity=False).digest()
    value = owner.key.sign(digest)
    foot = subpacket(33, b"\x04" + bytes.fromhex(owner.fingerprint))
    halves = value[:32], value[32:]
    numbers = b"".join(
        int.from_bytes(half, "big").bit_length().to_bytes(2, "big") + half.lstrip(b"\0") for half in halves
    )
    binding = head + len(foot).to_bytes(2, "big") + foot + digest[:2] + numbers
    (outcome,) = examine(owner.certificate(owner.user_id("Ann"), (14, body), (2, binding)), Policy()).outcomes
    assert isinstance(outcome, Prepared)
    return len(outcome.facts.subkeys) == 1
