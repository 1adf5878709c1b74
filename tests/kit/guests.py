"""Guests for the kit: one that does a bit of everything, and variations of it."""

from __future__ import annotations

from typing import Any, Final

from runtime.abi import Image, zero
from runtime.guests import Guest, QuickCompiler, doing, engine
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.stand import Stand
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.contract import load_contract

__all__ = ["NEXT", "REQUEST", "busy", "diligent", "stand_of"]

REQUEST: Final[dict[str, Any]] = {
    "client": "192.0.2.1",
    "operation": "get",
    "method": "GET",
    "path": "/pks/lookup",
    "query": [],
    "headers": [],
}

NEXT: Final[dict[str, Any]] = {"verdict": {"next": []}, "reuse": None}
USUAL: Final = Circumstances()


def text(image: Image, words: str) -> str:
    """Address and length of a text as two constants."""
    data = words.encode()
    return f"(i32.const {image.put(data)}) (i32.const {len(data)})"


def returning(image: Image, export: str) -> str:
    """The constant with which an export returns the zero of its result."""
    interface, _, name = export.partition(".")
    kind = load_contract()[interface].functions[name].result
    assert kind is not None
    return f"(i32.const {image.value(kind, zero(kind))})"


def _start(image: Image) -> str:
    return f"""
      (call $tasks.schedule {text(image, "tick")} (i32.const 0) (i64.const 60000) (i32.const 512))
      (call $events.subscribe {text(image, "key.*")} (i32.const 512))
      {returning(image, "lifecycle.start")}"""


def diligent(*, greeting: str = "asked", name: str = "probe") -> Guest:
    """Counts requests in storage under `count`, logs each; a task `tick` each minute writes `ticked`; a key's news
    `heard`; publishes `probe.asked` for each request; `health` asks `random` and the clock.
    """

    def ask(image: Image) -> str:
        return f"""
          (call $log.write (i32.const 2) {text(image, greeting)} (i32.const 0) (i32.const 0))
          (call $storage.increment {text(image, "count")} (f64.const 1) (i32.const 0) (i32.const 0) (i32.const 512))
          (call $events.publish {text(image, "probe.asked")} {text(image, "{}")} (i32.const 512))
          {returning(image, "middleware.on-request")}"""

    def write(key: str, export: str) -> Any:
        return lambda image: (
            f"""
          (call $storage.set {text(image, key)} {text(image, "yes")} (i32.const 0) (i32.const 0) (i32.const 512))
          {returning(image, export)}"""
        )

    return Guest(
        name=name,
        worlds=("lifecycle", "middleware", "task-handler", "event-handler"),
        imports={
            "clock": ["now"],
            "events": ["publish", "subscribe"],
            "log": ["write"],
            "random": ["number"],
            "storage": ["set", "increment"],
            "tasks": ["schedule"],
        },
        bodies={
            "lifecycle.start": _start,
            "lifecycle.health": doing("(drop (call $random.number)) (drop (call $clock.now))"),
            "middleware.on-request": ask,
            "task-handler.run": write("ticked", "task-handler.run"),
            "event-handler.handle": write("heard", "event-handler.handle"),
        },
    )


def busy(rounds: int = 1000) -> Guest:
    """Its `health` spends three quarters of its time in `$heavy`, the rest in `$light`."""
    loop = """(local $i i32) (local.set $i (i32.const {n}))
      (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))"""
    return Guest(
        bodies={"lifecycle.health": doing("call $both")},
        extra=f"""(func $heavy {loop.format(n=3 * rounds)}) (func $light {loop.format(n=rounds)})
          (func $both call $heavy call $light)""",
    )


def stand_of(guest: Guest, around: Circumstances = USUAL, *, tap: Tap | None = None, **manifest: Any) -> Stand:
    """A stand for a guest, compiled in this process."""
    return Stand(guest.verified(**manifest), around, tap=tap, compiler=QuickCompiler(engine()))
