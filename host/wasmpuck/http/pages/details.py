"""What a key's own page shows beyond its summary: usage, when and why something was revoked, who else signed it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.signatures import CERTIFICATIONS, Signature, SignatureType

__all__ = ["Details", "Foreign", "Revocation", "details_of"]

_BINDINGS = frozenset({SignatureType.SUBKEY_BINDING})
_DIRECT = frozenset({SignatureType.DIRECT_KEY})

Revocation = tuple[float | None, int | None]
"""When (seconds since 1970) and why (RFC 9580 §5.2.3.31, None where nothing was said)."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A signature by another key: `issuer` is its fingerprint where it names one, else its key id, in lower case."""

    issuer: str
    created: int
    revokes: bool


@dataclass(frozen=True, slots=True)
class Details:
    """`flags` are key flags by fingerprint; `revocations` are by fingerprint or by a user id's text.

    `foreign` holds the signatures by other keys, newest first: on each user id's text, and on the key itself under "".
    """

    flags: dict[str, int | None]
    revocations: dict[str, Revocation]
    foreign: dict[str, tuple[Foreign, ...]]

    @property
    def foreign_count(self) -> int:
        """How many signatures by other keys there are."""
        return sum(len(found) for found in self.foreign.values())


def details_of(certificate: Certificate) -> Details:
    """The details of a certificate that was vetted when it was stored: its own signatures are taken as true."""
    own = [item for item in certificate.direct if certificate.is_own(item)]
    flags: dict[str, int | None] = {}
    revocations: dict[str, Revocation] = {}
    foreign: dict[str, tuple[Foreign, ...]] = {}
    certifications = [
        item
        for user_id in certificate.user_ids
        for item in user_id.signatures
        if item.type in CERTIFICATIONS and certificate.is_own(item)
    ]
    flags[certificate.fingerprint] = _flags((item for item in own if item.type in _DIRECT), certifications)
    _note(revocations, certificate.fingerprint, own)
    foreign[""] = _foreign(certificate.direct, certificate.is_own)
    for user_id in certificate.user_ids:
        _note(revocations, user_id.text, filter(certificate.is_own, user_id.signatures))
        foreign[user_id.text] = _foreign(user_id.signatures, certificate.is_own)
    for subkey in certificate.subkeys:
        mine = [item for item in subkey.signatures if certificate.is_own(item)]
        flags[subkey.key.fingerprint] = _flags(item for item in mine if item.type in _BINDINGS)
        _note(revocations, subkey.key.fingerprint, mine)
    return Details(flags, revocations, foreign)


def _flags(*sources: Iterable[Signature]) -> int | None:
    """Of the newest signature in the first source that says anything."""
    for source in sources:
        saying = [item for item in source if item.flags is not None]
        if saying:
            return max(saying, key=lambda item: item.created).flags
    return None


def _note(revocations: dict[str, Revocation], name: str, signatures: Iterable[Signature]) -> None:
    """The first revocation that was made; a compromise is told before any other reason."""
    found = [item for item in signatures if item.revokes]
    if found:
        first = min(found, key=lambda item: (item.reason not in (None, 0, 2), item.created))
        revocations[name] = (first.created, first.reason)


def _foreign(signatures: Iterable[Signature], is_own: Callable[[Signature], bool]) -> tuple[Foreign, ...]:
    found = [Foreign(max(item.issuers, key=len), item.created, item.revokes) for item in signatures if not is_own(item)]
    return tuple(sorted(found, key=lambda item: -item.created))
