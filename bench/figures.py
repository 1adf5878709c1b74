"""What is measured: every figure with its meaning, its reference and what it has to reach."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.measure import Result

__all__ = ["CATALOGUE", "Figure", "Goal"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure has to reach: bounds of its ratio, or of our own side in the figure's unit."""

    of: str
    least: float = -math.inf
    most: float = math.inf

    def met(self, result: Result) -> bool:
        """Whether the result reaches it."""
        value = result.ratio if self.of == "ratio" else result.ours
        return self.least <= value <= self.most

    def text(self, unit: str) -> str:
        """In words: `ratio ≥ 0.88`, `≤ 10 ms`."""
        sign, bound = ("≥", self.least) if self.most == math.inf else ("≤", self.most)
        return f"ratio {sign} {bound:.3g}" if self.of == "ratio" else f"{sign} {bound:.3g} {unit}"


def _ratio(*, least: float = -math.inf, most: float = math.inf) -> Goal:
    return Goal("ratio", least, most)


def _ours(most: float) -> Goal:
    return Goal("ours", most=most)


def _rate(least: float) -> Goal:
    return Goal("ours", least=least)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure.

    group: the module that measures it.
    what, reference: the two sides.
    goal: what it has to reach; none for figures that explain others.
    """

    group: str
    what: str
    reference: str
    goal: Goal | None = None


CATALOGUE: dict[str, Figure] = {
    "call.noop": Figure(
        "calls",
        "no-op export through pool, budget, accounting and deadline",
        "`wasmtime.component` call, fuel set",
        _ratio(most=1.0),
    ),
    "call.record8": Figure(
        "calls",
        "request record with 8 headers in, decision out",
        "`wasmtime.component` call, fuel set",
        _ratio(most=1 / 7),
    ),
    "call.bytes64k": Figure(
        "calls",
        "`list<u8>` of 64 KiB in and out",
        "`wasmtime.component` call, fuel set",
        _ratio(most=1 / 12),
    ),
    "call.fresh": Figure(
        "calls",
        "fresh instance of the Rust plugin, one call, given back",
        "the same by nine C calls without checks",
        _ratio(most=2.0),
    ),
    "call.pool": Figure(
        "calls", "no-op export through the pool", "the same on the instance, without pool and accounting"
    ),
    "call.host": Figure(
        "calls", "a call whose guest calls a host function once", "`wasmtime.component` call and host function"
    ),
    "inflight.1000": Figure(
        "inflight",
        "1,000 calls in flight, each waiting five times 50 ms in a host function",
        "1,000 coroutines that only sleep",
        _ours(0.45),
    ),
    "inflight.1000.memory": Figure(
        "inflight", "memory of each of these, instance included", "a coroutine that only sleeps", _ours(40)
    ),
    "lag.busy": Figure(
        "lag",
        "delay (p99) of another coroutine while a guest burns its whole budget",
        "the same by a `wasmtime.component` call on the loop",
        _ours(5),
    ),
    "lag.compile": Figure(
        "lag",
        "longest stall of the loop while the Python runtime (24 MB) is compiled",
        "compiling in a thread of the server",
        _ours(20),
    ),
    "load.rust": Figure(
        "load",
        "Rust plugin from the cache, MAC checked, until it may serve",
        "deserialize, instantiate, ask for its name",
        _ours(10),
    ),
    "load.rust.first": Figure(
        "load", "the same as the first load of a new process: the contract is read, packers are made", "as above"
    ),
    "load.python": Figure(
        "load",
        "Python script with its runtime from the cache, MAC checked, until it may serve",
        "deserialize, instantiate, ask for its name (a runtime for its language)",
        _ours(100),
    ),
    "mem.rust": Figure("memory", "memory of a warm Rust instance", "the same by `wasmtime.component`", _ours(1)),
    "mem.python": Figure(
        "memory", "memory of a warm instance of a Python script", "the same by `wasmtime.component`", _ours(6)
    ),
    "scripts.load": Figure(
        "scripts",
        "ten Python scripts and their runtime from the cache, two instances each, until they may serve, new process",
        "one script, new process",
        _ours(1000),
    ),
    "scripts.memory": Figure(
        "scripts",
        "private memory that these ten add to a server without plugins",
        "resident memory, in which what instances share counts in each",
        _ours(60),
    ),
    "lookup.median": Figure(
        "reading",
        "lookups by fingerprint a second, the median certificate of debian-keyring, armored",
        "a bare aiohttp handler that reads the row and sends it",
        _ratio(least=0.6),
    ),
    "lookup.largest": Figure(
        "reading",
        "the same, its largest certificate",
        "the same",
        _ratio(least=0.6),
    ),
    "lookup.median.first": Figure(
        "reading",
        "the median certificate as the first to ask gets it: nothing is kept in memory",
        "the same",
    ),
    "lookup.largest.first": Figure(
        "reading",
        "the largest certificate as the first to ask gets it",
        "the same",
    ),
    "index.email": Figure(
        "reading",
        "machine-readable listings by e-mail address a second",
        "a bare aiohttp handler that reads the row and sends its summary",
        _ratio(least=0.5),
    ),
    "index.email.first": Figure(
        "reading",
        "the same as the first to ask gets it",
        "the same",
    ),
    "connections.2000": Figure(
        "crowded",
        "lookups a second over 100 connections, while 1,900 slow clients hold others; all get their answers",
        "the same over 100 connections alone",
        _ratio(least=0.7),
    ),
    "lookup.one": Figure(
        "lookups",
        "lookups a second, one middleware plugin asked on each",
        "the same without plugins",
        _ratio(least=0.88),
    ),
    "lookup.three": Figure(
        "lookups",
        "lookups a second, three middleware plugins asked on each",
        "the same without plugins",
        _ratio(least=0.72),
    ),
    "lookup.reuse": Figure(
        "lookups", "the same three, verdicts good for 100 requests", "the same without plugins", _ratio(least=0.95)
    ),
    "lookup.postgres": Figure(
        "lookups",
        "lookups a second on PostgreSQL, one middleware plugin asked on each",
        "the same without plugins",
        _ratio(least=0.90),
    ),
    "lookup.ratelimit": Figure(
        "lookups",
        "lookups a second, `ratelimit-window` asked on each: four host calls a request",
        "the same without plugins",
    ),
    "lookup.both": Figure(
        "lookups", "the same with `admission-policy` beside it, which judges uploads only", "the same without plugins"
    ),
    "leak.calls": Figure(
        "leaks", "resident memory after 1,000,000 calls", "resident memory after warm-up", _ratio(most=1.02)
    ),
    "leak.calls.slope": Figure("leaks", "its slope over the calls", "standard error of the slope", _ours(1)),
    "leak.instances": Figure(
        "leaks", "resident memory after 20,000 fresh instances", "resident memory after warm-up", _ratio(most=1.02)
    ),
    "leak.instances.slope": Figure("leaks", "its slope over the instances", "standard error of the slope", _ours(64)),
    "load.generated": Figure(
        "bulk",
        "20,000 generated certificates loaded into SQLite, validation included, certificates a second",
        "one process that only vets them",
        _rate(2_000),
    ),
    "load.debian": Figure(
        "bulk",
        "the same for debian-keyring (905 certificates, 28.5 MB)",
        "one process that only vets them",
        _rate(300),
    ),
    "db.ratio.generated": Figure(
        "bulk", "the database after that, generated certificates", "the bytes of the certificates", _ratio(most=1.7)
    ),
    "db.ratio.debian": Figure(
        "bulk", "the database after that, debian-keyring", "the bytes of the certificates", _ratio(most=1.7)
    ),
    "load.memory": Figure(
        "bulk",
        "most memory of `wasmpuck load` with all its processes for 20,000 generated certificates",
        "the same for a quarter of them",
        _ratio(most=1.25),
    ),
    "upload.rate": Figure(
        "bulk",
        "generated certificates uploaded over HTTP one by one, 8 connections, uploads a second",
        "the store alone, one durable write after the other",
    ),
}
"""By id, in the order of the table."""
