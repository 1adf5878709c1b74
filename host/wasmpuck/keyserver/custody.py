"""Certificates that are taken out of publication, for who decides about them: the operator, and plugins that he lets.

What a plugin's admission put there comes by `intake`. Nothing here asks admission: somebody has looked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Literal

from wasmpuck.errors import NotFound, StorageUnavailable, Unprocessable
from wasmpuck.openpgp.facts import Origin
from wasmpuck.openpgp.ingest import Prepared, combine
from wasmpuck.storage import Act, Burial, Held, Record, Written

from .intake import entry_of
from .report import HeldEvent, KeyEvent
from .service import Keyserver

__all__ = ["OPERATOR", "Custody", "Released"]

OPERATOR = "operator"
"""The actor of what is done by command."""

Released = Literal["inserted", "updated", "unchanged"]
"""What a release did to what is published."""

_ATTEMPTS = 16
_LOG = logging.getLogger("wasmpuck.rights")


class Custody:
    """Lives as long as the keyserver that it is given."""

    def __init__(self, keyserver: Keyserver, *, clock: Callable[[], float] = time.time) -> None:
        self._keyserver = keyserver
        self._store = keyserver.everything
        self._clock = clock

    async def entries(self, *, after: str = "", limit: int = 100) -> Sequence[Held]:
        """What is in quarantine, by ascending fingerprint behind `after`."""
        return await self._store.holding(after=after, limit=limit)

    async def entry(self, fingerprint: str) -> Held:
        """What is in quarantine under a primary fingerprint. Raises `NotFound`."""
        held = (await self._store.held([fingerprint])).get(fingerprint)
        if held is None:
            raise NotFound(
                f"{fingerprint} is not in quarantine", hint="The list shows what is: wasmpuck keys quarantine list"
            )
        return held

    async def confine(self, fingerprint: str, *, reason: str, plugin: str = "", origin: Origin = Origin.BULK) -> None:
        """Takes a published certificate out of publication, with what of it waits in quarantine already.

        By a plugin's or the operator's wish. Does nothing for one that is in quarantine and not published. Raises
        `NotFound` for one that is neither.
        """
        for _ in range(_ATTEMPTS):
            stored = await self._stored(fingerprint)
            there = (await self._store.held([fingerprint])).get(fingerprint)
            if stored is None:
                if there is None:
                    raise NotFound(
                        f"there is no certificate with the primary fingerprint {fingerprint}",
                        hint="A subkey's fingerprint is not enough.",
                    )
                return
            data, md5 = stored.data, stored.md5
            if there is not None:
                joined = await self._joined(stored, there)
                data, md5 = joined.data, joined.md5
            now = self._clock()
            written = await self._store.hold(
                Held(fingerprint, md5, data, plugin, reason, now),
                expected=stored.md5,
                before=there.md5 if there is not None else None,
                withdraw=True,
                act=Act("quarantine", fingerprint, _actor(plugin), now, reason),
            )
            if written is Written.STORED:
                self._keyserver.announce(KeyEvent(fingerprint, None, stored.md5, origin))
                self._keyserver.tell(HeldEvent(fingerprint, plugin, reason, origin))
                return
        raise _busy(fingerprint)

    async def release(
        self, fingerprint: str, *, note: str = "", plugin: str = "", origin: Origin = Origin.BULK
    ) -> Released:
        """Publishes what is in quarantine, merged with what is published.

        Raises `NotFound`, and `Unprocessable` for what the server's policy or a tombstone keeps out.
        """
        for _ in range(_ATTEMPTS):
            held = await self.entry(fingerprint)
            stored = await self._stored(fingerprint)
            ready = await self._joined(stored, held)
            now = self._clock()
            act = Act("release", fingerprint, _actor(plugin), now, note)
            if stored is not None and ready.data == stored.data:
                done = await self._store.discard(fingerprint, before=held.md5, act=act)
                if done:
                    return self._released(fingerprint, plugin, note, origin, "unchanged")
                continue
            expected = stored.md5 if stored is not None else None
            written = await self._store.release(entry_of(ready), expected=expected, before=held.md5, act=act)
            if written is Written.BURIED:
                raise Unprocessable(f"{fingerprint} was removed and is kept out", hint="wasmpuck keys exhume")
            if written is Written.STORED:
                self._keyserver.announce(KeyEvent(fingerprint, ready.md5, expected, origin))
                return self._released(fingerprint, plugin, note, origin, "inserted" if expected is None else "updated")
        raise _busy(fingerprint)

    async def discard(self, fingerprint: str, *, note: str = "") -> None:
        """Forgets what is in quarantine; what is published stays. Raises `NotFound`."""
        act = Act("discard", fingerprint, OPERATOR, self._clock(), note)
        if not await self._store.discard(fingerprint, act=act):
            await self.entry(fingerprint)

    async def bury(
        self,
        fingerprint: str,
        *,
        reason: str,
        until: float | None = None,
        plugin: str = "",
        origin: Origin = Origin.BULK,
        absent: bool = True,
    ) -> bool:
        """Deletes a certificate, published or in quarantine, and keeps it out, until a time or for good.

        `reason` is told to whoever sends it again. `absent`: also one that is not there. Returns whether it was.
        """
        actor = _actor(plugin)
        for _ in range(_ATTEMPTS):
            stored = await self._stored(fingerprint)
            held = await self._store.held([fingerprint])
            if stored is None and not held and not absent:
                return False
            done = await self._store.erase(
                fingerprint,
                expected=stored.md5 if stored is not None else None,
                burial=Burial(reason, until),
                act=Act("delete", fingerprint, actor, self._clock(), reason),
            )
            if done:
                if stored is not None:
                    _LOG.info("deleted %s by %s", fingerprint, actor)
                    self._keyserver.announce(KeyEvent(fingerprint, None, stored.md5, origin))
                return stored is not None or bool(held)
        raise _busy(fingerprint)

    async def _stored(self, fingerprint: str) -> Record | None:
        found = await self._store.fetch([fingerprint])
        return next((record for record in found if record.fingerprint == fingerprint), None)

    async def _joined(self, stored: Record | None, held: Held) -> Prepared:
        """Both states, or the one that there is, as rules and limits of today leave it."""
        keyserver = self._keyserver
        if keyserver.policy.blocks(held.fingerprint):
            raise Unprocessable(f"{held.fingerprint} is on the server's blacklist", hint="Take it off the list first.")
        base = held.data if stored is None else stored.data
        ready = await keyserver.workers.run(combine, base, held.data, keyserver.policy)
        if not isinstance(ready, Prepared):
            raise Unprocessable(ready.text, hint="The server's policy keeps it out now.")
        return ready

    def _released(self, fingerprint: str, plugin: str, note: str, origin: Origin, outcome: Released) -> Released:
        self._keyserver.tell(HeldEvent(fingerprint, plugin, note, origin, released=True))
        return outcome


def _actor(plugin: str) -> str:
    return f"plugin {plugin}" if plugin else OPERATOR


def _busy(fingerprint: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"The certificate {fingerprint} kept changing while it was being dealt with.", hint="Try again."
    )
