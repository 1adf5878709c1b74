"""Finding certificates: from what somebody asks for to what the store is asked, and as much of it as may be given.

    text ──Search.parse──► what it looks like ──`Finder`, by the rules──► index of the store ──► a page of certificates

Fingerprints and key ids find the certificates in which any key has them. A whole address or user id finds those that
have it. Words and domains show who else is there, so they are answered only where the operator says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wasmpuck.errors import BadRequest
from wasmpuck.openpgp.search import Search, SearchKind
from wasmpuck.openpgp.userids import domains_of, identities_of, words_of
from wasmpuck.storage import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmpuck.storage import KeyStore, Record

__all__ = ["FORGEABLE", "MOST_SKIPPED", "Finder", "Found", "SearchRules", "cut"]

MOST_SKIPPED = 10_000
"""Certificates that a search may pass over; a store has to count through them."""

_MOST_SHARING = 1_000
"""Certificates with one key id that are looked at. Only somebody who forges them makes so many."""

_BATCH = 16
"""Certificates read at once: what an answer may hold is known only when they are there."""

_MOST_WORDS = 16

FORGEABLE = "Key ids of 8 digits are easily forged: compare the whole fingerprint."
"""What everybody who asks for one is told."""

_DOMAIN = re.compile(r"@?((?:[^\s@<>.]{1,63}\.)+[^\s@<>.]{1,63})\.?")
EVERY_DOMAIN = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRules:
    """What is answered besides fingerprints, key ids, whole addresses and whole user ids.

    `short_key_ids`: ids of 8 digits. `words`: all certificates that have every word of the search in their user ids.
    `domains`: all certificates with an address in one of these domains (lower case), `*` stands for every domain.
    """

    short_key_ids: bool = False
    words: bool = False
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what matches, oldest stored first; `more` certificates match behind it.

    `stable`: it was asked for by a fingerprint, and one certificate is the whole answer. `warning` is for whoever
    asked, empty mostly. `query` is what the store was asked where user ids were searched, else None. `passed` counts
    the certificates that the page stands for, of which not all may be shown; None says all are.
    """

    records: list[Record]
    more: bool = False
    stable: bool = False
    warning: str = ""
    query: Query | None = None
    passed: int | None = None

    @property
    def size(self) -> int:
        """How many certificates of the whole answer this page stands for: the next one begins behind them."""
        return len(self.records) if self.passed is None else self.passed

    def finds(self, texts: Sequence[str]) -> bool:
        """Whether the search finds a certificate by these texts of user ids; always, where it is not about them."""
        if self.query is None:
            return True
        match self.query.kind:
            case "identity":
                known = {identity for text in texts for identity in identities_of(text)}
            case "words":
                known = set(words_of(texts))
            case "domain":
                known = set(domains_of(texts))
        return known.issuperset(self.query.values)


class Finder:
    """Answers searches from a store by the operator's rules."""

    def __init__(self, store: KeyStore, rules: SearchRules) -> None:
        self.rules = rules
        self._store = store
        self._domains = frozenset(rules.domains)

    async def find(self, search: Search, *, exact: bool, limit: int, offset: int, most_bytes: int) -> Found:
        """The certificates behind the first `offset` that match: at most `limit`, and at least one, but not more once
        they exceed `most_bytes`. `exact` asks for whole addresses and user ids alone.

        Raises `BadRequest` for a search that is not answered here and for an `offset` beyond `MOST_SKIPPED`.
        """
        if offset > MOST_SKIPPED:
            raise BadRequest(
                f"no search passes over more than {MOST_SKIPPED:,} certificates", hint="Search for something rarer."
            )
        match search.kind:
            case SearchKind.FINGERPRINT:
                found = await self._store.fetch([search.value])
                if len(found) == 1 and not offset:
                    return Found(found, stable=True)
                return cut(found[offset:], limit, most_bytes)
            case SearchKind.KEY_ID:
                return await self._sharing(search.value, limit, offset, most_bytes)
            case SearchKind.SHORT_KEY_ID:
                if not self.rules.short_key_ids:
                    raise BadRequest(
                        "Key ids of 8 digits are not answered here: they are easily forged.",
                        hint="Search for the full fingerprint.",
                    )
                return await self._sharing(search.value, limit, offset, most_bytes, FORGEABLE)
            case SearchKind.EMAIL:
                return await self._page(Query("identity", (search.value,)), limit, offset, most_bytes)
            case SearchKind.WORDS:
                return await self._page(self._words(search.value), limit, offset, most_bytes)
            case SearchKind.DOMAIN:
                return await self._page(self._domain(search.value), limit, offset, most_bytes)
            case SearchKind.TEXT:
                return await self._page(self._meant(search.value, exact=exact), limit, offset, most_bytes)

    def _meant(self, text: str, *, exact: bool) -> Query:
        """What a text that is no address asks for: those of a domain, those with all these words, or this user id."""
        if not exact:
            domain = _DOMAIN.fullmatch(text)
            if domain is not None and not self._domains.isdisjoint({domain[1], EVERY_DOMAIN}):
                return Query("domain", (domain[1],))
            if self.rules.words and words_of([text]):
                return self._words(text)
        return Query("identity", (text,))

    def _words(self, text: str) -> Query:
        words = words_of([text])
        if not self.rules.words:
            raise BadRequest("Words are not searched for here.", hint="Search for a whole address or user id.")
        if not words:
            raise BadRequest("The search has no word in it.", hint="Give one at least.")
        if len(words) > _MOST_WORDS:
            raise BadRequest(f"a search has at most {_MOST_WORDS} words", hint="Leave some out.")
        return Query("words", words)

    def _domain(self, text: str) -> Query:
        domain = _DOMAIN.fullmatch(text)
        if domain is None:
            raise BadRequest("This is no domain.", hint="example.org is one.")
        if self._domains.isdisjoint({domain[1], EVERY_DOMAIN}):
            raise BadRequest("Certificates of this domain are not searched for here.", hint="Search for an address.")
        return Query("domain", (domain[1],))

    async def _sharing(self, key_id: str, limit: int, offset: int, most_bytes: int, warning: str = "") -> Found:
        seen = min(offset + limit + 1, _MOST_SHARING + 1)
        found = await self._store.fetch_by_key_id(key_id, limit=seen)
        if offset >= _MOST_SHARING:
            raise BadRequest(
                f"more than {_MOST_SHARING:,} certificates share this key id", hint="Search for the full fingerprint."
            )
        return cut(found[offset:], limit, most_bytes, warning)

    async def _page(self, query: Query, limit: int, offset: int, most_bytes: int) -> Found:
        """Asks for some at a time, so that certificates beyond what may be given are hardly ever read."""
        found: list[Record] = []
        size = 0
        while True:
            wanted = min(_BATCH, limit - len(found)) + 1
            batch = await self._store.search(query, limit=wanted, offset=offset + len(found))
            for record in batch[: wanted - 1]:
                size += len(record.data)
                if found and size > most_bytes:
                    return Found(found, more=True, query=query)
                found.append(record)
            if len(batch) < wanted or len(found) >= limit:
                return Found(found, more=len(batch) >= wanted, query=query)


def cut(found: Sequence[Record], limit: int, most_bytes: int, warning: str = "") -> Found:
    """The first page of these: at most `limit`, and at least one, but not more once they exceed `most_bytes`."""
    size, count = 0, 0
    for record in found[:limit]:
        size += len(record.data)
        if count and size > most_bytes:
            break
        count += 1
    return Found(list(found[:count]), more=len(found) > count, warning=warning)
