"""Whose signature a text carries, and whether that key may sign now. Pure functions, fit for a worker process.

A text counts as signed by a certificate if its primary key or one of its subkeys that are bound for signing made a true
signature over it, with a digest that nobody can forge, at a time that the caller bounds. As of now, and not as of the
date in the signature, the key must be neither expired nor revoked: whoever steals a retired key can write any date.
The certificates come from the store, so their own signatures have been checked when they were taken in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wasmpuck.openpgp.certificate import Certificate, Subkey
from wasmpuck.openpgp.fields import Unparseable
from wasmpuck.openpgp.keys import Key
from wasmpuck.openpgp.packets import Packet
from wasmpuck.openpgp.signatures import Signature, SignatureType, parse_signature
from wasmpuck.openpgp.summary import summarise
from wasmpuck.openpgp.verify import Verifier

from .signed_text import SignedText

__all__ = ["Signer", "Window", "find_signers", "hard_revoked", "lost_revocations"]

_BINARY, _TEXT = 0x00, 0x01  # RFC 9580 §5.2.1.1, §5.2.1.2
_MAY_SIGN = 0x02
_SOFT = frozenset((1, 3))  # superseded, retired: no word of the key being in other hands (§5.2.3.31)
# Hashes without known ways to collisions (§9.5): not MD5, SHA-1 or RIPEMD-160.
_HASHES = {8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224", 12: "sha3_256", 14: "sha3_512"}
_WEAK_HASH = "is made with an outdated digest (MD5, SHA-1 or RIPEMD-160): sign with gpg --digest-algo SHA256"


@dataclass(frozen=True, slots=True)
class Window:
    """When signatures may have been made, seconds since 1970, and what the present time is."""

    earliest: float
    latest: float
    now: float


@dataclass(frozen=True, slots=True)
class Signer:
    """What one signature turned out to be.

    `fingerprint` is that of the certificate (not of a subkey) that made it, empty if it does not count; then `problem`
    says why, as the end of a sentence that begins with "signature 1".
    """

    fingerprint: str
    problem: str = ""


def find_signers(signed: SignedText, certificates: Sequence[bytes], window: Window) -> list[Signer]:
    """One answer for each signature, in their order. `certificates` are canonical bytes, as stored."""
    known = [Certificate.parse(data) for data in certificates]
    return [_find(packet, signed, known, window) for packet in signed.signatures]


def hard_revoked(certificate: Certificate) -> bool:
    """Whether the owner revoked the whole key in a way that does not rule out that others have it."""
    return any(
        item.type == SignatureType.KEY_REVOCATION and certificate.is_own(item) and item.reason not in _SOFT
        for item in certificate.direct
    )


def lost_revocations(stored: bytes, replacement: bytes) -> str:
    """What a replacement would take back, in words; empty if nothing.

    A revocation is forever: of the key, and of each user id or subkey that is still there.
    """
    before, after = Certificate.parse(stored), Certificate.parse(replacement)
    if _missing(before, before.direct, after.direct):
        return "the revocation of the key"
    user_ids = {item.packet.body: item.signatures for item in after.user_ids}
    for user_id in before.user_ids:
        if _missing(before, user_id.signatures, user_ids.get(user_id.packet.body)):
            return f"the revocation of the user id {user_id.text!r}"
    subkeys = {item.key.fingerprint: item.signatures for item in after.subkeys}
    for subkey in before.subkeys:
        if _missing(before, subkey.signatures, subkeys.get(subkey.key.fingerprint)):
            return f"the revocation of the subkey {subkey.key.fingerprint}"
    return ""


def _missing(owner: Certificate, before: Sequence[Signature], after: Sequence[Signature] | None) -> bool:
    if after is None:
        return False
    kept = {item.packet.body for item in after}
    return any(item.revokes and owner.is_own(item) and item.packet.body not in kept for item in before)


def _find(packet: Packet, signed: SignedText, certificates: Sequence[Certificate], window: Window) -> Signer:
    try:
        signature = parse_signature(packet)
    except Unparseable as error:
        return Signer("", f"cannot be used: {error}")
    problem = _refused(signature, signed, window)
    if problem:
        return Signer("", problem)
    problem = "is made by a key that has no say here: neither the owner's nor an administrator's of this server"
    digests = _digests(signature, signed)
    for certificate in certificates:
        for key, subkey in _keys(certificate):
            if not signature.issued_by(key.fingerprint, key.key_id):
                continue
            verifier = Verifier(key)
            if not any(verifier.verifies(signature, digest) for digest in digests):
                problem = "is not true: the text was changed after signing, or the signature was damaged"
                continue
            bar = _barred(certificate, subkey, window.now)
            if not bar and signature.created < key.created:
                bar = "it is dated before that key was made"
            if not bar:
                return Signer(certificate.fingerprint)
            problem = f"is made by the key {key.fingerprint}, but {bar}"
    return Signer("", problem)


def _refused(signature: Signature, signed: SignedText, window: Window) -> str:
    """What can be said against a signature without knowing its key."""
    if signature.version < 4:
        return "has version 3, which is outdated"
    if signature.type not in ((_BINARY, _TEXT) if signed.octets else (_TEXT,)):
        return "is not a signature over a text"
    if signature.hash not in _HASHES:
        return _WEAK_HASH
    if signature.created > window.latest:
        return "is dated in the future: check the clock of the computer that signed"
    if signature.created < window.earliest:
        return "is too old: sign a fresh text"
    if signature.expires is not None and signature.expires <= window.now:
        return "has expired"
    return ""


def _keys(certificate: Certificate) -> Iterator[tuple[Key, Subkey | None]]:
    yield certificate.primary, None
    for subkey in certificate.subkeys:
        yield subkey.key, subkey


def _digests(signature: Signature, signed: SignedText) -> list[bytes]:
    """What the signature may be over, with its own two octets of it. Once for all keys: a text may have megabytes."""
    texts = (signed.text,) if signature.type == _TEXT else signed.octets
    name = _HASHES[signature.hash]
    digests = (hashlib.new(name, signature.salt + text + signature.trailer).digest() for text in texts)
    return [digest for digest in digests if digest[:2] == signature.prefix]


def _barred(certificate: Certificate, subkey: Subkey | None, now: float) -> str:
    """Why a key of this certificate may not sign now, as half a sentence; empty if it may.

    The primary key may whatever its flags say: its signature over a text cannot be mistaken for one over a certificate.
    A soft revocation (superseded, retired) takes nothing from the owner's right to have the certificate removed.
    """
    if certificate.primary.created > now:
        return "its certificate is dated in the future"
    if hard_revoked(certificate):
        return (
            "that key is revoked, and the revocation does not rule out that somebody else has it; "
            "ask the operator of this server"
        )
    summary = summarise(certificate)
    if _over(summary["expires"], now):
        return "that certificate has expired: extend it, send it to /pks/add, then ask again"
    if subkey is None:
        return ""
    listing = next(item for item in summary["subkeys"] if item["fingerprint"] == subkey.key.fingerprint)
    bindings = [
        item for item in subkey.signatures if item.type == SignatureType.SUBKEY_BINDING and certificate.is_own(item)
    ]
    newest = max(bindings, key=lambda item: (item.created, item.packet.body), default=None)
    if newest is None or not (newest.flags or 0) & _MAY_SIGN:
        return "that subkey is not meant for signing"
    if listing["revoked"]:
        return "that subkey is revoked"
    if _over(listing["expires"], now):
        return "that subkey has expired"
    return ""


def _over(expires: int | None, now: float) -> bool:
    return expires is not None and expires <= now
