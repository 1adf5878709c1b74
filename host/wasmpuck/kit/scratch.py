"""A server for one plugin under development: its configuration, in a folder that goes away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from wasmpuck.config import KEY_ACTS, BreakerSettings, Configuration, PluginSettings, parse
from wasmpuck.datafolder import make_private, write_private
from wasmpuck.demo import CERTIFICATES
from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.compiling import runtimes_folder
from wasmpuck.kit.neighbours import Neighbour
from wasmpuck.trust import VerifiedArtifact

__all__ = ["Scratch"]

_LOAD_TIMEOUT = "5m"


@dataclass(frozen=True)
class Scratch:
    """What a scratch server is made of.

    folder: an empty one; everything that the server writes goes there.
    around: settings, grants, limits, secrets and data files of the plugin.
    port, admin_port: on the loopback; 0 takes a free one.
    certificates: files whose certificates are there from the beginning, besides the demonstration's.
    beside: artifacts of further plugins, with the usual settings.
    """

    folder: Path
    around: Circumstances = field(default_factory=Circumstances)
    port: int = 0
    admin_port: int = 0
    certificates: tuple[Path, ...] = ()
    beside: tuple[Path, ...] = ()

    @property
    def _plugins(self) -> Path:
        return self.folder / "plugins"

    @property
    def _secrets(self) -> Path:
        return self.folder / "secrets"

    def prepare(self) -> None:
        """Makes the folders, and puts secrets and the further plugins there. Raises `ArtifactRefused`, `OSError`."""
        self._plugins.mkdir()
        make_private(self._secrets)
        for name, value in self.around.secrets.items():
            write_private(self._secrets / name, value)
        for path in self.beside:
            self._install(path)

    def install(self, artifact: Path) -> Configuration:
        """Puts a build of the plugin into the folder of plugins; returns the configuration that goes with it: what its
        manifest asks for is granted. Raises `ArtifactRefused`.
        """
        verified = self._install(artifact)
        others = [read_artifact(path) for path in self.beside]
        names = tuple(Neighbour(name=other.name) for other in others)
        tables = [_table(verified, replace(self.around, neighbours=names))]
        tables += [_table(other, Circumstances()) for other in others]
        configuration = parse(self._text())
        return replace(configuration, plugins=replace(configuration.plugins, tables=tuple(tables)))

    def _install(self, artifact: Path) -> VerifiedArtifact:
        verified = read_artifact(artifact)
        part = self._plugins / ".part"
        shutil.copyfile(artifact, part)
        part.replace(self._plugins / f"{verified.name}.wasm")
        return verified

    def _text(self) -> str:
        runtimes = self.around.runtimes or runtimes_folder()
        tables: dict[str, Mapping[str, object]] = {
            "server": {
                "bind": f"127.0.0.1:{self.port}",
                "adminBind": f"127.0.0.1:{self.admin_port}",
                "dataDir": str(self.folder / "data"),
                "profile": "demonstration",
                "drainTimeout": "1s",
            },
            "storage": {"seed": [str(path.absolute()) for path in (CERTIFICATES, *self.certificates)]},
            "plugins": {
                "directory": str(self._plugins),
                "keyring": str(self.folder / "keyring"),
                "secretsDirectory": str(self._secrets),
                "runtimes": str(runtimes.absolute()),
                "autoLoad": False,
                "loadTimeout": _LOAD_TIMEOUT,
                "watchInterval": "0s",  # a build is put into service when it is complete, not when it is noticed
                "drainTimeout": "1s",
            },
            "plugins.security": {
                "verifySignatures": False,
                "allowUnsigned": True,
                "maxMemoryMB": 4096,
                "maxCPUPercent": 10_000,
            },
        }
        # Texts, numbers, flags and lists of texts are written alike in JSON and in TOML.
        lines = []
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        return "\n".join(lines) + "\n"


def _table(artifact: VerifiedArtifact, around: Circumstances) -> PluginSettings:
    """Everything that the manifest asks for; failures count as in any server."""
    return replace(around.plugin_settings(artifact), key_admin=KEY_ACTS, breaker=BreakerSettings())
