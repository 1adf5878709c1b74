"""Rendered answers that are kept in memory for those who ask for the same again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web

from wasmpuck.http.caching import not_modified

__all__ = ["Kept", "Rendered", "Shelf"]

_OVERHEAD = 512
"""Bytes beside body and name, about: a mapping of header fields."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A body, its entity tag, and the time in which it holds: from `since` on and before `until` (since 1970)."""

    body: bytes
    tag: str
    since: float = 0.0
    until: float = math.inf

    def holds(self, now: float) -> bool:
        """Whether it would be rendered alike now."""
        return self.since <= now < self.until


@dataclass(frozen=True, slots=True)
class Kept(Rendered):
    """A whole answer to a question, while the database is in a `state` (`KeyStore.state`).

    `headers` has the entity tag and what else is said of the body; `modified` is when it changed, where it has a time.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    modified: float | None = None
    state: int | None = None

    def response(self, request: web.Request) -> web.Response:
        """The answer, or 304 where the client has it."""
        known = not_modified(request, self.tag, self.modified)
        if known is None:
            return web.Response(body=self.body, headers=self.headers)
        fields = {name: value for name, value in self.headers.items() if not name.startswith("Content-")}
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=fields | {"ETag": known})


class Shelf:
    """Rendered answers by names that change whenever what they were made of does: at most `most` bytes.

    Those asked for last stay; one alone takes a quarter at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, Rendered] = {}
        self.size = 0

    def get(self, name: str) -> Rendered | None:
        """What was put there, if it still is."""
        kept = self._kept.pop(name, None)
        if kept is not None:
            self._kept[name] = kept
        return kept

    def put(self, name: str, rendered: Rendered) -> None:
        """Keeps it, in the place of what has that name."""
        former = self._kept.pop(name, None)
        if former is not None:
            self.size -= _size(name, former)
        size = _size(name, rendered)
        if size > self._most // 4:
            return
        self._kept[name] = rendered
        self.size += size
        while self.size > self._most:
            oldest = next(iter(self._kept))
            self.size -= _size(oldest, self._kept.pop(oldest))


def _size(name: str, rendered: Rendered) -> int:
    return len(rendered.body) + len(name) + _OVERHEAD
