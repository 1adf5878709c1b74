"""Certificates for tests, freshly made."""

from __future__ import annotations

from pysequoia import ArmorKind, Cert, Profile, Tsk, armor

__all__ = ["armored", "generate", "revocation_of"]


def generate(*user_ids: str, profile: Profile = Profile.RFC4880) -> Tsk:
    """A secret key with a certificate for these user ids; version 4, or version 6 with `Profile.RFC9580`."""
    return Tsk.generate(user_ids=list(user_ids), profile=profile)


def armored(*certificates: Cert) -> str:
    """All certificates in one block."""
    return armor(b"".join(bytes(certificate) for certificate in certificates), ArmorKind.PublicKey)


def revocation_of(key: Tsk) -> bytes:
    """The packet by which a key revokes itself, for no stated reason."""
    return bytes(key.extract_certificate().revoke(key.certifier()))
