"""What a script needs to be executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import fields
from .errors import BadManifest
from .version import Version

__all__ = ["NeededRuntime"]


@dataclass(frozen=True, slots=True)
class NeededRuntime:
    """The language runtime that a script was built and tested with: name, version, and the digest (`sha256:…`) of its
    artifact. Raises `BadManifest` as `Manifest` does.
    """

    name: str
    version: Version
    digest: str

    def __post_init__(self) -> None:
        fields.check_pattern("runtime.name", self.name, fields.NAME, 63, "python (lower case letters, digits, -)")
        if not isinstance(self.version, Version):
            raise BadManifest("has to be a version such as 1.4.0", key="runtime.version")
        if fields.check_digest("runtime.digest", self.digest) is None:
            raise BadManifest("is missing", key="runtime.digest")

    def accepts(self, name: str, version: Version) -> bool:
        """Whether a runtime of this name and version will do: the very version, or a newer one that is compatible
        (same major version; while that is 0, same minor).
        """
        needed = self.version
        series = (version.major, 0 if version.major else version.minor)
        return name == self.name and version >= needed and series == (needed.major, 0 if needed.major else needed.minor)

    def entries(self) -> dict[str, str]:
        """As the manifest holds it."""
        return {"name": self.name, "version": str(self.version), "digest": self.digest}

    @classmethod
    def of_entries(cls, key: str, value: object) -> NeededRuntime:
        """The inverse of `entries`."""
        if not isinstance(value, Mapping):
            raise BadManifest("has to be a table with name, version and digest", key=key)
        names = ("name", "version", "digest")
        fields.check_keys(value, names, required=names, prefix=f"{key}.")
        return cls(value["name"], fields.parse_version(f"{key}.version", value["version"]), value["digest"])
