"""Arguments for exports, to begin with."""

from __future__ import annotations

from typing import Any

__all__ = ["request"]


def request(**changes: Any) -> dict[str, Any]:
    """A request for `middleware.on-request`: a lookup by 192.0.2.1, but for `changes`."""
    usual: dict[str, Any] = {
        "client": "192.0.2.1",
        "operation": "get",
        "method": "GET",
        "path": "/pks/lookup",
        "query": [],
        "headers": [],
        "body": None,
    }
    return usual | {name.replace("_", "-"): value for name, value in changes.items()}
