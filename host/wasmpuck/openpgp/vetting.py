"""The way in: packets as somebody sent them become a certificate in which every kept packet has earned its place.

Theory of operation. Packets are grouped by position (`_group`), cheap rules first. Then each signature that names
the primary key as its issuer is checked cryptographically, every other one by the two octets of its digest; a user
id or subkey that nothing true of the owner's binds falls with all about it. Only then limits apply, so that nobody
can push out the owner's packets with rubbish. What is left is put into canonical order, and the operator's policy
is applied (`settling`).

Work is bounded by the input: hashing is shared among signatures about one thing, and checks are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .algorithms import POST_QUANTUM
from .certificate import Certificate
from .fields import Unparseable
from .keys import Key, parse_key
from .limits import Refused, refusal
from .packets import Packet, Tag
from .policy import Policy, RefusalCode, Rule
from .settling import settle
from .signatures import CERTIFICATIONS, Signature, SignatureType, parse_back_signature, parse_signature
from .verify import Scope, Verifier

__all__ = ["Vetted", "vet"]

_DIRECT = frozenset((SignatureType.DIRECT_KEY, SignatureType.KEY_REVOCATION))
_ABOUT_USER_IDS = CERTIFICATIONS | {SignatureType.CERTIFICATION_REVOCATION}
_ATTESTED = _ABOUT_USER_IDS | {SignatureType.ATTESTATION}
_ABOUT_SUBKEYS = frozenset((SignatureType.SUBKEY_BINDING, SignatureType.SUBKEY_REVOCATION))
_FOREIGN_ABOUT_SUBKEYS = frozenset((SignatureType.SUBKEY_REVOCATION,))
_RIPEMD160 = 3
_WEAK = frozenset((1, 2, _RIPEMD160))  # MD5, SHA-1
_LIBREPGP = 5
_MAY_SIGN = 0x02
_MAX_BACK_SIGNATURES = 4
_SECRET = frozenset((Tag.SECRET_KEY, Tag.SECRET_SUBKEY))
# A marker or padding may stand anywhere (RFC 9580 §5.8, §5.14); trust packets follow what they are about.
_PASSED_OVER = {Tag.MARKER: None, Tag.PADDING: None, Tag.TRUST: Rule.TRUST}


@dataclass(frozen=True, slots=True)
class Vetted:
    """A certificate that may be stored, and how many packets each rule dropped."""

    certificate: Certificate
    drops: Counter[Rule]


@dataclass(slots=True)
class _Component:
    packet: Packet
    key: Key | None = None
    signatures: dict[bytes, Signature] = field(default_factory=dict)


def vet(packets: Iterable[Packet], policy: Policy) -> Vetted:
    """Applies every rule to the packets of one certificate, the first of which is its primary key. Raises `Refused`."""
    return _Vetting(policy).run(packets)


class _Vetting:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.drops: Counter[Rule] = Counter()
        self.checks = 0

    def run(self, packets: Iterable[Packet]) -> Vetted:
        primary, components = self._group(packets)
        verifier = Verifier(primary)
        direct: list[Signature] = []
        user_ids: list[tuple[Packet, list[Signature]]] = []
        subkeys: list[tuple[Key, list[Signature]]] = []
        for component in components:
            if component.key is primary:
                kept, _ = self._sift(component, primary, verifier, Scope(primary), _DIRECT, _DIRECT)
                direct.extend(kept)
                continue
            if component.key is None:
                scope = Scope(primary, user_id=component.packet.body)
                foreign_types = _ABOUT_USER_IDS
                own_types = _ATTESTED if self.policy.third_party == "attested" else _ABOUT_USER_IDS
            else:
                scope = Scope(primary, subkey=component.key)
                own_types, foreign_types = _ABOUT_SUBKEYS, _FOREIGN_ABOUT_SUBKEYS
            kept, bound = self._sift(component, primary, verifier, scope, own_types, foreign_types)
            if not bound:
                self.drops[Rule.UNBOUND] += 1 + len(kept)
            elif component.key is None:
                user_ids.append((component.packet, kept))
            else:
                subkeys.append((component.key, kept))
        if not user_ids and not subkeys and not any(self._own(item, primary) for item in direct):
            raise refusal(primary, RefusalCode.NO_SELF_SIGNATURE)
        certificate = settle(Certificate.assemble(primary, direct, user_ids, subkeys), self.policy, self.drops)
        return Vetted(certificate, self.drops)

    # --- by position ---------------------------------------------------------------------------

    def _group(self, packets: Iterable[Packet]) -> tuple[Key, list[_Component]]:
        primary: Key | None = None
        components: dict[Packet, _Component] = {}
        current: _Component | None = None
        reason = Rule.STRUCTURAL_MARTIAN  # why `current` is None
        for packet in packets:
            if packet.tag in _SECRET:
                raise self._secret(primary)
            if primary is None:
                primary = self._primary(packet)
                current = components[packet] = _Component(packet, primary)
                continue
            if packet.tag == Tag.SIGNATURE:
                self._attach(packet, current, components[primary.packet], reason)
                continue
            if packet.tag in _PASSED_OVER:
                rule = _PASSED_OVER[Tag(packet.tag)]
                if rule:
                    self.drops[rule] += 1
                continue
            made = self._component(packet, primary)
            if isinstance(made, Rule):
                self.drops[made] += 1
                current, reason = None, made
                continue
            if packet in components:
                self.drops[Rule.DUPLICATE] += 1
            current = components.setdefault(packet, made)
        if primary is None:
            raise Refused(RefusalCode.UNPARSEABLE_PRIMARY)
        return primary, list(components.values())

    def _primary(self, packet: Packet) -> Key:
        if packet.tag != Tag.PUBLIC_KEY or len(packet.body) > self.policy.max_packet_bytes:
            raise Refused(RefusalCode.UNPARSEABLE_PRIMARY)
        try:
            key = parse_key(packet)
        except Unparseable:
            raise Refused(RefusalCode.UNPARSEABLE_PRIMARY) from None
        if key.version not in self.policy.versions:
            detail = f"Keys of version {key.version} are not taken here."
            raise refusal(key, RefusalCode.UNPARSEABLE_PRIMARY, detail)
        if self.policy.blocks(key.fingerprint):
            raise refusal(key, RefusalCode.BLACKLISTED)
        return key

    def _secret(self, primary: Key | None) -> Refused:
        return refusal(primary, RefusalCode.SECRET_KEY) if primary else Refused(RefusalCode.SECRET_KEY)

    def _component(self, packet: Packet, primary: Key) -> _Component | Rule:
        if packet.tag == Tag.USER_ID:
            if len(packet.body) > self.policy.max_user_id_bytes:
                return Rule.OVERSIZED
            return Rule.UNPARSEABLE if b"\0" in packet.body else _Component(packet)
        if packet.tag == Tag.USER_ATTRIBUTE:
            return Rule.USER_ATTRIBUTE
        if packet.tag != Tag.PUBLIC_SUBKEY:
            return Rule.STRUCTURAL_MARTIAN
        if len(packet.body) > self.policy.max_packet_bytes:
            return Rule.OVERSIZED
        try:
            key = parse_key(packet)
        except Unparseable:
            return Rule.UNPARSEABLE
        if key.version not in self.policy.versions:
            return Rule.UNPARSEABLE
        if (key.version == 6) != (primary.version == 6) or primary.version == 3:
            return Rule.STRUCTURAL_MARTIAN  # §10.1.1: version 6 does not mix; version 3 has no subkeys
        return _Component(packet, key)

    def _attach(self, packet: Packet, component: _Component | None, primary: _Component, reason: Rule) -> None:
        """To the component before it, or to the primary key: a revocation is often just appended to a certificate."""
        if len(packet.body) > self.policy.max_signature_bytes:
            self.drops[reason if component is None else Rule.OVERSIZED] += 1
            return
        try:
            signature = self._signature(packet, primary)
        except Unparseable:
            self.drops[reason if component is None else Rule.UNPARSEABLE] += 1
            return
        if primary.key is not None and signature.type in _DIRECT and self._own(signature, primary.key):
            component = primary
        if component is None:
            self.drops[reason] += 1
        elif packet.body in component.signatures:
            self.drops[Rule.DUPLICATE] += 1
        elif signature.exportable:
            component.signatures[packet.body] = signature
        else:
            self.drops[Rule.LOCAL] += 1

    def _signature(self, packet: Packet, primary: _Component) -> Signature:
        """Raises `Unparseable`, also for what this server chose not to know."""
        signature = parse_signature(packet)
        if signature.hash == _RIPEMD160 and not (
            self.policy.ripemd160 and primary.key is not None and self._own(signature, primary.key)
        ):
            raise Unparseable("RIPEMD-160")
        if signature.version == _LIBREPGP and _LIBREPGP not in self.policy.versions:
            raise Unparseable("signature version 5")
        return signature

    # --- by what is true -----------------------------------------------------------------------

    def _sift(
        self,
        component: _Component,
        primary: Key,
        verifier: Verifier,
        scope: Scope,
        own_types: frozenset[int],
        foreign_types: frozenset[int],
    ) -> tuple[list[Signature], bool]:
        """The signatures worth keeping, and whether one of the owner's among them binds what they are about."""
        kept: list[Signature] = []
        foreign: list[Signature] = []
        for signature in component.signatures.values():
            own = self._own(signature, primary)
            if signature.type not in (own_types if own else foreign_types):
                self.drops[Rule.STRUCTURAL_MARTIAN] += 1
            elif not own:
                foreign.append(signature)
            elif self._true(signature, primary, verifier, scope, component.key):
                kept.append(signature)
            else:
                self.drops[Rule.INVALID_SELF_SIGNATURE] += 1
        bound = any(item.type != SignatureType.ATTESTATION for item in kept)
        if not bound and component.key is not primary:
            return kept + foreign, False
        for signature in foreign:
            if scope.plausible(signature) or not self.policy.applies(Rule.IMPLAUSIBLE):
                kept.append(signature)
            else:
                self.drops[Rule.IMPLAUSIBLE] += 1
        return kept, bound

    def _true(self, signature: Signature, primary: Key, verifier: Verifier, scope: Scope, about: Key | None) -> bool:
        if about is not None and about.algorithm in POST_QUANTUM and signature.hash in _WEAK:
            return False  # draft-ietf-openpgp-pqc-15 §7.2
        if not self._check(primary, verifier, scope, signature):
            return False
        if signature.type != SignatureType.SUBKEY_BINDING or about is None or not (signature.flags or 0) & _MAY_SIGN:
            return True
        subkey_verifier = Verifier(about)
        for body in signature.back_signatures[:_MAX_BACK_SIGNATURES]:
            try:
                back = parse_back_signature(body)
            except Unparseable:
                continue
            if back.type != SignatureType.PRIMARY_KEY_BINDING:
                continue
            if self._check(primary, subkey_verifier, scope, back):
                return True
        return False

    def _check(self, primary: Key, verifier: Verifier, scope: Scope, signature: Signature) -> bool:
        """The cheap test first; a signature that passes it costs a check, and those are counted."""
        digest = scope.plausible(signature)
        if digest is None:
            return False
        self.checks += verifier.cost
        if self.checks > self.policy.max_own_checks:
            raise refusal(primary, RefusalCode.TOO_MANY_SELF_SIGNATURES)
        answer = verifier.verifies(signature, digest)
        return self.policy.unverifiable == "keep" if answer is None else answer

    @staticmethod
    def _own(signature: Signature, primary: Key) -> bool:
        return signature.issued_by(primary.fingerprint, primary.key_id)
