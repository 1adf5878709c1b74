"""Scripts in JavaScript on the stage of the SDKs' tests."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sdk.conformance import Visit
from sdk.stage import Program, Stage, Subject
from wasmpuck.errors import CallFailed
from wasmpuck.runtime.values import Case

__all__ = ["EVERYTHING", "File", "bare", "check", "evaluate", "load", "open_script", "runtime", "subject"]

ROOT = Path(__file__).resolve().parents[2]

EVERYTHING = ("clock", "events", "keys", "log", "metrics", "random", "settings", "storage", "tasks")


class File(NamedTuple):
    """WIT `script.file`."""

    path: str
    text: str


@cache
def runtime() -> bytes:
    """The component of the QuickJS runtime."""
    published = ROOT / "plugins-dist" / "runtimes" / "quickjs.wasm"
    return Path(os.environ.get("WASMPUCK_QUICKJS_RUNTIME", published)).read_bytes()


def subject(files: Mapping[str, str] | str, imports: Iterable[str] = EVERYTHING, entry: str = "plugin.js") -> Subject:
    """A script: its files by path, or the text of the only one."""
    texts = {entry: files} if isinstance(files, str) else files
    imports = tuple(imports)
    listed = [File(path, text) for path, text in texts.items()]
    return Subject("probe", runtime(), imports, Program("probe", "0.1.0", "A probe", entry, listed, imports))


@dataclass
class Faked(Stage):
    """A stage some of whose imports are a test's own."""

    fakes: Mapping[str, Any] = field(default_factory=dict)

    def capabilities(self, names: Iterable[str]) -> dict[str, Any]:
        return super().capabilities(names) | {name: fake for name, fake in self.fakes.items() if name in names}


def open_script(
    files: Mapping[str, str] | str,
    settings: Mapping[str, Any] | None = None,
    *,
    imports: Iterable[str] = EVERYTHING,
    start: bool = True,
    fakes: Mapping[str, Any] | None = None,
) -> AbstractAsyncContextManager[Stage]:
    """An instance with a script, configured and started; `fakes` are imports in the place of the server's."""
    stage = Faked(subject(files, (*imports, *(fakes or {}))), fakes=fakes or {})
    return stage.instantiate(settings or {}, start=start)


@asynccontextmanager
async def bare() -> AsyncIterator[Stage]:
    """The runtime without a script."""
    async with Stage(Subject("probe", runtime(), EVERYTHING)).instantiate({}, start=False) as stage:
        yield stage


async def check(files: Mapping[str, str] | str) -> list[tuple[str, int, int, str]]:
    """Path, line, column and message of each error of syntax."""
    texts = {"plugin.js": files} if isinstance(files, str) else files
    async with bare() as stage:
        found = await stage.call("script.check", [File(path, text) for path, text in texts.items()])
    return [(problem.path, problem.line, problem.column, problem.message) for problem in found]


async def load(files: Mapping[str, str] | str, imports: Iterable[str] = EVERYTHING) -> Any:
    """WIT `script.outcome`."""
    async with bare() as stage:
        return await stage.call("script.load", subject(files, imports).program)


async def evaluate(
    code: str,
    imports: Iterable[str] = EVERYTHING,
    settings: Mapping[str, Any] | None = None,
    fakes: Mapping[str, Any] | None = None,
) -> Any:
    """What a function's body returns, through JSON. It is the handler of a route, with all of `wasmpuck` at hand."""
    names = (
        "admission, clock, events, files, formatter, handover, httpClient, keyAdmin, keys, lifecycle, log, messaging, "
        "metrics, middleware, plugin, random, responder, routes, secrets, services, settings, shared, storage, tasks"
    )
    body = f'const {{ {names} }} = require("wasmpuck");\nroutes.get("/x", () => routes.json((() => {{\n{code}\n}})()));'
    async with open_script(body, settings, imports=imports, fakes=fakes) as stage:
        try:
            outcome = await stage.call("routes.handle", Visit("", "GET", "/x", "", [], [], Case("empty")))
        except CallFailed as error:
            raise AssertionError(f"{error}: {stage.logs}") from error
        return json.loads(outcome.value.body.value)
