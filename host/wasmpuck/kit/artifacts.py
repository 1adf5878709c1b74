"""Files that an author has: a signed artifact, or a build to which the manifest is still to be added."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.trust import Artifact, Manifest, UnverifiedDevelopmentPolicy, VerifiedArtifact, verify
from wasmpuck_signing import pack
from wasmpuck_signing.errors import BadManifest, Refused
from wasmpuck_signing.manifest import SECTION_NAME
from wasmpuck_signing.wasm import custom_sections

__all__ = ["MANIFEST", "manifest_near", "read_artifact"]

MANIFEST: Final = "plugin.toml"
"""The manifest in a plugin's source."""


def read_artifact(path: Path, manifest: Path | None = None) -> VerifiedArtifact:
    """An artifact as the host takes it, without asking who signed it: the author's kit runs what the author has.

    Args:
        path: a packed artifact, signed or not, or a bare component.
        manifest: the `plugin.toml` of a bare component; without it the nearest one above `path` is taken.

    Raises:
        ArtifactRefused: the artifact or its manifest does not hold.
        UnusableFile: a bare component has no `plugin.toml`, or that cannot be read.
    """
    data = Artifact.read(path).data
    try:
        if manifest is not None or not custom_sections(data, SECTION_NAME):
            data = pack(data, _read_manifest(path, manifest), None)
        name = Manifest.of(data).name
    except Refused as problem:
        raise ArtifactRefused(Refusal(problem.code), f"{path.name}: {problem.message}", hint=problem.hint) from None
    return verify(Artifact(f"{name}.wasm", data), UnverifiedDevelopmentPolicy())


def _read_manifest(path: Path, given: Path | None) -> Manifest:
    found = given or manifest_near(path)
    if found is None:
        raise UnusableFile(
            f"{path.name} is a component without a manifest, and there is no {MANIFEST} beside or above it",
            hint=f"name its manifest: --manifest {MANIFEST}",
        )
    try:
        return Manifest.from_toml(found.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        raise UnusableFile(f"{found} cannot be read: {problem}") from None
    except BadManifest as problem:
        raise UnusableFile(f"{found}: {problem.message}", hint=problem.hint) from None


def manifest_near(path: Path) -> Path | None:
    """The nearest `plugin.toml` in the folder of `path` or above it."""
    for folder in path.resolve().parents:
        if (folder / MANIFEST).is_file():
            return folder / MANIFEST
    return None
