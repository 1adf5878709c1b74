"""`wasmpuck:plugin/settings`: the plugin's own table of the operator's configuration."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from wasmpuck.runtime.capabilities.context import Context

__all__ = ["Settings"]


class Settings:
    """The settings as JSON text, whole or by dotted key."""

    #: WIT function names.
    functions: ClassVar = frozenset({"get", "get-all"})

    def __init__(self, context: Context) -> None:
        self._text = context.settings_json
        self._table: dict[str, Any] = json.loads(self._text)

    def get(self, key: str) -> str | None:
        """WIT `settings.get`."""
        found: Any = self._table
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return None
            found = found[part]
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    def get_all(self) -> str:
        """WIT `settings.get-all`."""
        return self._text
