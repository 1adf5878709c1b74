"""`print`, standard output and error, `logging` and `warnings` as lines of the plugin's log."""

from __future__ import annotations

import io
import logging
import sys
import types
from typing import Any

from . import clockwork
from .phase import Phase

__all__ = ["flush", "install", "write"]

_LEVELS = ((50, "critical"), (40, "error"), (30, "warn"), (20, "info"), (10, "debug"))


def write(level: str, message: str, fields: list[tuple[str, str]]) -> None:
    """A line, if the plugin may write any: what is printed by a plugin without a log is lost, as it would be
    anywhere.
    """
    from wasmpuck_plugin import _seam

    if _seam.granted("log"):
        _seam.call(None, "log.write", level, message, fields)


class _Stream(io.TextIOBase):
    """Lines go to the log when they are complete, and at the end of a call."""

    encoding = "utf-8"  # type: ignore[assignment]
    errors = "replace"  # type: ignore[assignment]

    def __init__(self, level: str, original: Any) -> None:
        self._level = level
        self._original = original
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if not Phase.live:
            return int(self._original.write(text))
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            write(self._level, line, [])
        return len(text)

    def end(self) -> None:
        """The end of a call."""
        if self._rest:
            rest, self._rest = self._rest, ""
            write(self._level, rest, [])


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        level = next((name for least, name in _LEVELS if record.levelno >= least), "trace")
        fields = [("logger", record.name)]
        if record.exc_info and record.exc_info[1] is not None:
            from .tracing import trace_of

            fields.append(("traceback", trace_of(record.exc_info[1])))
        write(level, record.getMessage(), fields)


_streams: list[_Stream] = []


def flush() -> None:
    """Writes lines that were begun."""
    for stream in _streams:
        if stream._rest:
            stream.end()


def install() -> None:
    """Puts the streams and the handler in their places."""
    sys.stdout = sys.__stdout__ = _Stream("info", sys.stdout)  # type: ignore[misc,assignment]
    sys.stderr = sys.__stderr__ = _Stream("warn", sys.stderr)  # type: ignore[misc,assignment]
    sys.stdin = sys.__stdin__ = io.StringIO("")  # type: ignore[misc,assignment]
    _streams.extend((sys.stdout, sys.stderr))  # type: ignore[arg-type]
    logging.time = types.SimpleNamespace(time_ns=clockwork.quiet_now_ns)  # type: ignore[attr-defined]
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.logAsyncioTasks = False
    logging.raiseExceptions = False
    logging.root.addHandler(_Handler())
    logging.root.setLevel(logging.INFO)
