"""Signs the guests of the zoo and lets them loose on a server."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.client import Answer, lookup
from e2e.processes import ServerProcess
from wasmpuck_signing import Manifest, PrivateKey, Version, pack
from zoo.guest import Guest
from zoo.registry import Inhabitant

__all__ = ["CONFIGURATION", "KEY", "Zoo", "artifact", "manifest", "trust"]

CONFIGURATION = """\
[plugins]
directory = "plugins"
keyring = "publishers"
watchInterval = "0s"
healthInterval = "500ms"
loadTimeout = "2m"

[plugins.security]
maxCPUPercent = 10_000
"""


@dataclass
class Zoo:
    """A server, and what is done to it. `usual` is its memory in bytes when it has nothing to endure."""

    server: ServerProcess
    usual: int = 0

    def admit(self, *inhabitants: Inhabitant) -> dict[str, dict[str, object]]:
        """Puts these guests, and no others, before the server; what became of them by name."""
        for old in self.server.plugins.glob("*.wasm"):
            old.unlink()
        tables = [CONFIGURATION]
        for each in inhabitants:
            guest = each.build()
            (self.server.plugins / f"{each.name}.wasm").write_bytes(artifact(guest, **each.manifest))
            tables.append(_table(each, guest))
        self.server.config.write_text("\n".join(tables))
        return self.server.reload()

    def dismiss(self) -> None:
        """Takes all guests away and waits until nothing of them is in service or on its way out."""
        self.admit()

    def ask(self) -> Answer:
        """A lookup that finds nothing, which is answered 404 unless a plugin answers it."""
        return lookup(self.server.url, "index", "nobody@example.org")

    def lines(self, mark: int) -> list[str]:
        """Lines logged behind a position in the log."""
        return self.server.log[mark:].splitlines()


def _table(inhabitant: Inhabitant, guest: Guest) -> str:
    granted: Iterable[str] = guest.imports if inhabitant.grants is None else inhabitant.grants
    return f"""\
[plugins.{inhabitant.name}]
grants = {json.dumps(list(granted))}
limits = {{ {inhabitant.limits} }}
"""


KEY = PrivateKey.from_seed(b"zoo keeper's key, of no worth ..", "zoo")
"""Known to everybody, trusted by servers of these tests only."""


def manifest(guest: Guest, **changes: Any) -> Manifest:
    """The manifest that fits a guest, with `changes`."""
    entries: dict[str, Any] = {
        "name": guest.name,
        "version": Version.parse(guest.version),
        "description": "An inhabitant of the zoo.",
        "license": "Apache-2.0",
        "worlds": guest.worlds,
        "imports": tuple(guest.imports),
    }
    return Manifest(**(entries | changes))


def artifact(guest: Guest, **changes: Any) -> bytes:
    """The guest as a signed artifact; `changes` are the manifest's."""
    return pack(guest.binary(), manifest(guest, **changes), KEY)


def trust(keyring: Path) -> None:
    """Makes the folder a keyring that trusts the zoo's key for every plugin."""
    keyring.mkdir(parents=True, exist_ok=True)
    (keyring / "zoo.toml").write_text(f'format = 1\npublisher = "Zoo"\nkey = "{KEY.public.line()}"\nplugins = ["*"]\n')
