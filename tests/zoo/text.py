"""Pieces of WebAssembly text that the guests share."""

from __future__ import annotations

from zoo.guest import Guest

__all__ = ["ON_REQUEST", "counted", "forever", "log_line", "repeat"]

ON_REQUEST = "middleware.on-request"


def forever(body: str = "") -> str:
    """Runs `body` without end; what follows is never reached."""
    return f"(loop $forever {body} (br $forever)) (unreachable)"


def repeat(times: int, body: str) -> str:
    """Runs `body` so many times; needs `(local $i i32)` at the beginning of the function."""
    return f"""(local.set $i (i32.const 0))
      (loop $again {body}
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const {times}))))"""


def counted(guest: Guest, times: int, body: str) -> str:
    """A request that is let pass after `body` was run so many times."""
    return f"(local $i i32) {repeat(times, body)} (i32.const {guest.next()})"


def log_line(guest: Guest, text: str, level: int = 2) -> str:
    """Writes a log line without fields; the level is its number, `info` by default."""
    place, size = guest.image.text(text)
    return f"(call $log.write (i32.const {level}) (i32.const {place}) (i32.const {size}) (i32.const 0) (i32.const 0))"
