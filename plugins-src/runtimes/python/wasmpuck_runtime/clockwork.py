"""`time` and `datetime` over the contract's clock. To be imported before whatever takes functions out of `time`."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Any

from .phase import Phase

__all__ = ["install", "quiet_now_ns"]

_time_ns = time.time_ns


def _ask(function: str) -> float:
    from wasmpuck_plugin import _seam

    found: float = _seam.call(None, f"clock.{function}")
    return found


def quiet_now_ns() -> int:
    """Nanoseconds since 1970 for the records of `logging`: 0 when the plugin has no clock."""
    if not Phase.live:
        return _time_ns()
    from wasmpuck_plugin import _seam

    return round(_ask("now")) * 1_000_000 if _seam.granted("clock") else 0


def _instead(original: Callable[..., Any], wall: bool, nanoseconds: bool) -> Callable[[], Any]:
    function = "now" if wall else "monotonic"

    def read() -> Any:
        if not Phase.live:
            return original()
        milliseconds = _ask(function)
        return round(milliseconds) * 1_000_000 if nanoseconds else milliseconds / 1000

    read.__name__ = read.__qualname__ = original.__name__
    return read


def _since_now(original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes the present when no time is given."""

    def convert(seconds: float | None = None) -> Any:
        return original(time.time() if seconds is None else seconds)

    convert.__name__ = convert.__qualname__ = original.__name__
    return convert


def _of_parts(original: Callable[..., Any], *, leading: int) -> Callable[..., Any]:
    """The same where the present is wanted in parts, after `leading` arguments."""

    def convert(*arguments: Any) -> Any:
        return original(*arguments, *(() if len(arguments) > leading else (time.localtime(),)))

    convert.__name__ = convert.__qualname__ = original.__name__
    return convert


def _sleep(seconds: float) -> None:
    raise PermissionError("a plugin cannot sleep: schedule a task, or let the server wait (middleware.Delay)")


_real = datetime.datetime


class _AnyDatetime(type):
    """What C code makes is of the original class, and still a `datetime`."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _real)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _real)


class _Datetime(_real, metaclass=_AnyDatetime):
    __slots__ = ()

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.fromtimestamp(time.time())


def install() -> None:
    """Puts the replacements into the modules."""
    replaced: dict[str, Any] = {"sleep": _sleep}
    for name in ("time", "time_ns"):
        replaced[name] = _instead(getattr(time, name), wall=True, nanoseconds=name.endswith("_ns"))
    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        for full in (name, f"{name}_ns"):
            if hasattr(time, full):
                replaced[full] = _instead(getattr(time, full), wall=False, nanoseconds=full.endswith("_ns"))
    for name in ("localtime", "gmtime", "ctime"):
        replaced[name] = _since_now(getattr(time, name))
    replaced["asctime"] = _of_parts(time.asctime, leading=0)
    replaced["strftime"] = _of_parts(time.strftime, leading=1)
    for name, function in replaced.items():
        setattr(time, name, function)
    _Datetime.__name__ = _Datetime.__qualname__ = "datetime"
    _Datetime.__module__ = "datetime"
    datetime.datetime = _Datetime  # type: ignore[misc]
