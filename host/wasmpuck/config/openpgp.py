"""`[openpgp]`: what is taken of a certificate."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import BadValue, Choice, Flag, ListOf, Number
from wasmpuck.config.rights import FingerprintKind

__all__ = ["FILTERS", "OpenPGPSettings"]

_MIB = 1024 * 1024

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
_OPTIONAL = ("drop:hardRevokedCruft", "drop:implausible", "drop:oldSlhdsaSelfSig")


class AnyFingerprintKind(FingerprintKind):
    """The fingerprint of a primary key of any version; those of version 3 have 32 digits."""

    @property
    def article(self) -> str:
        return "a fingerprint of 32, 40 or 64 hexadecimal digits"

    def read(self, value: object) -> str:
        if isinstance(value, str):
            digits = "".join(value.split()).lower().removeprefix("0x")
            if re.fullmatch(r"[0-9a-f]{32}", digits):
                return digits
        return super().read(value)


class FilterList(ListOf[str]):
    """The names of filters in force, with all that cannot be left out."""

    def __init__(self) -> None:
        super().__init__(Choice(*FILTERS, noun="filter"), "filters")

    def read(self, value: object) -> tuple[str, ...]:
        names = super().read(value)
        self._check(names)
        return names

    def from_text(self, text: str) -> tuple[str, ...]:
        names = super().from_text(text)
        self._check(names)
        return names

    def _check(self, names: tuple[str, ...]) -> None:
        for name in FILTERS:
            if name not in names and name not in _OPTIONAL:
                optional = ", ".join(f'"{other}"' for other in _OPTIONAL)
                raise BadValue(f'the filter "{name}" cannot be left out', f"only these can: {optional}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPGPSettings:
    """`[openpgp]`: what is taken of a certificate. The names and defaults are those of `openpgp.policy.Policy`."""

    max_certificate_bytes: int = setting(
        Number(1024, 1024 * _MIB, "bytes"),
        _MIB,
        "Size of a certificate as it would be stored; other people's signatures are dropped first.",
    )
    max_incoming_bytes: int = setting(
        Number(1024, 4096 * _MIB, "bytes"),
        32 * _MIB,
        "Size of a certificate as it comes in, before anything is dropped; only bulk loading meets it.",
    )
    max_user_ids: int = setting(Number(1, 100_000, "user ids"), 100, "User ids that the owner signed.")
    max_subkeys: int = setting(Number(1, 100_000, "subkeys"), 100, "Subkeys that the owner signed.")
    max_foreign_signatures: int = setting(
        Number(0, 1_000_000, "signatures"), 2_000, "Signatures by other keys; the oldest are kept."
    )
    max_own_checks: int = setting(
        Number(10, 1_000_000, "signatures"),
        4_000,
        "Signatures in the name of the certificate's own key; each costs a check of 0.1 ms, one by SLH-DSA a hundred.",
    )
    max_user_id_bytes: int = setting(Number(64, _MIB, "bytes"), 2_048, "Length of a user id.")
    max_packet_bytes: int = setting(Number(1024, 16 * _MIB, "bytes"), 8_192, "Length of any packet but a signature.")
    max_signature_bytes: int = setting(Number(1024, 16 * _MIB, "bytes"), 65_536, "Length of a signature packet.")
    max_certificates: int = setting(Number(1, 100_000, "certificates"), 100, "Certificates in one upload.")
    versions: tuple[int, ...] = setting(
        ListOf(Number(3, 6), "versions"),
        (3, 4, 6),
        "Versions of keys that are taken; 5 is LibrePGP's, which other keyservers refuse.",
    )
    third_party: str = setting(
        Choice("keep", "self-only", "attested", noun="treatment"),
        "keep",
        "Signatures by other keys: kept, dropped, or kept where the owner attested them (1PA3PC). "
        'Servers that exchange certificates with Hockeypuck need `"keep"`.',
    )
    unverifiable: str = setting(
        Choice("drop", "keep", noun="treatment"),
        "drop",
        "Self-signatures that no library here can check (DSA keys of odd sizes): dropped, or kept where two octets of "
        "the digest are right, which anybody can bring about.",
    )
    ripemd160: bool = setting(
        Flag(),
        True,
        "Whether self-signatures with RIPEMD-160 count; some old keys have no others. "
        "Servers that exchange certificates with Hockeypuck, which drops them, need `false`.",
    )
    filters: tuple[str, ...] = setting(
        FilterList(),
        FILTERS,
        "Hockeypuck's filters in force; `drop:hardRevokedCruft`, `drop:implausible` and `drop:oldSlhdsaSelfSig` can be "
        "left out, by servers that do not exchange certificates with Hockeypuck.",
    )
    blacklist: tuple[str, ...] = setting(
        ListOf(AnyFingerprintKind(), "fingerprints"),
        (),
        "Primary keys that are neither taken nor given out, also if they are stored already.",
    )
