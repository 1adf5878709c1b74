"""The operator's settings: typed by a dataclass, or asked for one by one (import `settings`).

    @dataclass(frozen=True)
    class Settings:
        text: str = "hello"
        max_user_ids: int = 10

    config = settings.typed(Settings)      # at the top of the plugin; needs no grant
    ...
    config.value.max_user_ids

The server refuses settings that do not fit, with the problems that are found here. A field `max_user_ids` is set as
`max-user-ids`, `maxUserIds` or `max_user_ids`. What a type cannot say goes into `__post_init__`, which raises
`BadSettings`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from . import _registry, _seam
from ._reading import BadSettings, Problem, read
from .errors import PluginError

__all__ = ["BadSettings", "Problem", "Typed", "get", "get_all", "typed"]

_T = TypeVar("_T")


class Typed(Generic[_T]):
    """Settings as a value of a dataclass."""

    def __init__(self, kind: type[_T]) -> None:
        self.kind = kind
        self._value: _T | None = None

    @property
    def value(self) -> _T:
        """The settings. Raises `PluginError` before `lifecycle.init`."""
        if self._value is None:
            raise PluginError("the settings are not known before init")
        return self._value

    def read(self, config: Mapping[str, Any]) -> _T:
        """The value of a configuration. Raises `BadSettings` with all problems."""
        return read(self.kind, config)

    def take(self, config: Mapping[str, Any]) -> None:
        """Makes a configuration the value. Raises `BadSettings`."""
        self._value = self.read(config)


def typed(kind: type[_T]) -> Typed[_T]:
    """Declares the dataclass of the plugin's settings. Raises `PluginError` for the second one."""
    registered = _registry.current().settings
    if registered:
        raise PluginError(f"the settings are typed twice: by {registered[0].kind.__name__} and by {kind.__name__}")
    registered.append(Typed(kind))
    found: Typed[_T] = registered[0]
    return found


def get(key: str) -> Any:
    """One setting as the operator wrote it, `None` when it is not set; `key` may be dotted (`domains.allow`)."""
    found: str | None = _seam.call(None, "settings.get", key)
    return None if found is None else json.loads(found)


def get_all() -> dict[str, Any]:
    """The plugin's whole table."""
    found: dict[str, Any] = json.loads(_seam.call(None, "settings.get-all"))
    return found
