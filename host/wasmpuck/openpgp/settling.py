"""What the operator's policy leaves of a certificate in which everything is true.

Rules are applied to the whole certificate, after vetting and again after every merge, so that what is stored depends on
the packets that came and not on the order in which they came: each rule only looks at what stays. The exception is
`attested`, where a signature that came before its attestation has to be sent again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from .algorithms import SLH_DSA
from .certificate import Certificate, UserId
from .limits import limit
from .policy import Policy, Rule
from .signatures import Signature, SignatureType, confirmed
from .verify import hash_of

__all__ = ["is_hard", "settle"]

_HARD = frozenset((None, 0, 2))
_Why = Callable[[Signature], Rule | None]


def is_hard(revocation: Signature) -> bool:
    """Whether a revocation holds for all that the key ever did: without a reason, or for "no reason" or "compromised".

    RFC 9580 §5.2.3.31. Superseded (1), retired (3) and "user id no longer valid" (32) leave the past alone.
    """
    return revocation.reason in _HARD


def settle(certificate: Certificate, policy: Policy, drops: Counter[Rule] | None = None) -> Certificate:
    """The certificate within the operator's rules and limits; counts what was dropped. Raises `Refused`."""
    drops = Counter() if drops is None else drops
    certificate = _without_cruft(certificate, policy, drops)
    certificate = _without_strangers(certificate, policy, drops)
    certificate = _without_old_hashes(certificate, policy, drops)
    return limit(certificate, policy, drops)


def _without_cruft(certificate: Certificate, policy: Policy, drops: Counter[Rule]) -> Certificate:
    """§2.6 of Hockeypuck's policy: a key revoked for good keeps the owner's signatures about itself and its subkeys."""
    dead = any(
        item.type == SignatureType.KEY_REVOCATION and is_hard(item) and certificate.is_own(item)
        for item in certificate.direct
    )
    if not dead or not policy.applies(Rule.HARD_REVOKED):
        return certificate
    if certificate.user_ids:
        drops[Rule.HARD_REVOKED] += sum(1 + len(item.signatures) for item in certificate.user_ids)
    return _sifted(
        Certificate(certificate.primary, certificate.direct, (), certificate.subkeys),
        lambda item: None if certificate.is_own(item) else Rule.HARD_REVOKED,
        drops,
    )


def _without_strangers(certificate: Certificate, policy: Policy, drops: Counter[Rule]) -> Certificate:
    if policy.third_party == "self-only":
        return _sifted(certificate, lambda item: None if certificate.is_own(item) else Rule.THIRD_PARTY, drops)
    if policy.third_party != "attested":
        return certificate
    before = certificate.signature_count
    certificate = Certificate.assemble(
        certificate.primary,
        filter(certificate.is_own, certificate.direct),
        [(item.packet, _attested(certificate, item)) for item in certificate.user_ids],
        [(item.key, filter(certificate.is_own, item.signatures)) for item in certificate.subkeys],
    )
    if certificate.signature_count != before:
        drops[Rule.UNATTESTED] += before - certificate.signature_count
    return certificate


def _attested(certificate: Certificate, user_id: UserId) -> list[Signature]:
    """The owner's signatures with their newest attestations, and what those list (draft-dkg-openpgp-1pa3pc)."""
    attestations = _newest_attestations(item for item in user_id.signatures if certificate.is_own(item))
    listed = _Listed(attestations)

    def stays(item: Signature) -> bool:
        if not certificate.is_own(item):
            return item in listed
        return item.type != SignatureType.ATTESTATION or item in attestations

    return [item for item in user_id.signatures if stays(item)]


def _newest_attestations(own: Iterable[Signature]) -> tuple[Signature, ...]:
    """Only the newest attestation counts, or all of them if several are of the same second."""
    found = [item for item in own if item.type == SignatureType.ATTESTATION]
    newest = max((item.created for item in found), default=0)
    return tuple(item for item in found if item.created == newest)


class _Listed:
    """The signatures that attestations list by their digests, in the hash of the attestation."""

    def __init__(self, attestations: Iterable[Signature]) -> None:
        self._digests: dict[int, set[bytes]] = {}
        for attestation in attestations:
            size = len(hash_of(attestation.hash, b""))
            for value in attestation.attested:
                if len(value) % size == 0:
                    digests = self._digests.setdefault(attestation.hash, set())
                    digests.update(value[start : start + size] for start in range(0, len(value), size))

    def __contains__(self, signature: Signature) -> bool:
        return any(hash_of(number, confirmed(signature)) in digests for number, digests in self._digests.items())


def _without_old_hashes(certificate: Certificate, policy: Policy, drops: Counter[Rule]) -> Certificate:
    """Of self-signatures by SLH-DSA about one thing, the newest that is no revocation, and all revocations."""
    if certificate.primary.algorithm not in SLH_DSA or not policy.applies(Rule.OLD_SLH_DSA):
        return certificate
    old: set[int] = set()
    groups = [certificate.direct]
    groups += [item.signatures for item in certificate.user_ids]
    groups += [item.signatures for item in certificate.subkeys]
    for group in groups:
        own = [
            item
            for item in group
            if certificate.is_own(item) and not item.revokes and item.type != SignatureType.ATTESTATION
        ]
        own.sort(key=lambda item: (item.created, item.packet.body))
        old.update(map(id, own[:-1]))
    return _sifted(certificate, lambda item: Rule.OLD_SLH_DSA if id(item) in old else None, drops)


def _sifted(certificate: Certificate, why: _Why, drops: Counter[Rule]) -> Certificate:
    """Without the signatures for which `why` names a rule. Keeps the order, which they may have no part in."""
    removed = 0

    def kept(signatures: tuple[Signature, ...]) -> tuple[Signature, ...]:
        nonlocal removed
        stay: list[Signature] = []
        for item in signatures:
            rule = why(item)
            if rule is None:
                stay.append(item)
            else:
                drops[rule] += 1
                removed += 1
        return tuple(stay)

    direct = kept(certificate.direct)
    user_ids = [(item.packet, kept(item.signatures)) for item in certificate.user_ids]
    subkeys = [(item.key, kept(item.signatures)) for item in certificate.subkeys]
    return Certificate.assemble(certificate.primary, direct, user_ids, subkeys) if removed else certificate
