"""From a component or a script, and a manifest, to an artifact."""

from __future__ import annotations

from dataclasses import replace

from . import wasm, wasmsig
from .errors import BadManifest
from .keys import PrivateKey
from .manifest import SECTION_NAME, Manifest
from .script import SECTION_NAME as SCRIPT_SECTION
from .script import Script

__all__ = ["pack", "pack_script"]

_DELIMITER = "signature_delimiter"  # of other profiles of the signature format; means nothing without its signature


def pack(component: bytes, manifest: Manifest, key: PrivateKey | None) -> bytes:
    """`component` with `manifest` in it, signed by `key` unless that is `None`. The same input gives the same bytes.

    An older manifest and older signatures are taken out first; every other byte is kept. The `source` of a script's
    manifest becomes the script's digest. Raises as `wasm.sections` does, and `BadScript` when there is none.
    """
    bare = wasm.without_custom(component, SECTION_NAME, wasmsig.SECTION_NAME, _DELIMITER)
    if manifest.kind == "script":
        manifest = replace(manifest, source=Script.of(bare).digest)
    artifact = wasm.append_custom(bare, SECTION_NAME, manifest.to_bytes())
    return artifact if key is None else wasmsig.sign(artifact, key)


def pack_script(script: Script, manifest: Manifest, key: PrivateKey | None) -> bytes:
    """An artifact of kind `script`: nothing but `script` and `manifest` (`pack` does the rest).

    Raises `BadManifest` for a manifest of another kind.
    """
    if manifest.kind != "script":
        raise BadManifest(f"has to be script, not {manifest.kind}", 'Write kind = "script" in plugin.toml.', key="kind")
    component = wasm.append_custom(wasm.COMPONENT_HEADER, SCRIPT_SECTION, script.to_bytes())
    return pack(component, manifest, key)
