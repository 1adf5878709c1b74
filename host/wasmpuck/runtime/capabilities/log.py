"""`wasmpuck:plugin/log`: lines in the server's log, bounded in rate and length."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from wasmpuck.runtime.accounting import RateBucket
from wasmpuck.runtime.capabilities.context import Context

__all__ = ["Log"]

_LEVELS: Final = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_MOST_FIELDS: Final = 16
_KEY_BYTES: Final = 64
#: Bytes below which a value is left out: there would be nothing before the mark of the cut.
_LEAST_ROOM: Final = 4


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


class Log:
    """Writes to the logger `wasmpuck.plugin.<name>`. A line above the rate is dropped; how many were is said when
    there is room again.
    """

    #: WIT function names.
    functions: ClassVar = frozenset({"write"})

    def __init__(self, context: Context) -> None:
        self._plugin = context.plugin
        self._logger = logging.getLogger(f"wasmpuck.plugin.{context.plugin}")
        self._extra = {"plugin": context.plugin, "version": context.version}
        self._monotonic = context.monotonic
        self._bucket = RateBucket(context.limits.log_rate, context.monotonic())
        self._line = context.limits.log_line_bytes
        self._series = context.series
        self._silenced = 0

    def _cut(self, text: str, room: int) -> str:
        # Characters and bytes are the same for most log lines; the exact cut is only made for long ones.
        if len(text) * 4 <= room:
            return text
        data = text.encode("utf-8", "replace")
        if len(data) <= room:
            return text
        return data[: max(0, room - 3)].decode("utf-8", "ignore") + "…"

    def write(self, level: str, message: str, fields: list[tuple[str, str]]) -> None:
        """WIT `log.write`."""
        if not self._bucket.take(1, self._monotonic()):
            self._silenced += 1
            self._series.dropped_log_lines += 1
            return
        if self._silenced:
            self._logger.warning("%d log lines above the rate were dropped", self._silenced, extra=self._extra)
            self._silenced = 0
        number = _LEVELS[level]
        if not self._logger.isEnabledFor(number):
            return
        shown = self._cut(message, self._line)
        room = self._line - _size(shown)
        kept: dict[str, str] = {}
        for key, value in fields[:_MOST_FIELDS]:
            name = self._cut(key, _KEY_BYTES)
            room -= _size(name)
            if room < _LEAST_ROOM:
                break
            kept[name] = self._cut(value, room)
            room -= _size(kept[name])
        self._logger.log(number, "%s", shown, extra={**self._extra, "fields": kept} if kept else self._extra)
