"""`wasmpuck:plugin/keys`: reading certificates as anybody may who asks the keyserver."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, NamedTuple

from wasmpuck.errors import BadRequest, StorageUnavailable, WasmpuckError
from wasmpuck.keyserver import Keyserver, Search, SearchKind
from wasmpuck.keyserver.disclosure import Disclosure
from wasmpuck.openpgp.armor import armor
from wasmpuck.runtime.accounting import RateBucket
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.values import Case, Err, Ok
from wasmpuck.storage import Record

__all__ = ["Key", "Keys", "Page", "Statistics", "Summary", "UserId", "cursor_number"]

_HOUR: Final = 3600
_SECOND: Final = 1000.0
_FINGERPRINT: Final = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})")
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}|[0-9a-f]{8}")
_CURSOR: Final = re.compile(r"[0-9]{1,15}")
_MOST_TEXT: Final = 1024
_RATE_LIMITED: Final = Case("rate-limited")
_UNAVAILABLE: Final = Case("unavailable")


class Key(NamedTuple):
    """WIT `keys.key`."""

    fingerprint: str
    version: int
    algorithm: int
    bits: int
    created: float
    expires: float | None
    revoked: bool


class UserId(NamedTuple):
    """WIT `keys.user-id`."""

    text: str
    email: str
    revoked: bool


class Summary(NamedTuple):
    """WIT `keys.summary`."""

    primary: Key
    subkeys: list[Key]
    user_ids: list[UserId]
    size: int
    updated: float


class Page(NamedTuple):
    """WIT `keys.page`."""

    fingerprints: list[str]
    cursor: str


class Statistics(NamedTuple):
    """WIT `keys.statistics`."""

    total: float
    hour: float
    day: float


_Function = Callable[..., Coroutine[Any, Any, Any]]


def _asking(wrap: Callable[[Case], Any]) -> Callable[[_Function], _Function]:
    """Counts a call and answers with `wrap` of an error where it cannot be told."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        async def run(self: Keys, *arguments: Any) -> Any:
            if not self._rate.take(1, self._monotonic()):
                return wrap(_RATE_LIMITED)
            try:
                return await function(self, *arguments)
            except StorageUnavailable:
                return wrap(_UNAVAILABLE)
            except BadRequest as error:
                return wrap(Case("bad-query", error.message))
            except WasmpuckError as error:
                return wrap(Case("other", error.message))

        return run

    return decorate


def _failed(error: Case) -> Case:
    return Case("failed", error)


class Keys:
    """A plugin's view of the keyserver."""

    #: WIT function names.
    functions: ClassVar = frozenset({"search", "summarize", "armored", "changes", "count"})

    def __init__(self, context: Context) -> None:
        limits, facilities = context.limits, context.facilities
        self._keyserver = facilities.keyserver
        self._disclosure = facilities.disclosure
        self._results = limits.keys_results
        self._rate = RateBucket(limits.keys_rate, context.monotonic())
        self._monotonic = context.monotonic
        self._wall = context.wall

    @_asking(Err)
    async def search(self, query: Case, cursor: str, limit: int) -> Ok | Err:
        """WIT `keys.search`."""
        keyserver, disclosure = self._open()
        search = _search_of(query)
        most = min(limit, self._results)
        if not most:
            raise BadRequest("the limit is 0")
        offset = cursor_number(cursor)
        found = await disclosure.page(
            keyserver, search, exact=search.kind is SearchKind.EMAIL, limit=most, offset=offset
        )
        fingerprints = [record.fingerprint for record in found.records]
        return Ok(Page(fingerprints, str(offset + found.size) if found.more else ""))

    @_asking(_failed)
    async def summarize(self, fingerprint: str) -> Case:
        """WIT `keys.summarize`."""
        record = await self._shown(fingerprint)
        return Case("missing") if record is None else Case("found", _summary(record))

    @_asking(_failed)
    async def armored(self, fingerprint: str) -> Case:
        """WIT `keys.armored`."""
        record = await self._shown(fingerprint)
        return Case("missing") if record is None else Case("found", armor(record.data))

    @_asking(Err)
    async def changes(self, cursor: str, limit: int) -> Ok | Err:
        """WIT `keys.changes`."""
        keyserver, _ = self._open()
        most = min(limit, self._results)
        if not most:
            raise BadRequest("the limit is 0")
        after = cursor_number(cursor)
        fingerprints: list[str] = []
        # Of a page that only tells of what the operator blocks nothing is left, and it is not the end.
        while not fingerprints:
            page = await keyserver.store.changes(after=after, limit=most)
            if not page:
                break
            after = page[-1].number
            fingerprints = list(dict.fromkeys(each.fingerprint for each in page))
            fingerprints = [each for each in fingerprints if not keyserver.policy.blocks(each)]
        return Ok(Page(fingerprints, str(after)))

    @_asking(Err)
    async def count(self) -> Ok | Err:
        """WIT `keys.count`."""
        keyserver, _ = self._open()
        statistics = await keyserver.statistics()
        since = self._wall() - 2 * _HOUR
        hour = sum(each.inserted + each.updated for each in statistics.hourly if each.start > since)
        day = sum(each.inserted + each.updated for each in statistics.hourly)
        return Ok(Statistics(float(statistics.total), float(hour), float(day)))

    def _open(self) -> tuple[Keyserver, Disclosure]:
        if self._keyserver is None or self._disclosure is None:
            raise StorageUnavailable("There is no keyserver around this plugin.")
        return self._keyserver, self._disclosure

    async def _shown(self, fingerprint: str) -> Record | None:
        """A certificate as it may be shown; whose primary key it is comes before whose subkey."""
        keyserver, disclosure = self._open()
        digits = fingerprint.lower()
        if not _FINGERPRINT.fullmatch(digits):
            raise BadRequest("a fingerprint has 40, 64 or 32 hexadecimal digits")
        found = await keyserver.store.fetch([digits])
        chosen = next((each for each in found if each.fingerprint == digits), found[0] if found else None)
        return (await disclosure.show(chosen)).record if chosen is not None else None


def cursor_number(cursor: str) -> int:
    """Raises `BadRequest` for what never was a cursor."""
    if cursor and not _CURSOR.fullmatch(cursor):
        raise BadRequest("this is no cursor of an earlier answer")
    return int(cursor or 0)


def _search_of(query: Case) -> Search:
    text = query.value.strip().lower()
    if not text or len(text) > _MOST_TEXT or "\0" in text:
        raise BadRequest(f"a search has 1 to {_MOST_TEXT} characters and no NUL")
    match query.tag:
        case "fingerprint":
            if not _FINGERPRINT.fullmatch(text):
                raise BadRequest("a fingerprint has 40, 64 or 32 hexadecimal digits")
            return Search(SearchKind.FINGERPRINT, text)
        case "key-id":
            if not _KEY_ID.fullmatch(text):
                raise BadRequest("a key id has 16 hexadecimal digits")
            return Search(SearchKind.KEY_ID if len(text) == 16 else SearchKind.SHORT_KEY_ID, text)
        case "email":
            search = Search.parse(text)
            if search.kind is not SearchKind.EMAIL:
                raise BadRequest("this is no e-mail address")
            return search
        case "domain":
            return Search(SearchKind.DOMAIN, text)
    return Search(SearchKind.WORDS, text)


def _summary(record: Record) -> Summary:
    summary = record.summary
    return Summary(
        _key(summary),
        [_key(each) for each in summary["subkeys"]],
        [UserId(each["text"], (each["email"] or "").lower(), each["revoked"]) for each in summary["user_ids"]],
        len(record.data),
        record.modified * _SECOND,
    )


def _key(key: dict[str, Any]) -> Key:
    expires = key["expires"]
    return Key(
        key["fingerprint"],
        key["version"],
        key["algorithm"],
        key["bits"],
        key["created"] * _SECOND,
        None if expires is None else expires * _SECOND,
        bool(key["revoked"]),
    )
