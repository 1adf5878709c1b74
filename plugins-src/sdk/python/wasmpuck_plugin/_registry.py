"""What a plugin has registered by its decorators: filled while its source is executed, read by `_dispatch`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import PluginError

__all__ = ["Registry", "current", "once", "renew"]


@dataclass
class Registry:
    """One plugin.

    hooks: functions by `interface.function`; scopes: what the plugin wants to see, by interface.
    metrics: declarations; settings: the typed settings; tasks: task name to function and interval (`None`: scheduled by
    the plugin itself); events: patterns with functions; routes, formats, services: as their modules define them.
    """

    hooks: dict[str, Callable[..., Any]] = field(default_factory=dict)
    scopes: dict[str, Any] = field(default_factory=dict)
    metrics: list[Any] = field(default_factory=list)
    settings: list[Any] = field(default_factory=list)
    tasks: dict[str, tuple[Callable[[], Any], Any]] = field(default_factory=dict)
    events: list[tuple[str, Callable[..., Any]]] = field(default_factory=list)
    routes: list[Any] = field(default_factory=list)
    formats: dict[str, Any] = field(default_factory=dict)
    services: list[Any] = field(default_factory=list)

    def interfaces(self) -> list[str]:
        """The exported interfaces that the plugin implements, in ascending order."""
        found = {name.partition(".")[0] for name in self.hooks} | {"lifecycle"}
        parts = {
            "task-handler": self.tasks,
            "event-handler": self.events,
            "routes": self.routes,
            "formatter": self.formats,
            "services": self.services,
        }
        return sorted(found | {name for name, registered in parts.items() if registered})


_registries = [Registry()]


def current() -> Registry:
    """The plugin whose source is executed, or was last."""
    return _registries[-1]


def renew() -> Registry:
    """Begins another plugin."""
    _registries[-1] = Registry()
    return _registries[-1]


def once(name: str, function: Callable[..., Any]) -> None:
    """Registers a hook. Raises `PluginError` when there is one already."""
    hooks = current().hooks
    if name in hooks:
        raise PluginError(f"{name} is implemented twice: by {hooks[name].__name__} and by {function.__name__}")
    hooks[name] = function
