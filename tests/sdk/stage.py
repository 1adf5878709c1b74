"""A plugin in the real runtime, without a server around it: an instance, its imports, and what these have seen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Protocol

from runtime.guests import KEY, QuickCompiler, engine
from wasmpuck.config import PluginLimits
from wasmpuck.events import Bus, Event
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.capabilities import CAPABILITIES, Context, Namespace, PluginSeries
from wasmpuck.runtime.compile import CompiledPlugin
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import call_budget, startup_budget, store_limits
from wasmpuck.runtime.linker import PluginLinker
from wasmpuck.runtime.values import Case, Ok
from wasmpuck.trust import Artifact, Keyring, Publisher, SignedPolicy, Version, verify
from wasmpuck_signing import Manifest, pack
from wasmpuck_signing.wasm import custom_sections

__all__ = ["CODE", "Open", "Program", "Stage", "Subject", "key", "of_artifact", "of_folder", "opener", "summary"]

_LIMITS: Final = PluginLimits(fuel=500_000_000, startup_fuel=2_000_000_000, deadline=10.0, startup_deadline=30.0)
CODE: Final = Path(__file__).resolve().parents[2] / ".tools" / "tests-code"
_COMPILED: Final[dict[bytes, CompiledPlugin]] = {}


class Program(NamedTuple):
    """WIT `script.program`."""

    name: str
    version: str
    description: str
    entry: str
    files: Sequence[Any]
    imports: Sequence[str]


class _File(NamedTuple):
    path: str
    text: str


class Key(NamedTuple):
    """WIT `keys.key`, and `admission.key` with what that has."""

    fingerprint: str
    version: int
    algorithm: int
    bits: int
    created: float
    expires: float | None
    revoked: bool


class UserId(NamedTuple):
    """WIT `keys.user-id`."""

    text: str
    email: str
    revoked: bool


class Summary(NamedTuple):
    """WIT `keys.summary`."""

    primary: Key
    subkeys: Sequence[Key]
    user_ids: Sequence[UserId]
    size: int
    updated: float


class _Statistics(NamedTuple):
    total: float
    hour: float
    day: float


class _Page(NamedTuple):
    fingerprints: Sequence[str]
    cursor: str


def key(fingerprint: str = "ab" * 20) -> Key:
    """A key."""
    return Key(fingerprint, 4, 22, 256, 1_600_000_000_000.0, None, False)


def summary(*user_ids: str, fingerprint: str = "ab" * 20) -> Summary:
    """A certificate with these user ids."""
    return Summary(key(fingerprint), (), tuple(UserId(text, "", False) for text in user_ids), 900, 1e12)


class Keys:
    """WIT `keys` over a dictionary from fingerprint to summary."""

    functions: ClassVar = frozenset({"search", "summarize", "armored", "changes", "count"})

    def __init__(self, found: dict[str, Summary]) -> None:
        self._found = found

    def search(self, query: Case, cursor: str, limit: int) -> Ok:
        return Ok(_Page(sorted(self._found)[:limit], ""))

    def summarize(self, fingerprint: str) -> Case:
        found = self._found.get(fingerprint.lower())
        return Case("missing") if found is None else Case("found", found)

    def armored(self, fingerprint: str) -> Case:
        return Case("missing")

    def changes(self, cursor: str, limit: int) -> Ok:
        return Ok(_Page(sorted(self._found)[:limit], ""))

    def count(self) -> Ok:
        return Ok(_Statistics(float(len(self._found)), 0.0, 0.0))


class _Lines(logging.Handler):
    """Keeps the lines of one plugin as level, text, fields."""

    def __init__(self, into: list[tuple[str, str, dict[str, str]]]) -> None:
        super().__init__(logging.DEBUG)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        self._into.append((record.levelname, record.getMessage(), getattr(record, "fields", {})))


@dataclass(frozen=True)
class Subject:
    """A plugin as it is executed: a component, and the script that it loads if it is a language runtime."""

    name: str
    component: bytes = field(repr=False)
    imports: tuple[str, ...]
    program: Program | None = None


@dataclass
class Stage:
    """One instance of a plugin that is configured and, unless told otherwise, started.

    Attributes:
        worlds: the interfaces that it implements.
        logs: level, text and fields of each line.
        certificates: what `keys` finds, by fingerprint.
        published: events of the plugin's.
        namespace: its storage.
        clock: seconds since 1970, as `clock` and `storage` see it; the test may set it.
        replaced: capabilities that a test has made itself.
    """

    subject: Subject
    worlds: list[str] = field(default_factory=list)
    logs: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    certificates: dict[str, Summary] = field(default_factory=dict)
    published: list[Event] = field(default_factory=list)
    clock: float = 1_700_000_000.0
    replaced: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.series = PluginSeries(self.subject.name)
        self.bus = Bus(wall=lambda: self.clock)
        self.namespace = Namespace(self.subject.name, lambda: self.clock)
        self.bus.join(lambda event: self.published.append(event) if event.source else None)

    async def call(self, export: str, *arguments: Any, startup: bool = False) -> Any:
        """Calls an export (`interface.function`). Raises `CallFailed`."""
        budget = startup_budget(_LIMITS) if startup else call_budget(_LIMITS)
        return await self.instance.call(self.compiled.exports[export], arguments, budget)

    def stored(self, key: str) -> str | None:
        """The text of an entry of the plugin's storage."""
        entry = self.namespace.get(key)
        return None if entry is None else entry.text()

    def counted(self, metric: str, *labels: str) -> float:
        """The value of a counter or gauge of the plugin's."""
        return self.series.declared[metric].values.get(labels, [0.0])[0]

    def told(self, word: str) -> list[str]:
        """The lines of level error that have a word somewhere, fields included."""
        whole = [f"{text} {json.dumps(fields)}" for level, text, fields in self.logs if level == "ERROR"]
        return [line for line in whole if word in line]

    def capabilities(self, names: Iterable[str]) -> dict[str, Any]:
        """Imports: the server's own where it has them."""
        context = Context(
            plugin=self.subject.name,
            version="0.1.0",
            limits=_LIMITS,
            settings_json="{}",
            exports=frozenset(self.worlds) or frozenset(self.compiled.worlds),
            namespace=self.namespace,
            series=self.series,
            bus=self.bus,
            run_task=self._run_task,
            run_event=self._run_event,
            wall=lambda: self.clock,
        )
        made = {name: CAPABILITIES[name](context) for name in names if name in CAPABILITIES and name != "keys"}
        return made | {"keys": Keys(self.certificates)} | self.replaced

    async def _run_task(self, name: str) -> None:
        await self.call("task-handler.run", name)

    async def _run_event(self, event: Event) -> None:
        await self.call("event-handler.handle", event)

    @contextlib.asynccontextmanager
    async def bare(self) -> AsyncIterator[Stage]:
        """The stage with an instance on which nothing was called; it ends with the block."""
        self.compiled = await _compiled(self.subject)
        self.real = self.capabilities(self.subject.imports)
        needed = {name: self.real.get(name, _Absent(name)) for name in self.compiled.imports}
        logger = logging.getLogger(f"wasmpuck.plugin.{self.subject.name}")
        lines, level = _Lines(self.logs), logger.level
        logger.addHandler(lines)
        logger.setLevel(logging.DEBUG)
        linker = PluginLinker(self.compiled, needed)
        self.instance = Instance(engine(), store_limits(_LIMITS), len(self.compiled.exports))
        try:
            await self.instance.instantiate(linker.address, self.compiled.address, startup_budget(_LIMITS))
            self.worlds = self.compiled.worlds
            yield self
        finally:
            for capability in self.real.values():
                if hasattr(capability, "close"):
                    capability.close()
            await asyncio.sleep(0)
            self.instance.close()
            linker.close()
            logger.removeHandler(lines)
            logger.setLevel(level)

    @contextlib.asynccontextmanager
    async def instantiate(self, settings: Mapping[str, Any], *, start: bool) -> AsyncIterator[Stage]:
        """The same, configured and, if wanted, started; a script is loaded before."""
        async with self.bare():
            if self.subject.program is not None:
                outcome = await self.call("script.load", self.subject.program, startup=True)
                assert outcome.tag == "loaded", outcome
                self.worlds = outcome.value
            info = await self.call("lifecycle.describe", startup=True)
            assert not self.series.declare(info.metrics)
            self.init = await self.call("lifecycle.init", json.dumps(settings), startup=True)
            if start:
                assert isinstance(self.init, Ok), self.init
                answer = await self.call("lifecycle.start", startup=True)
                assert isinstance(answer, Ok), answer
                for name in ("events", "tasks"):
                    if name in self.real and hasattr(self.real[name], "arm"):
                        self.real[name].arm()
            yield self


class _Absent:
    """Stands for an import of a language runtime that the script does not have: calling one is an error."""

    def __init__(self, interface: str) -> None:
        known = load_contract()[interface]
        self.functions = known.functions.keys()
        owned = {name.partition("]")[2].partition(".")[0] for name in known.functions if name.startswith("[")}
        self.resources = dict.fromkeys(owned, _Absent)
        for name in known.functions:
            setattr(self, name.replace("-", "_"), self._refuse)

    def _refuse(self, *_: Any) -> Any:
        raise AssertionError("a function was called that the plugin was not granted")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    size = modified = replaced = read = read_text = read_bytes = status = headers = url = write = write_bytes = _refuse


async def _compiled(subject: Subject) -> CompiledPlugin:
    """Compiled once in a run of tests."""
    found = _COMPILED.get(subject.component)
    if found is None:
        component = custom_free(subject)
        cache = CodeCache(CODE, CODE / "key", engine().fingerprint())  # a runtime takes a minute on a busy machine
        found = _COMPILED[subject.component] = await QuickCompiler(engine(), cache).compile(component)
    return found


def custom_free(subject: Subject) -> Any:
    """The component under a manifest that any loader takes, verified."""
    manifest = Manifest(
        name=subject.name if subject.program is None else "runtime",
        version=Version.parse("0.1.0"),
        description="A plugin of the tests",
        license="Apache-2.0",
        worlds=("lifecycle",),
        imports=("log",),
    )
    policy = SignedPolicy(Keyring((Publisher("tests", KEY.public, ("*",)),)))
    return verify(Artifact(f"{manifest.name}.wasm", pack(subject.component, manifest, KEY)), policy)


def of_artifact(artifact: bytes, runtime: Callable[[str], bytes] | None = None) -> Subject:
    """The subject of a signed artifact; `runtime` gives the component of a language runtime by its name."""
    scripts = custom_sections(artifact, "wasmpuck-script")
    entries = json.loads(custom_sections(artifact, "wasmpuck-manifest")[0])
    imports = tuple(entries["imports"])
    if not scripts:
        return Subject(entries["name"], artifact, imports)
    assert runtime is not None, "a script needs its language runtime"
    script = json.loads(scripts[0])
    files = [_File(path, text) for path, text in sorted(script["files"].items())]
    program = Program(entries["name"], entries["version"], entries["description"], script["entry"], files, imports)
    return Subject(entries["name"], runtime(entries["runtime"]["name"]), imports, program)


def of_folder(folder: Path, runtime: bytes, entry: str, imports: Iterable[str]) -> Subject:
    """The subject of a script's source: every file of the folder with the entry's ending, tests left out."""
    paths = sorted(path for path in folder.rglob(f"*{Path(entry).suffix}") if "tests" not in path.parts)
    files = [_File(path.relative_to(folder).as_posix(), path.read_text()) for path in paths]
    imports = tuple(imports)
    return Subject(folder.name, runtime, imports, Program(folder.name, "0.1.0", "A sample", entry, files, imports))


class Open(Protocol):
    """Opens a sample plugin with settings; with `start=False` it is configured only, and `stage.init` says how."""

    def __call__(
        self, sample: str, settings: Mapping[str, Any] | None = None, *, start: bool = True
    ) -> AbstractAsyncContextManager[Stage]: ...


def opener(subject_of: Callable[[str], Subject]) -> Open:
    """What a conformance case opens its sample with; `subject_of` finds a sample by name."""

    def open_sample(
        sample: str, settings: Mapping[str, Any] | None = None, *, start: bool = True
    ) -> AbstractAsyncContextManager[Stage]:
        return Stage(subject_of(sample)).instantiate(settings or {}, start=start)

    return open_sample
