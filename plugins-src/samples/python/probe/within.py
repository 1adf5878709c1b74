"""Imports that concern nobody else: log, settings, clock, random, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wasmpuck_plugin import clock, log, metrics, random, settings

calls = metrics.counter("calls", "Calls, by what they were for.", labels=["purpose"])
level = metrics.gauge("level", "What was set last.")
sizes = metrics.histogram("sizes", "What was observed.", buckets=[1, 10])

FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "log": {"write": lambda urgency, message, fields: log.write(urgency, message, **dict(fields))},
    "settings": {"get": settings.get, "get-all": settings.get_all},
    "clock": {"now": lambda: clock.now().timestamp() * 1000, "monotonic": lambda: clock.monotonic() * 1000},
    "random": {"bytes": random.randbytes, "number": random.number},
    "metrics": {
        "add": lambda purpose, value: calls.add(purpose, value=value),
        "set": lambda value: level.set(value=value),
        "observe": lambda value: sizes.observe(value=value),
    },
}
