"""How much of a certificate is taken, and how a certificate that is not taken is refused."""

from __future__ import annotations

from collections import Counter

from .certificate import Certificate
from .keys import Key
from .packets import Packet, Tag
from .policy import REFUSALS, Policy, RefusalCode, Rule
from .signatures import Signature

__all__ = ["Refused", "limit", "refusal"]


class Refused(Exception):
    """This certificate is not taken. Stays inside the package; `ingest` turns it into a value.

    `fingerprint` and `version` are of the primary key, as far as it could be read.
    """

    def __init__(self, code: RefusalCode, *, detail: str = "", fingerprint: str = "", version: int = 0) -> None:
        super().__init__(code.value)
        self.code = code
        self.text = REFUSALS[code] + (f" {detail}" if detail else "")
        self.fingerprint = fingerprint
        self.version = version


def limit(certificate: Certificate, policy: Policy, drops: Counter[Rule] | None = None) -> Certificate:
    """The certificate within the limits on numbers and size. Raises `Refused` if the owner's part alone is beyond them.

    Of other people's signatures those that are oldest by their own date stay, whatever order they came in.
    """
    drops = Counter() if drops is None else drops
    for found, most, code in (
        (len(certificate.user_ids), policy.max_user_ids, RefusalCode.TOO_MANY_USER_IDS),
        (len(certificate.subkeys), policy.max_subkeys, RefusalCode.TOO_MANY_SUBKEYS),
    ):
        if found > most:
            raise refusal(certificate.primary, code, f"It has {found}, at most {most} are allowed.")
    size = sum(packet.framed_size for packet in certificate.walk_packets())
    if size <= policy.max_certificate_bytes and certificate.signature_count <= policy.max_foreign_signatures:
        return certificate
    groups = [certificate.direct]
    groups += [item.signatures for item in certificate.user_ids]
    groups += [item.signatures for item in certificate.subkeys]
    foreign = sorted(
        (signature.created, signature.packet.body)
        for group in groups
        for signature in group
        if not certificate.is_own(signature)
    )
    kept = len(foreign)
    while kept and (kept > policy.max_foreign_signatures or size > policy.max_certificate_bytes):
        kept -= 1
        size -= Packet(Tag.SIGNATURE, foreign[kept][1]).framed_size
    if size > policy.max_certificate_bytes:
        detail = f"It has {size} bytes, at most {policy.max_certificate_bytes} are allowed."
        raise refusal(certificate.primary, RefusalCode.TOO_LARGE, detail)
    if kept == len(foreign):
        return certificate
    drops[Rule.SURPLUS] += len(foreign) - kept
    surplus = {body for _, body in foreign[kept:]}

    def without(signatures: tuple[Signature, ...]) -> list[Signature]:
        return [item for item in signatures if item.packet.body not in surplus or certificate.is_own(item)]

    return Certificate.assemble(
        certificate.primary,
        without(certificate.direct),
        [(item.packet, without(item.signatures)) for item in certificate.user_ids],
        [(item.key, without(item.signatures)) for item in certificate.subkeys],
    )


def refusal(primary: Key, code: RefusalCode, detail: str = "") -> Refused:
    """A refusal in the name of this primary key."""
    return Refused(code, detail=detail, fingerprint=primary.fingerprint, version=primary.version)
