"""Executing a script before the snapshot, so that what the interpreter learns from it belongs to all instances.

Bytecode that has run often is specialized in place, caches are filled, arenas are divided: each of these writes to a
page that would else be written to, and therefore owned, by every instance.
"""

from __future__ import annotations

import gc
import linecache
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from wasmpuck_plugin import _reading, _registry, _seam

from . import lasting
from .phase import Phase
from .program import Program

__all__ = ["settle", "warm_up"]

_TIMES = 12

_SCRIPT = '''
"""A plugin with a bit of everything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rules.words import WORDS
from wasmpuck_plugin import admission, clock, events, keys, lifecycle, log, metrics, middleware, routes, settings
from wasmpuck_plugin import storage, tasks

PATTERN = re.compile(r"[a-z]+")
requests = metrics.counter("requests", "Requests, by operation.", labels=["operation"])


@dataclass(frozen=True)
class Limits:
    """Limits."""

    most: int = 10
    least: float = 0.5


@dataclass(frozen=True)
class Settings:
    """The operator's settings."""

    text: str = "hello"
    block: tuple[str, ...] = ()
    names: list[str] = field(default_factory=list)
    max_user_ids: int = 10
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if len(self.text) > 80 or not self.text.isprintable():
            raise settings.BadSettings("text", f"must be at most {80} characters")


config = settings.typed(Settings)


class Counter:
    def __init__(self, start: int = 0) -> None:
        self.value = start

    def count(self, by: int = 1) -> Iterator[int]:
        for number in range(by):
            self.value += number
            yield self.value


@lifecycle.start
def start() -> None:
    tasks.schedule("refresh", every=60)


@tasks.task("refresh")
def refresh() -> None:
    try:
        storage.set("total", json.dumps({"total": keys.count().total, "sum": sum(Counter().count(3))}))
    except storage.StorageError as error:
        log.error("cannot store", error=error)


@middleware.on_request(paths=["/pks/*"], wants_query=True)
def judge(request: middleware.Request) -> middleware.Verdict:
    storage.increment(f"count:{request.operation}")
    requests.add(request.operation)
    if request.client in config.value.block:
        return middleware.Response(403, "blocked\\n", {"content-type": "text/plain"})
    return middleware.Next({"x-greeting": config.value.text})


@admission.judge
def admit(submission: admission.Submission) -> admission.Verdict:
    found = [one for one in submission.user_ids if PATTERN.search(one) and one in WORDS]
    if found:
        events.publish("warm.rejected", {"fingerprint": submission.primary.fingerprint, "words": sorted(found)})
        return admission.Reject("forbidden", f"{len(found)} words")
    return admission.Accept()


@events.on("key.inserted")
def inserted(event: events.Event) -> None:
    storage.increment("inserted")


@routes.get("words")
def words(request: routes.Request) -> routes.Answer:
    return {"words": len(request.parameter("text") or "")}
'''

_FILES = {"warming_plugin.py": _SCRIPT, "rules/words.py": "WORDS = frozenset({'spam', 'eggs'})\n"}


class _Nobody:
    """A host that agrees with everything."""

    def call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        match function:
            case "storage.increment":
                return 1.0
            case "keys.count":
                return SimpleNamespace(total=3.0, hour=0.0, day=0.0)
        return None


_SETTINGS = '{"text": "hi", "block": ["192.0.2.7"], "names": ["a"], "max-user-ids": 3, "limits": {"most": 3}}'


def _as_file(path: str) -> Any:
    return SimpleNamespace(path=path, text=_FILES[path])


def _once(exports: Mapping[str, Any]) -> None:
    """Calls what a server calls before a plugin is in service, and then some."""
    files = list(map(_as_file, _FILES))
    script, lifecycle = exports["Script"](), exports["Lifecycle"]()
    about = SimpleNamespace(
        name="warm", version="0.1.0", description="Warms up.", entry="warming_plugin.py", files=files, imports=["log"]
    )
    script.check(files)
    script.load(about)
    _seam.connect(_Nobody(), None)
    lifecycle.describe()
    lifecycle.validate_config(_SETTINGS)
    lifecycle.init(_SETTINGS)
    lifecycle.self_test()
    lifecycle.start()
    lifecycle.health()
    judge, visit = exports["Middleware"](), exports["Routes"]()
    judge.describe_scope()
    asked = {"client": "192.0.2.8", "operation": "get", "method": "GET", "path": "/pks/lookup", "rest": ""}
    asked |= {"query": [("op", "get")], "headers": [("x", "y")], "body": None}
    judge.on_request(SimpleNamespace(**asked))
    visit.describe_routes()
    visit.handle(SimpleNamespace(**asked | {"path": "/plugins/warm/words"}))
    admits = exports["Admission"]()
    admits.describe_scope()
    key = SimpleNamespace(fingerprint="ab" * 20, version=4, algorithm=22, bits=256, created=1.6e12)
    for names in ([], ["spam"]):
        found = SimpleNamespace(origin=exports["UPLOAD"], client="", source="", primary=key, subkeys=[key])
        vars(found).update(user_ids=names, size=900, signatures=2, known=False, armored=None)
        admits.judge(found)
    exports["TaskHandler"]().run("refresh")
    exports["EventHandler"]().handle(SimpleNamespace(topic="key.inserted", source="", payload="{}", at=1.6e12))


def warm_up(exports: Mapping[str, Any]) -> None:
    """Executes the script often enough, by the exported functions, as if the component were in a server, and forgets
    it.
    """
    known, finders = set(sys.modules), list(sys.meta_path)
    for _ in range(_TIMES):
        _once(exports)
        for name in set(sys.modules) - known:
            del sys.modules[name]
        sys.meta_path[:] = finders
        _registry.renew()
        gc.collect()
    Phase.live = False
    Program.plugin = None
    Program.name = Program.version = Program.description = ""
    _seam.connect(None, None)
    _reading._hints.cache_clear()
    for path in _FILES:
        linecache.cache.pop(path, None)


def settle() -> None:
    """What is there stays: the collector does not look at it, and so does not write to it, any more. And what an
    instance makes comes to lie together, not into the gaps between what is there: so it has few pages of its own.
    """
    gc.set_threshold(10_000, 20, 50)
    gc.collect()
    lasting.write_down()
    _fill_gaps()
    gc.freeze()


_filling: list[object] = []
_HEADER = sys.getsizeof(b"")
_STEP = 8  # of the sizes that the allocator tells apart, where addresses have 32 bits
_LARGEST = 512


def _fill_gaps() -> None:
    """Takes the free places of every size that the interpreter's allocator has, until it begins a new arena."""
    last = max(map(id, gc.get_objects()))
    for size in range(_STEP, _LARGEST + 1, _STEP):
        beyond = 0
        while beyond < 8 and len(_filling) < 200_000:
            if size > _HEADER:
                one: object = bytes(size - _HEADER)
            else:
                one = object() if size == _STEP else 1_000_000 + len(_filling)
            beyond = beyond + 1 if id(one) > last else 0
            _filling.append(one)
