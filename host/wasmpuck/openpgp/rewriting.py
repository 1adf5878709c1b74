"""A certificate in the place of another: the same primary key, and nothing in it that was not in the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from .armor import BrokenArmor, dearmor
from .certificate import Certificate
from .ingest import Prepared, Rejected, examine
from .packets import MalformedPacket, Packet, walk
from .policy import Policy

__all__ = ["rewrite"]


def rewrite(whole: bytes, armored: str, policy: Policy) -> Prepared | str:
    """Vets armor that shall stand for `whole`, a prepared certificate; a sentence that says why it cannot.

    Each packet has to be one of `whole`'s, at the same user id or subkey. What is left has to hold by itself.
    """
    data = armored.encode()
    with suppress(BrokenArmor, MalformedPacket):
        if not set(walk(dearmor(data))) <= set(walk(whole)):
            return "It holds a packet that is not in the certificate that came."
    examination = examine(data, policy)
    if examination.problem is not None:
        return examination.problem.message
    if len(examination.outcomes) != 1:
        return "It is not one certificate alone."
    (made,) = examination.outcomes
    if isinstance(made, Rejected):
        return made.text
    if not isinstance(made, Prepared):
        return "It is a signature without a key."
    before = Certificate.parse(whole)
    if made.fingerprint != before.fingerprint:
        return "It is a certificate with another primary key."
    if not set(_places(Certificate.parse(made.data))) <= set(_places(before)):
        return "It holds a packet in a place where it was not in the certificate that came."
    return made


def _places(certificate: Certificate) -> Iterator[tuple[Packet, Packet]]:
    """Each packet with the key or user id that it is about."""
    primary = certificate.primary.packet
    yield primary, primary
    for signature in certificate.direct:
        yield primary, signature.packet
    for user_id in certificate.user_ids:
        yield user_id.packet, user_id.packet
        for signature in user_id.signatures:
            yield user_id.packet, signature.packet
    for subkey in certificate.subkeys:
        yield subkey.key.packet, subkey.key.packet
        for signature in subkey.signatures:
            yield subkey.key.packet, signature.packet
