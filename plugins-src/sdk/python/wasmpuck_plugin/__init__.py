"""What a Wasmpuck plugin in Python is written with: `from wasmpuck_plugin import middleware, settings, log`.

One module for each interface of the contract, named as there with `-` as `_`. Modules that are imports hold functions
(`storage.get`), modules that are exports hold decorators (`@middleware.on_request`) and the frozen dataclasses that
the decorated functions get and give. What the host refuses is raised as an exception, one class for each case
(`storage.StorageError.QuotaExceeded`). Spans of time are seconds or `timedelta`, points in time are `datetime` in UTC.

Outside a server the modules can be imported for type checking; `wasmpuck_plugin.testing` executes a plugin there.
"""

from __future__ import annotations

from . import (
    admission,
    clock,
    events,
    files,
    formatter,
    handover,
    http_client,
    key_admin,
    keys,
    lifecycle,
    log,
    messaging,
    metrics,
    middleware,
    random,
    responder,
    routes,
    secrets,
    services,
    settings,
    shared,
    storage,
    tasks,
)
from .errors import HostError, NotGranted, OutsideServer, PluginError

__all__ = [
    "HostError",
    "NotGranted",
    "OutsideServer",
    "PluginError",
    "admission",
    "clock",
    "events",
    "files",
    "formatter",
    "handover",
    "http_client",
    "key_admin",
    "keys",
    "lifecycle",
    "log",
    "messaging",
    "metrics",
    "middleware",
    "random",
    "responder",
    "routes",
    "secrets",
    "services",
    "settings",
    "shared",
    "storage",
    "tasks",
]
