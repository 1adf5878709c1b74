"""Quarantines that outlive the server: which artifact with which settings, and why.

They are kept in the plugins' database as the storage of a plugin whose name no plugin can have.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Final

from wasmpuck.config import PluginSettings
from wasmpuck.storage.protocol import PluginChange, PluginStore

__all__ = ["Quarantines"]

_OWNER: Final = "(quarantine)"


def _mark(digest: str, settings: PluginSettings) -> str:
    """One text for the same artifact (by its SHA-256) with the same settings, in every process."""
    return hashlib.sha256(json.dumps([digest, asdict(settings)], sort_keys=True, default=sorted).encode()).hexdigest()


class Quarantines:
    """Remembered in `store`. One ends when the plugin is swapped, or comes as another artifact or with other settings.

    Raises what the store raises.
    """

    def __init__(self, store: PluginStore) -> None:
        self._store = store
        self._kept: dict[str, tuple[str, str]] | None = None

    async def _all(self) -> dict[str, tuple[str, str]]:
        """Mark and reason by the plugin's name."""
        if self._kept is None:
            self._kept = {}
            for entry in await self._store.load(_OWNER):
                mark, why = json.loads(entry.value)
                self._kept[entry.key] = mark, why
        return self._kept

    async def why(self, name: str, digest: str, settings: PluginSettings) -> str:
        """Why this artifact with these settings is in quarantine; empty when it is not."""
        mark, why = (await self._all()).get(name, ("", ""))
        return why if mark == _mark(digest, settings) else ""

    async def keep(self, name: str, digest: str, settings: PluginSettings, why: str) -> None:
        """From now on it is."""
        entry = _mark(digest, settings), why
        (await self._all())[name] = entry
        await self._store.write(_OWNER, [PluginChange(name, json.dumps(entry).encode())])

    async def lift(self, name: str) -> None:
        """The plugin is free again, if it was not."""
        if (await self._all()).pop(name, None) is not None:
            await self._store.write(_OWNER, [PluginChange(name, None)])
