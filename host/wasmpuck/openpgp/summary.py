"""What an index shows of a certificate: plain values, computed once when it is stored.

A summary is a dict of JSON values. Times are seconds since 1970, None where there is none:

    version, fingerprint, key_id, algorithm (number), name, bits, curve, created, expires, revoked,
    md5, size (bytes), signatures (count),
    user_ids: [{text, email, created, expires, revoked, primary}],
    subkeys: [{version, fingerprint, key_id, algorithm, name, bits, curve, created, expires, revoked}]

`created` of a user id is when the owner first certified it. `expires` says when something ends by its newest
signature; whether it has ended is for the reader of the clock to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .certificate import Certificate, Subkey, UserId
from .keys import Key
from .signatures import CERTIFICATIONS, Signature, SignatureType
from .userids import email_of

__all__ = ["summarise"]

# Reasons (RFC 9580 §5.2.3.31) that do not say that the key is compromised: superseded, retired, user id no longer
# valid.
_SOFT = frozenset((1, 3, 32))


def summarise(certificate: Certificate) -> dict[str, Any]:
    """The summary of a vetted certificate: its own signatures are taken as true."""
    own = [item for item in certificate.direct if certificate.is_own(item)]
    primary = certificate.primary
    listing = _key(primary)
    listing |= {
        "expires": _primary_expiry(certificate, own),
        "revoked": any(item.type == SignatureType.KEY_REVOCATION for item in own),
        "md5": certificate.md5,
        "size": len(certificate.bytes),
        "signatures": certificate.signature_count,
        "user_ids": [_user_id(certificate, item) for item in certificate.user_ids],
        "subkeys": [_subkey(certificate, item) for item in certificate.subkeys],
    }
    return listing


def _key(key: Key) -> dict[str, Any]:
    return {
        "version": key.version,
        "fingerprint": key.fingerprint,
        "key_id": key.key_id,
        "algorithm": key.algorithm,
        "name": key.name,
        "bits": key.bits,
        "curve": key.curve,
        "created": key.created,
        "expires": None,
        "revoked": False,
    }


def _newest(signatures: Iterable[Signature]) -> Signature | None:
    return max(signatures, key=lambda item: (item.created, item.packet.body), default=None)


def _end(key: Key, signature: Signature | None) -> int | None:
    """The earlier of the signature's end and the end that it gives the key."""
    if signature is None:
        return None
    ends = [end for end in (signature.expires, _key_end(key, signature)) if end is not None]
    return min(ends, default=None)


def _key_end(key: Key, signature: Signature) -> int | None:
    if key.version == 3:
        return key.created + key.lifetime * 86_400 if key.lifetime else None
    return key.created + signature.key_lifetime if signature.key_lifetime else None


def _primary_expiry(certificate: Certificate, own: list[Signature]) -> int | None:
    """By the newest direct-key signature; before version 6, without one that says so, by the first user id's newest.

    §5.2.3.10: version 6 keeps what holds for the whole key in direct-key signatures only.
    """
    direct = _newest(item for item in own if item.type == SignatureType.DIRECT_KEY)
    if direct is not None and (certificate.version == 6 or direct.key_lifetime is not None):
        return _end(certificate.primary, direct)
    if certificate.version == 3:
        return (
            certificate.primary.created + certificate.primary.lifetime * 86_400
            if certificate.primary.lifetime
            else None
        )
    for user_id in certificate.user_ids:
        return _end(certificate.primary, _newest(_own_certifications(certificate, user_id)))
    return None


def _own_certifications(certificate: Certificate, user_id: UserId) -> list[Signature]:
    return [item for item in user_id.signatures if item.type in CERTIFICATIONS and certificate.is_own(item)]


def _user_id(certificate: Certificate, user_id: UserId) -> dict[str, Any]:
    certifications = _own_certifications(certificate, user_id)
    newest = _newest(certifications)
    revocations = [item for item in user_id.signatures if item.revokes and certificate.is_own(item)]
    text = user_id.text
    return {
        "text": text,
        "email": email_of(text),
        "created": min((item.created for item in certifications), default=None),
        "expires": _end(certificate.primary, newest),
        "revoked": any(newest is None or item.created >= newest.created for item in revocations),
        "primary": newest is not None and newest.primary_user_id,
    }


def _subkey(certificate: Certificate, subkey: Subkey) -> dict[str, Any]:
    own = [item for item in subkey.signatures if certificate.is_own(item)]
    newest = _newest(item for item in own if item.type == SignatureType.SUBKEY_BINDING)
    revocations = [item for item in own if item.type == SignatureType.SUBKEY_REVOCATION]
    listing = _key(subkey.key)
    listing["expires"] = _end(subkey.key, newest)
    listing["revoked"] = any(
        item.reason not in _SOFT or newest is None or item.created >= newest.created for item in revocations
    )
    return listing
