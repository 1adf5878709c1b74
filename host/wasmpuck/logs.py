"""Logs on standard error: lines for people or JSON lines for programs, neither of which a client can forge.

Code logs with the standard library, the facts in `extra`: `logger.info("plugin loaded", extra={"plugin": name})`. Every
control character of a message or a value is escaped, so that one record is one line (a traceback's lines are
indented behind a bar).
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO, cast

__all__ = ["JSONFormatter", "TextFormatter", "configure", "escape"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_UNHANDLED = logging.getLogger("wasmpuck.unhandled")


def configure(log_format: str = "text", level: str = "info", stream: TextIO | None = None) -> None:
    """Sends every log record of the process to `stream` (standard error by default), as `text` or as `json`.

    Also logs, once each, exceptions that nobody caught. Calling it again replaces what it did before.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSONFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each.formatter, JSONFormatter | TextFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO wasmpuck.plugins: loaded plugin=ratelimit-window`, times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and behind it one line for each line of a traceback."""
        line = f"{_time(record)} {record.levelname} {escape(record.name)}: {escape(_message(record))}"
        for name, value in _fields(record):
            line += f" {escape(name)}={_shown(value)}"
        return "\n".join([line, *(f"    | {escape(part)}" for part in _exception(record).splitlines())])


class JSONFormatter(logging.Formatter):
    """One JSON object (RFC 8259) a line: `time`, `level`, `logger`, `message`, the fields, and `exception` if any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if exception := _exception(record):
            entry["exception"] = exception
        for name, value in _fields(record):
            # A field cannot take the place of a key of ours.
            entry[f"{name}_" if name in entry else name] = _plain(value)
        return json.dumps(entry).replace("\x7f", "\\u007f")


def escape(text: str) -> str:
    """The text with every character that is not printable (control, format, separator, lone surrogate) escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _time(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _message(record: logging.LogRecord) -> str:
    """The message with its arguments; a message that does not fit its arguments is shown with them, not lost."""
    try:
        return record.getMessage()
    except Exception:
        return f"{record.msg!s} {_text(record.args)}"


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    for name, value in vars(record).items():
        if name not in _STANDARD:
            yield name, value


def _exception(record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append("".join(traceback.format_exception(*record.exc_info)))
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(part.rstrip("\n") for part in parts)


def _shown(value: object) -> str:
    """A field's value for people: in quotation marks when it would not stand as one word."""
    text = _text(value)
    if text and text.isprintable() and not any(character in " \"'=\\" for character in text):
        return text
    return '"' + escape(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _plain(value: object, depth: int = 0) -> object:
    """A field's value as JSON has it; what JSON does not know becomes text."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if abs(value) < float("inf") else repr(value)
    if depth < 8 and isinstance(value, dict):
        return {_text(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < 8 and isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__} that cannot be shown>"


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _UNHANDLED.critical("an exception was not caught; the process ends", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_type is SystemExit:
        return
    name = arguments.thread.name if arguments.thread else "unknown"
    error = cast("BaseException", arguments.exc_value)
    _UNHANDLED.critical(
        "an exception was not caught; its thread ends",
        exc_info=(arguments.exc_type, error, arguments.exc_traceback),
        extra={"thread_name": name},
    )
