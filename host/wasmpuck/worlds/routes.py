"""`wasmpuck:plugin/routes`: plugins that answer requests for paths of their own.

A path of a route is exact, or ends in `/*` and means everything below. Two routes collide when some path belongs to
both; a plugin whose routes collide with the server's paths or another plugin's is not loaded (`vet`). So at most one
plugin answers a path, whatever the order in which they were loaded. Within a plugin the most specific route counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins import Plugin, Snapshot

__all__ = ["OWN_PATHS", "Entry", "Request", "Table", "prepare", "routes_of", "vet"]

OWN_PATHS: Final = (
    "/",
    "/.well-known/openpgpkey/*",
    "/help",
    "/key/*",
    "/pks/*",
    "/robots.txt",
    "/static/*",
    "/submit",
    "/verify/*",
    "/vks/*",
)
"""What the server answers itself."""

_MOST: Final = 64
_MOST_HEADERS: Final = 32
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()+,;=:@-]+)*(/\*|/)?")
_LONGEST: Final = 512
_METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,19}")
_NOT_THEIRS: Final = frozenset({"CONNECT", "HEAD", "OPTIONS", "TRACE"})


class Request(NamedTuple):
    """WIT `routes.request`."""

    client: str
    method: str
    path: str
    rest: str
    query: Sequence[tuple[str, str]]
    headers: Sequence[tuple[str, str]]
    body: Any


@dataclass(slots=True)
class Entry:
    """What is at a path: a plugin, and the headers that it wants by method."""

    plugin: Plugin
    methods: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def allowed(self) -> list[str]:
        """Methods for `Allow`, those of the server's own included."""
        head = ["HEAD"] if "GET" in self.methods else []
        return sorted([*self.methods, *head, "OPTIONS"])


class Table:
    """Who answers which path in one snapshot."""

    def __init__(self) -> None:
        self._exact: dict[str, Entry] = {}
        #: By what stands before `/*`.
        self._below: dict[str, Entry] = {}

    def add(self, plugin: Plugin, routes: Iterable[Any]) -> None:
        """Takes a plugin's routes in; where they are another's already, they stay that one's."""
        for route in routes:
            base, below = _split(route.path)
            entry = (self._below if below else self._exact).setdefault(base, Entry(plugin))
            if entry.plugin is plugin:
                headers = frozenset(name.lower() for name in route.headers)
                entry.methods |= dict.fromkeys(route.methods, headers)

    def __len__(self) -> int:
        return len(self._exact) + len(self._below)

    def find(self, path: str) -> tuple[Entry, str] | None:
        """Who answers a path, and what the `*` of the route stands for."""
        entry = self._exact.get(path)
        if entry is not None:
            return entry, ""
        if self._below:
            base = path
            while "/" in base:
                base = base.rpartition("/")[0]
                entry = self._below.get(base)
                if entry is not None:
                    return entry, path[len(base) + 1 :]
        return None


def _split(path: str) -> tuple[str, bool]:
    """What stands before `/*`, and whether that is there."""
    return (path[:-2], True) if path.endswith("/*") else (path, False)


def _within(path: str, outer: str) -> bool:
    """Whether everything that a route answers belongs to another."""
    (base, below), (around, all_below) = _split(path), _split(outer)
    if not all_below:
        return not below and base == around
    return base.startswith(f"{around}/") or (below and base == around)


def _collide(one: str, other: str) -> bool:
    """Whether some path belongs to both."""
    return _within(one, other) or _within(other, one)


def vet(plugin: Plugin, others: Iterable[Plugin]) -> None:
    """Whether a plugin may have the paths that it wants.

    Raises:
        ArtifactRefused: `ROUTE_TAKEN`, or `INITIALIZATION_FAILED` for routes that make no sense.
    """
    routes = plugin.scopes.get("routes") if plugin.exports("routes") else None
    if routes is None:
        return
    problem = _problem(routes)
    if problem:
        raise ArtifactRefused(Refusal.INITIALIZATION_FAILED, f"{plugin.name} {plugin.version}: {problem}")
    permitted = (f"/plugins/{plugin.name}/*", *plugin.settings.routes)
    taken = [(path, "the server") for path in OWN_PATHS]
    for other in others:
        if other.exports("routes"):
            taken += [(route.path, f"the plugin {other.name}") for route in other.scopes["routes"]]
    for route in routes:
        for path, owner in taken:
            if _collide(route.path, path):
                raise ArtifactRefused(
                    Refusal.ROUTE_TAKEN,
                    f"{plugin.name} {plugin.version} wants to answer {route.path}, but {owner} answers {path}",
                    hint="a path has one owner: take the other out of service, or configure one of them otherwise",
                )
        if not any(_within(route.path, permit) for permit in permitted):
            raise ArtifactRefused(
                Refusal.ROUTE_TAKEN,
                f"{plugin.name} {plugin.version} wants to answer {route.path}, which is not below "
                f"/plugins/{plugin.name}/",
                hint=f'permit it in its table: routes = ["{route.path}"]',
            )


def _problem(routes: Sequence[Any]) -> str:
    """Why routes make no sense; empty when they do."""
    if len(routes) > _MOST:
        return f"it wants {len(routes)} routes, at most {_MOST} can be had"
    seen: set[tuple[str, str]] = set()
    for route in routes:
        path = route.path
        dots = {".", ".."} & set(path.split("/"))
        if not path.startswith("/") or len(path) > _LONGEST or not _PATH.fullmatch(path) or dots:
            return f"{path[:_LONGEST]!r} is not the path of a route"
        if len(route.headers) > _MOST_HEADERS:
            return f"the route {path} wants {len(route.headers)} headers, at most {_MOST_HEADERS} are passed"
        if not route.methods:
            return f"the route {path} has no methods"
        for method in route.methods:
            if not _METHOD.fullmatch(method) or method in _NOT_THEIRS:
                return f"{method[:20]!r} is not a method that a route can have"
            if (path, method) in seen:
                return f"it wants {method} {path} twice"
            seen.add((path, method))
    return ""


def prepare(snapshot: Snapshot) -> None:
    """Makes the snapshot's table, once, before it is published."""
    table = Table()
    for plugin in snapshot.plugins.values():
        if plugin.exports("routes"):
            table.add(plugin, plugin.scopes["routes"])
    snapshot.views["routes"] = table


_EMPTY: Final = Table()


def routes_of(snapshot: Snapshot) -> Table:
    """The table of a published snapshot."""
    table = snapshot.views.get("routes")
    return table if isinstance(table, Table) else _EMPTY
