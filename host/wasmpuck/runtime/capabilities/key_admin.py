"""`wasmpuck:plugin/key-admin`: changing certificates, in the plugin's name and as far as its operator lets it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, NamedTuple

from wasmpuck.errors import NotFound, StorageUnavailable, WasmpuckError
from wasmpuck.keyserver.delegation import Delegation, NotAdmitted, Unusable
from wasmpuck.runtime.accounting import RateBucket
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["KeyAdmin"]

_NOTE_BYTES: Final = 200
_MOST_LISTED: Final = 1_000
_SECOND: Final = 1000.0
_FINGERPRINT: Final = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class _Entry(NamedTuple):
    """WIT `key-admin.entry`."""

    fingerprint: str
    source: str
    reason: str
    at: float


class _Page(NamedTuple):
    """WIT `key-admin.page`."""

    entries: list[_Entry]
    cursor: str


_Function = Callable[..., Coroutine[Any, Any, Any]]


def _with_leave(*acts: str) -> Callable[[_Function], _Function]:
    """Lets a call pass that one of these acts is granted for, while there are not too many of them."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        async def run(self: KeyAdmin, *arguments: Any) -> Ok | Err:
            if self._acts.isdisjoint(acts):
                return Err(Case("not-allowed"))
            if not self._rate.take(1, self._monotonic()):
                return Err(Case("rate-limited"))
            try:
                return Ok(await function(self, *arguments))
            except WasmpuckError as error:
                return Err(_case_of(error))

        return run

    return decorate


def _case_of(error: WasmpuckError) -> Case:
    match error:
        case NotAdmitted():
            return Case("refused", (error.code, error.message))
        case Unusable():
            return Case("unusable", error.message)
        case NotFound():
            return Case("missing")
        case StorageUnavailable():
            return Case("unavailable")
    return Case("other", error.message)


class _Misused(WasmpuckError):
    """An argument that makes no sense."""


class KeyAdmin:
    """What the operator's `keyAdmin` list lets a plugin do with certificates."""

    #: WIT function names.
    functions: ClassVar = frozenset({"submit", "replace", "delete", "quarantine", "release", "list-quarantine"})

    def __init__(self, context: Context) -> None:
        keyserver = context.facilities.keyserver
        self._plugin = context.plugin
        self._acts = context.key_acts
        self._delegation = Delegation(keyserver, clock=context.wall) if keyserver is not None else None
        self._rate = RateBucket(context.limits.key_admin_rate, context.monotonic())
        self._monotonic = context.monotonic

    @property
    def _desk(self) -> Delegation:
        if self._delegation is None:
            raise StorageUnavailable("There is no keyserver around this plugin.")
        return self._delegation

    @_with_leave("submit")
    async def submit(self, armored: str, note: str) -> str:
        """WIT `key-admin.submit`."""
        return await self._desk.submit(self._plugin, armored, _plain(note))

    @_with_leave("replace")
    async def replace(self, armored: str, note: str) -> str:
        """WIT `key-admin.replace`."""
        return await self._desk.replace(self._plugin, armored, _plain(note))

    @_with_leave("delete")
    async def delete(self, fingerprint: str, note: str) -> None:
        """WIT `key-admin.delete`."""
        await self._desk.delete(self._plugin, _digits(fingerprint), _plain(note))

    @_with_leave("quarantine")
    async def quarantine(self, fingerprint: str, note: str) -> None:
        """WIT `key-admin.quarantine`."""
        await self._desk.quarantine(self._plugin, _digits(fingerprint), _plain(note))

    @_with_leave("release")
    async def release(self, fingerprint: str, note: str) -> str:
        """WIT `key-admin.release`."""
        return await self._desk.release(self._plugin, _digits(fingerprint), _plain(note))

    @_with_leave("quarantine", "release")
    async def list_quarantine(self, cursor: str, limit: int) -> _Page:
        """WIT `key-admin.list-quarantine`."""
        if cursor and not _FINGERPRINT.fullmatch(cursor):
            raise _Misused("this is no cursor of an earlier answer")
        most = min(limit, _MOST_LISTED)
        if not most:
            raise _Misused("the limit is 0")
        held = await self._desk.entries(cursor, most + 1)
        entries = [_Entry(each.fingerprint, each.source, each.reason, each.since * _SECOND) for each in held[:most]]
        return _Page(entries, entries[-1].fingerprint if len(held) > most else "")


def _digits(fingerprint: str) -> str:
    digits = fingerprint.lower()
    if not _FINGERPRINT.fullmatch(digits):
        raise NotFound("a fingerprint has 40, 64 or 32 hexadecimal digits")
    return digits


def _plain(note: str) -> str:
    """One line, for the audit record."""
    if len(note.encode()) > _NOTE_BYTES:
        raise _Misused(f"the note is longer than {_NOTE_BYTES} bytes")
    return _CONTROL.sub(" ", note).strip()
