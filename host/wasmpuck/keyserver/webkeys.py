"""How a Web Key Directory names mailboxes: by a hash of what precedes the `@` (draft-koch-openpgp-webkey-service)."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmpuck.mail import Mailbox
from wasmpuck.storage.protocol import Query

from .identity import mailbox_of

if TYPE_CHECKING:
    from wasmpuck.storage import KeyStore

__all__ = ["HashedNames", "hashed"]

_ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769"
_PAGE = 25
_FRESH = 300.0
_MOST_NAMES = 200_000


def hashed(local: str) -> str:
    """What precedes the `@`, ASCII letters in lower case, as SHA-1 in z-base-32: 32 characters (§3.1)."""
    plain = local.translate({code: code + 32 for code in range(ord("A"), ord("Z") + 1)})
    number = int.from_bytes(hashlib.sha1(plain.encode(), usedforsecurity=False).digest())
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(155, -1, -5))


class HashedNames:
    """Finds mailboxes by hash alone, for clients that do not say `?l=`. Lives as long as the server.

    The names of a domain are read from the store at the first such question and again when they are five minutes old;
    of a domain with more than 200,000 only as many. Where they are looked up afterwards, the store decides.
    """

    def __init__(self, store: KeyStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._names: dict[str, tuple[float, dict[str, Mailbox]]] = {}
        self._lock = asyncio.Lock()

    async def find(self, domain: str, digest: str) -> Mailbox | None:
        """The mailbox in `domain` (lower case, ASCII) whose hash this is, if a stored certificate has it."""
        async with self._lock:
            read, names = self._names.get(domain, (0.0, None))
            if names is None or self._clock() - read >= _FRESH:
                names = await self._read(domain)
                self._names[domain] = self._clock(), names
        return names.get(digest)

    async def _read(self, domain: str) -> dict[str, Mailbox]:
        names: dict[str, Mailbox] = {}
        for spelled in Mailbox("-", domain).spellings:
            query = Query("domain", (spelled.removeprefix("-@"),))
            offset = 0
            while len(names) < _MOST_NAMES:
                page = await self._store.search(query, limit=_PAGE, offset=offset)
                for record in page:
                    for user_id in record.summary["user_ids"]:
                        key = mailbox_of(user_id["text"])
                        if key is not None and key.endswith(f"@{domain}"):
                            mailbox = Mailbox.parse(key)
                            names[hashed(mailbox.local)] = mailbox
                if len(page) < _PAGE:
                    break
                offset += _PAGE
        return names
