"""Entries for stores that look into nothing but the columns: no OpenPGP is needed to test storage."""

from __future__ import annotations

import hashlib

from wasmpuck.storage import Entry

__all__ = ["digest_of", "entry", "fingerprint_of"]


def fingerprint_of(name: str) -> str:
    """40 digits that belong to this name."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


def digest_of(data: bytes) -> str:
    """32 digits that belong to these bytes."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def entry(
    name: str,
    *,
    state: str = "first",
    subkeys: tuple[str, ...] = (),
    identities: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
    domains: tuple[str, ...] = (),
) -> Entry:
    """The certificate `name` in a state; its fingerprint, and those of its subkeys, follow from the names."""
    data = f"{name} {state}".encode()
    keys = tuple((fingerprint, fingerprint[-16:]) for fingerprint in map(fingerprint_of, (name, *subkeys)))
    return Entry(
        fingerprint=fingerprint_of(name),
        version=4,
        md5=digest_of(data),
        data=data,
        summary={"name": name, "state": state, "text": "Ünïcode ✓"},
        keys=keys,
        identities=identities,
        words=words,
        domains=domains,
    )
