"""Writing to the server's log (import `log`). `print` and `logging` lead here too."""

from __future__ import annotations

from . import _seam

__all__ = ["critical", "debug", "error", "info", "trace", "warning", "write"]


def write(level: str, message: str, **fields: object) -> None:
    """Writes a line; `level` is `trace`, `debug`, `info`, `warn`, `error` or `critical`. At most 16 fields are kept."""
    _seam.call(None, "log.write", level, message, [(name, str(value)) for name, value in fields.items()])


def trace(message: str, **fields: object) -> None:
    """Step by step detail, normally off."""
    write("trace", message, **fields)


def debug(message: str, **fields: object) -> None:
    """Detail for the person who debugs the plugin."""
    write("debug", message, **fields)


def info(message: str, **fields: object) -> None:
    """Something that an operator may want to know."""
    write("info", message, **fields)


def warning(message: str, **fields: object) -> None:
    """Something that an operator should look at some day."""
    write("warn", message, **fields)


def error(message: str, **fields: object) -> None:
    """An operation failed."""
    write("error", message, **fields)


def critical(message: str, **fields: object) -> None:
    """The plugin cannot do its work."""
    write("critical", message, **fields)
