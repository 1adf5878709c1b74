"""The blacklist on the way out: a store through which blocked certificates cannot be seen.

The way in is `openpgp.vetting`'s. What was stored before its fingerprint was put on the list stays where it is, for the
operator who takes it off again; nobody who reads through the veil finds, lists, dumps or counts it among results.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from wasmpuck.openpgp.policy import Policy
from wasmpuck.storage import KeyStore, Query, Record

__all__ = ["veiled"]


def veiled(store: KeyStore, policy: Policy) -> KeyStore:
    """The store itself where nothing is blocked, else a store that reads like it without what `policy` blocks."""
    return cast("KeyStore", _Veiled(store, policy)) if policy.blacklist else store


class _Veiled:
    """Everything but reading certificates is the store's own."""

    def __init__(self, store: KeyStore, policy: Policy) -> None:
        self._store = store
        self._policy = policy
        self._extra = len(policy.blacklist)  # as many of the first results may be blocked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _seen(self, records: Sequence[Record]) -> list[Record]:
        return [record for record in records if not self._policy.blocks(record.fingerprint)]

    async def fetch(self, fingerprints: Sequence[str]) -> list[Record]:
        return self._seen(await self._store.fetch(fingerprints))

    async def fetch_by_key_id(self, key_id: str, *, limit: int) -> list[Record]:
        return self._seen(await self._store.fetch_by_key_id(key_id, limit=limit + self._extra))[:limit]

    async def fetch_by_md5(self, md5: str) -> list[Record]:
        return self._seen(await self._store.fetch_by_md5(md5))

    async def fetch_by_identity(self, identity: str, *, limit: int) -> list[Record]:
        return self._seen(await self._store.fetch_by_identity(identity, limit=limit + self._extra))[:limit]

    async def fetch_by_verified(self, email: str, *, limit: int) -> list[Record]:
        return self._seen(await self._store.fetch_by_verified(email, limit=limit + self._extra))[:limit]

    async def canonical(self, identity: str) -> list[Record]:
        return self._seen(await self._store.canonical(identity))

    async def search(self, query: Query, *, limit: int, offset: int = 0) -> list[Record]:
        """Places are counted among what is seen, so that pages neither repeat nor skip anything."""
        end = offset + limit
        return self._seen(await self._store.search(query, limit=end + self._extra))[offset:end]

    async def iterate(self, *, after: str = "") -> AsyncIterator[Record]:
        async for record in self._store.iterate(after=after):
            if not self._policy.blocks(record.fingerprint):
                yield record

    async def changed_on(self, day: datetime.date) -> list[str]:
        return [found for found in await self._store.changed_on(day) if not self._policy.blocks(found)]
