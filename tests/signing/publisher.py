"""A publisher: keys from fixed seeds, small components, and artifacts signed the real way."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wasmpuck_signing import Keyring, Manifest, PrivateKey, Publisher, Version, pack, wasm, wasmsig

__all__ = [
    "ALICE",
    "BOB",
    "CORE_MODULE",
    "DEMONSTRATION",
    "DEMONSTRATION_FOLDER",
    "EMPTY",
    "NOW",
    "SMALL",
    "keyring",
    "manifest",
    "publisher",
    "signed",
]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

ALICE = PrivateKey.from_seed(b"a" * 32, "alice")
BOB = PrivateKey.from_seed(b"b" * 32, "bob")

DEMONSTRATION_FOLDER = Path(__file__).parents[2] / "plugins-src" / "demonstration-key"
DEMONSTRATION = PrivateKey.load(DEMONSTRATION_FOLDER / "demonstration.pem")

CORE_MODULE = b"\0asm\x01\0\0\0"
EMPTY = wasm.COMPONENT_HEADER
SMALL = EMPTY + b"\x01" + wasm.encode_u32(len(CORE_MODULE)) + CORE_MODULE + wasm.custom_section("note", b"\0\x01\x02")
"""A component that holds an empty core module and a custom section."""


def manifest(**changes: Any) -> Manifest:
    """A plain manifest with `changes`; a version may be given as text."""
    entries: dict[str, Any] = {
        "name": "example",
        "version": "1.0.0",
        "description": "An example",
        "license": "Apache-2.0",
        "worlds": ("lifecycle", "middleware"),
    }
    entries.update(changes)
    entries["version"] = Version.parse(entries["version"])
    return Manifest(**entries)


def signed(*keys: PrivateKey, component: bytes = SMALL, **changes: Any) -> bytes:
    """An artifact with a manifest with `changes`, signed by each of `keys` (by Alice when none is given)."""
    artifact = pack(component, manifest(**changes), None)
    for key in keys or (ALICE,):
        artifact = wasmsig.sign(artifact, key)
    return artifact


def publisher(key: PrivateKey = ALICE, **changes: Any) -> Publisher:
    """A publisher who may publish everything under `key`, with `changes`."""
    entries: dict[str, Any] = {"name": key.public.comment or "nobody", "key": key.public, "plugins": ("*",)}
    entries.update(changes)
    return Publisher(**entries)


def keyring(*publishers: Publisher) -> Keyring:
    """A keyring of `publishers`; of Alice alone when none is given."""
    return Keyring(publishers or (publisher(),))
