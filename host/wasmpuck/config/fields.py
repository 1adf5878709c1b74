"""Settings as dataclass fields: each has a kind, a default, and a sentence that the reference page prints."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from wasmpuck.config.kinds import Kind

__all__ = ["Setting", "setting", "settings_of", "toml_name"]

T = TypeVar("T")
D = TypeVar("D")
_KEY = "wasmpuck.setting"
_ACRONYMS = {"mb": "MB", "cpu": "CPU"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of one table: `field` in Python, `key` in TOML; `shown` stands for a default that is computed."""

    field: str
    key: str
    kind: Kind[Any]
    default: object
    sentence: str
    shown: str

    @property
    def default_text(self) -> str:
        """The default as it would be written in TOML, or in words where it is computed."""
        return self.shown or self.kind.show(self.default)


def setting(kind: Kind[T], default: D, sentence: str, *, shown: str = "", key: str = "") -> T | D:
    """Declares a dataclass field that is read from TOML; its key is `key`, or else the field's name in camelCase.

    `shown` stands for the default on the reference page where it is not a value: None, or computed from other keys.
    """
    declared: Any = dataclasses.field(default=default, metadata={_KEY: (kind, sentence, shown, key)})
    return declared  # type: ignore[no-any-return]  # a dataclass field stands for its value until the class is made


def settings_of(cls: type) -> Iterator[Setting]:
    """The settings that the dataclass `cls` declares, in order; its other fields are left out."""
    for field in dataclasses.fields(cls):
        if _KEY in field.metadata:
            kind, sentence, shown, key = field.metadata[_KEY]
            yield Setting(field.name, key or toml_name(field.name), kind, field.default, sentence, shown)


def toml_name(field: str) -> str:
    """The TOML key of a Python name: `max_memory_mb` is `maxMemoryMB`."""
    head, *rest = field.split("_")
    return head + "".join(_ACRONYMS.get(part, part.capitalize()) for part in rest)


def environment_name(table: str, field: str) -> str:
    """The environment variable of a setting: `server` and `admin_bind` make `WASMPUCK_SERVER_ADMIN_BIND`."""
    return re.sub(r"[^A-Z0-9]+", "_", f"wasmpuck_{table}_{field}".upper())
