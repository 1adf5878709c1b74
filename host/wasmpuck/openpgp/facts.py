"""What a plugin may know about a certificate that wants in: the values of `wit/admission.wit`, in Python."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CertificateFacts", "KeyFacts", "Origin", "Submission"]


class Origin(StrEnum):
    """The way in (`admission.origin`)."""

    UPLOAD = "upload"
    BULK = "bulk"
    PEER = "peer"
    PLUGIN = "plugin"


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A primary key or a subkey (`admission.key`).

    `fingerprint` is lower case hexadecimal, `version` the packet version (3 to 6), `algorithm` the number of
    RFC 9580 §9.1, `bits` the size as keyservers list it, `created` milliseconds since 1970.
    """

    fingerprint: str
    version: int
    algorithm: int
    bits: int
    created: float


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says about itself, whoever sends it.

    `user_ids` are display texts (control characters removed), `size` counts unarmored bytes, `signatures` every
    signature in the certificate.
    """

    primary: KeyFacts
    subkeys: tuple[KeyFacts, ...]
    user_ids: tuple[str, ...]
    size: int
    signatures: int

    def submission(self, origin: Origin, client: str = "", source: str = "", *, known: bool) -> Submission:
        """These facts together with where the certificate came from.

        `client` is the uploader's address, empty on other ways, where `source` names the file, the peer or the plugin;
        `known` whether an older state is stored.
        """
        return Submission(
            origin=origin,
            client=client,
            source=source,
            primary=self.primary,
            subkeys=self.subkeys,
            user_ids=self.user_ids,
            size=self.size,
            signatures=self.signatures,
            known=known,
        )


@dataclass(frozen=True, slots=True)
class Submission:
    """A certificate that wants in (`admission.submission`, same fields in the same order).

    `armored` is None until somebody wants it.
    """

    origin: Origin
    client: str
    source: str
    primary: KeyFacts
    subkeys: tuple[KeyFacts, ...]
    user_ids: tuple[str, ...]
    size: int
    signatures: int
    known: bool
    armored: str | None = None
