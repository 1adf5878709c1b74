"""What a request asks for, in the words of plugins and metrics."""

from __future__ import annotations

from aiohttp import web

__all__ = ["operation_of"]

_OPERATIONS = frozenset({"get", "hget", "index", "vindex", "stats"})
_PATHS = {"/pks/add": "add", "/pks/stats": "stats"}


def operation_of(request: web.Request) -> str:
    """What a request asks for, in the words of the plugin contract (WIT `middleware.request.operation`)."""
    path = request.path
    if path == "/pks/lookup":
        operation = request.query.get("op", "")
        return operation if operation in _OPERATIONS else "other"
    return _PATHS.get(path, "other")
