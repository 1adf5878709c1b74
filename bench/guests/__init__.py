"""Guests to measure with: minimal ones from WebAssembly text, and the demonstration plugins."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import wasmtime

from bench.guests.interfaces import INTERFACES
from wasmpuck.demo import KEYRING, plugins_directory
from wasmpuck.trust import Artifact, VerifiedArtifact, Version, load_keyring, policy_for, verify
from wasmpuck_signing import Manifest, PrivateKey, pack

__all__ = ["Reuse", "component", "demonstration", "middleware", "verified"]

_FOLDER = Path(__file__).parent
_KEY = _FOLDER.parents[1] / "plugins-src" / "demonstration-key" / "demonstration.pem"
_DESCRIPTION = "A guest of the benchmarks."


@dataclass(frozen=True, slots=True)
class Reuse:
    """A reuse hint for everyone: for how many further requests, and for how many milliseconds at most."""

    requests: int
    milliseconds: int


def _bytes(data: bytes) -> str:
    return "".join(f"\\{octet:02x}" for octet in data)


@cache
def component(name: str) -> bytes:
    """The guest `NAME.wat` of this folder, a component that exports the interface `probe`."""
    return bytes(wasmtime.wat2wasm((_FOLDER / f"{name}.wat").read_text()))


@cache
def middleware(name: str, reuse: Reuse | None = None) -> bytes:
    """A signed middleware plugin that says `next` to every request, with a reuse hint if one is given."""
    words = (name, "1.0.0", _DESCRIPTION)
    place, info = 512, b""
    for word in words:
        info += struct.pack("<II", place, len(word))
        place += len(word)
    hint = struct.pack("<B3xB3xII", 1, 2, reuse.requests, reuse.milliseconds) if reuse else bytes(16)
    source = (_FOLDER / "middleware.wat").read_text()
    for mark, filling in {
        "@INFO@": _bytes(info),
        "@DECISION@": _bytes(bytes(32) + hint),
        "@TEXT@": _bytes("".join(words).encode()),
        "@INTERFACES@": "".join(interface.text() for interface in INTERFACES),
    }.items():
        source = source.replace(mark, filling)
    manifest = Manifest(
        name=name,
        version=Version.parse("1.0.0"),
        description=_DESCRIPTION,
        license="Apache-2.0",
        worlds=("lifecycle", "middleware"),
    )
    return pack(bytes(wasmtime.wat2wasm(source)), manifest, PrivateKey.load(_KEY))


def demonstration(name: str) -> bytes:
    """A demonstration plugin as published, or a language runtime (`runtimes/python`)."""
    return (plugins_directory() / f"{name}.wasm").read_bytes()


def verified(name: str, data: bytes) -> VerifiedArtifact:
    """An artifact as it is after the check of its signature."""
    return verify(Artifact(f"{name}.wasm", data), policy_for(load_keyring(KEYRING), allow_demonstration=True))
