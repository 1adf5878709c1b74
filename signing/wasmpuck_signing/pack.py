"""From a component and a manifest to an artifact."""

from __future__ import annotations

from . import wasm, wasmsig
from .keys import PrivateKey
from .manifest import SECTION_NAME, Manifest

__all__ = ["pack"]

_DELIMITER = "signature_delimiter"  # of other profiles of the signature format; means nothing without its signature


def pack(component: bytes, manifest: Manifest, key: PrivateKey | None) -> bytes:
    """`component` with `manifest` in it, signed by `key` unless that is `None`. The same input gives the same bytes.

    An older manifest and older signatures are taken out first; every other byte is kept. Raises as `wasm.sections`
    does.
    """
    bare = wasm.without_custom(component, SECTION_NAME, wasmsig.SECTION_NAME, _DELIMITER)
    artifact = wasm.append_custom(bare, SECTION_NAME, manifest.to_bytes())
    return artifact if key is None else wasmsig.sign(artifact, key)
