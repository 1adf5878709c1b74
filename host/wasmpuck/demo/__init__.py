"""The demonstration set-up of `wasmpuck serve --demo`, as files beside this module.

`demo.toml` is its configuration, `certificates.asc` a dozen certificates of people who do not exist
(`make-certificates` made them; their secret keys are gone), `keyring/` the publisher file of the demonstration key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wasmpuck.config import Configuration, load

__all__ = ["CERTIFICATES", "KEYRING", "SETTINGS", "configuration", "plugins_directory"]

_FOLDER = Path(__file__).resolve().parent

SETTINGS = _FOLDER / "demo.toml"
"""The configuration; it names the two files below relative to itself."""

CERTIFICATES = _FOLDER / "certificates.asc"
"""The demonstration certificates, armored."""

KEYRING = _FOLDER / "keyring"
"""The folder with the demonstration key's publisher file."""


def plugins_directory() -> Path:
    """The folder of the demonstration plugins: inside the package in a wheel, `plugins-dist/` in a checkout."""
    bundled = _FOLDER / "plugins"
    return bundled if bundled.is_dir() else _FOLDER.parents[2] / "plugins-dist"


def configuration(overrides: Mapping[str, object] | None = None) -> Configuration:
    """The demonstration configuration; the data folder is `.data` in the working folder unless `overrides` say
    otherwise. Raises ConfigurationError for wrong overrides.
    """
    own = {"plugins.directory": str(plugins_directory()), "server.dataDir": ".data"}
    return load(SETTINGS, {**own, **(overrides or {})})
