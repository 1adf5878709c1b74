"""What a request asks for, in the words of plugins and metrics."""

from __future__ import annotations

from aiohttp import web

__all__ = ["operation_of"]

_OPERATIONS = frozenset({"get", "hget", "index", "vindex", "stats"})
_PATHS = {"/pks/add": "add", "/pks/stats": "stats", "/pks/v2/certs": "add", "/vks/v1/upload": "add"}
_BELOW = (
    ("/pks/v2/certs/by-", "get"),
    ("/pks/v2/canonical/", "get"),
    ("/pks/v2/index/", "index"),
    ("/key/", "vindex"),
    ("/vks/v1/by-", "get"),
    ("/.well-known/openpgpkey/", "get"),
)


def operation_of(request: web.Request) -> str:
    """What a request asks for, in the words of the plugin contract (WIT `middleware.request.operation`)."""
    path = request.path
    if path == "/pks/lookup":
        operation = request.query.get("op", "")
        return operation if operation in _OPERATIONS else "other"
    if path in _PATHS:
        return _PATHS[path]
    for start, operation in _BELOW:
        if path.startswith(start):
            return "add" if request.method == "PUT" else operation
    return "other"
