"""What is dropped from a certificate on the way in, and what refuses it: each rule has a name and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

__all__ = ["FILTERS", "OPTIONAL_FILTERS", "REFUSALS", "RULES", "Policy", "RefusalCode", "Rule"]


class Rule(StrEnum):
    """Why a packet is not kept. Names that begin like Hockeypuck's filters mean the same."""

    UNPARSEABLE = "drop:unparseable"
    USER_ATTRIBUTE = "drop:UAT"
    IMPLAUSIBLE = "drop:implausible"
    INVALID_SELF_SIGNATURE = "drop:invalidSelfSig"
    STRUCTURAL_MARTIAN = "drop:structuralMartian"
    UNBOUND = "drop:unbound"
    HARD_REVOKED = "drop:hardRevokedCruft"
    OLD_SLH_DSA = "drop:oldSlhdsaSelfSig"
    TRUST = "drop:trust"
    LOCAL = "drop:local"
    OVERSIZED = "drop:oversized"
    THIRD_PARTY = "drop:thirdParty"
    UNATTESTED = "drop:unattested"
    SURPLUS = "drop:surplus"
    DUPLICATE = "yminsky.dedup"


RULES: dict[Rule, str] = {
    Rule.UNPARSEABLE: "The packet cannot be read to its last byte, uses an algorithm, curve, version or critical "
    "subpacket that this server does not know, names no issuer, or is a user id with a NUL byte. "
    "Signatures under such a user id or subkey go with it.",
    Rule.USER_ATTRIBUTE: "User attributes (pictures) and the signatures about them are not kept.",
    Rule.IMPLAUSIBLE: "A signature by another key whose two octets of the digest do not match what it is about.",
    Rule.INVALID_SELF_SIGNATURE: "A signature that names the certificate's own key as its issuer and was not made "
    "by it, or binds a signing subkey without a true signature back by that subkey.",
    Rule.STRUCTURAL_MARTIAN: "A packet or a signature type that has no place where it stands.",
    Rule.UNBOUND: "A user id or a subkey, with all about it, that no true signature of the primary key binds.",
    Rule.HARD_REVOKED: "The user ids of a certificate whose owner revoked it for good (the key is compromised, or no "
    "reason is given), and other people's signatures on it: they say nothing about a dead key any more.",
    Rule.OLD_SLH_DSA: "A self-signature by SLH-DSA that a newer one about the same thing replaces; each has "
    "8 to 30 kB.",
    Rule.TRUST: "Trust packets are somebody's private notes.",
    Rule.LOCAL: "A signature marked as not exportable.",
    Rule.OVERSIZED: "A packet longer than a keyserver packet may be, with the signatures about it.",
    Rule.THIRD_PARTY: 'A signature by another key, where `openpgp.thirdParty` is "self-only".',
    Rule.UNATTESTED: "A signature by another key that the owner did not attest, where `openpgp.thirdParty` is "
    '"attested".',
    Rule.SURPLUS: "More signatures by other keys than a certificate may carry: the oldest by their own date stay.",
    Rule.DUPLICATE: "A packet that is there twice.",
}


FILTERS: tuple[str, ...] = (
    "drop:UAT",
    "drop:hardRevokedCruft",
    "drop:implausible",
    "drop:invalidSelfSig",
    "drop:oldSlhdsaSelfSig",
    "drop:structuralMartian",
    "drop:unbound",
    "drop:unparseable",
    "schema:application/pgp-keys",
    "versions:3+4+6+rfc9980",
    "yminsky.dedup",
    "yminsky.merge",
)
"""Hockeypuck 2.4's data policy, by its names and in its order: what peers must do alike to agree on certificates."""

OPTIONAL_FILTERS = frozenset(("drop:hardRevokedCruft", "drop:implausible", "drop:oldSlhdsaSelfSig"))
"""Those that can be left out; without any other a certificate would not be one."""


class RefusalCode(StrEnum):
    """Why a whole certificate is not taken."""

    SECRET_KEY = "secret-key"
    UNPARSEABLE_PRIMARY = "unparseable-primary-key"
    NO_SELF_SIGNATURE = "no-valid-self-signature"
    TOO_LARGE = "too-large"
    TOO_MANY_USER_IDS = "too-many-user-ids"
    TOO_MANY_SUBKEYS = "too-many-subkeys"
    TOO_MANY_SELF_SIGNATURES = "too-many-self-signatures"
    BLACKLISTED = "blacklisted"
    TRUNCATED = "truncated"
    BARE_SIGNATURE = "bare-signature"


REFUSALS: dict[RefusalCode, str] = {
    RefusalCode.SECRET_KEY: "It is a secret key. Nothing of it was stored; if it went over an open network, revoke it.",
    RefusalCode.UNPARSEABLE_PRIMARY: "Its primary key cannot be read, or its version or algorithm is not known here.",
    RefusalCode.NO_SELF_SIGNATURE: "It carries no valid self-signature.",
    RefusalCode.TOO_LARGE: "It is larger than this server takes.",
    RefusalCode.TOO_MANY_USER_IDS: "It has more user ids than this server takes.",
    RefusalCode.TOO_MANY_SUBKEYS: "It has more subkeys than this server takes.",
    RefusalCode.TOO_MANY_SELF_SIGNATURES: "It carries more signatures of its own key than this server checks.",
    RefusalCode.BLACKLISTED: "The operator of this server does not distribute this certificate.",
    RefusalCode.TRUNCATED: "Its packets are broken or cut off.",
    RefusalCode.BARE_SIGNATURE: "It is a signature without a key, and no certificate that this server has made it.",
}


@dataclass(frozen=True)
class Policy:
    """Limits and choices.

    Every one of the 905 certificates of Debian's keyrings (December 2022) stays within the default limits.
    """

    max_certificate_bytes: int = 1_048_576
    """Of the certificate as it would be stored; other people's signatures are dropped first."""
    max_incoming_bytes: int = 33_554_432
    """Of the certificate as it comes in, before anything is dropped. Only bulk loading meets it."""
    max_user_ids: int = 100
    """User ids that the owner signed."""
    max_subkeys: int = 100
    """Subkeys that the owner signed."""
    max_foreign_signatures: int = 2_000
    """Signatures by other keys."""
    max_own_checks: int = 4_000
    """Signatures in the name of the certificate's own key that are worth a cryptographic check (about 0.1 ms each)."""
    max_user_id_bytes: int = 2_048
    max_packet_bytes: int = 8_192
    """Of any packet but a signature."""
    max_signature_bytes: int = 65_536
    max_certificates: int = 100
    """In one upload."""
    versions: tuple[int, ...] = (3, 4, 6)
    """Of primary keys and subkeys. 5 is LibrePGP's, which peers do not take."""
    third_party: str = "keep"
    """What becomes of signatures by other keys: "keep", "self-only" (none) or "attested" (those the owner attests)."""
    unverifiable: str = "drop"
    """What becomes of self-signatures that no library here can check: "drop", or "keep" those that are plausible."""
    ripemd160: bool = True
    """Whether self-signatures with RIPEMD-160 count: some keys from before 2010 have no others. Not in Hockeypuck."""
    filters: tuple[str, ...] = FILTERS
    """Rules in force, of `FILTERS`; only `OPTIONAL_FILTERS` can be missing."""
    blacklist: tuple[str, ...] = ()
    """Fingerprints (lower case) of primary keys that are neither taken nor given out."""

    @cached_property
    def _blocked(self) -> frozenset[str]:
        return frozenset(self.blacklist)

    def blocks(self, fingerprint: str) -> bool:
        """Whether the certificate with this primary fingerprint (lower case) is on the blacklist.

        Asked on the way in by `vetting`, and on every way out by whoever gives out or lists certificates: the
        blacklist holds for those as well that were stored before they were put on it.
        """
        return fingerprint in self._blocked

    def applies(self, rule: Rule) -> bool:
        """Whether this rule is in force: all are, but for optional filters that were left out."""
        return rule not in OPTIONAL_FILTERS or rule in self.filters
