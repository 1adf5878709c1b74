"""From a verified artifact to a compiled plugin: what is refused on the way, and in which words."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from runtime.capabilities.stand import Surroundings
from runtime.guests import Guest, QuickCompiler, engine, run
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.capabilities import grant
from wasmpuck.runtime.compile import CompiledPlugin, CompileLimits, Compiler
from wasmpuck.runtime.linker import PluginLinker
from wasmpuck.trust import Artifact, UnverifiedDevelopmentPolicy, VerifiedArtifact, verify

DIST = Path(__file__).resolve().parents[2] / "plugins-dist"
SMALL = Guest()


def around(component: bytes) -> VerifiedArtifact:
    """A verified artifact that holds other bytes: for what the verification before would have refused already."""
    return dataclasses.replace(SMALL.verified(), component=component)


def component(text: str) -> VerifiedArtifact:
    return around(bytes(wasmtime.wat2wasm(text)))


async def refused(artifact: VerifiedArtifact, **settings: Any) -> ArtifactRefused:
    """How the real compiler, in a process of its own, refuses."""
    with pytest.raises(ArtifactRefused) as caught:
        await Compiler(engine(), **settings).compile(artifact)
    return caught.value


async def quickly_refused(artifact: VerifiedArtifact) -> ArtifactRefused:
    with pytest.raises(ArtifactRefused) as caught:
        await QuickCompiler(engine()).compile(artifact)
    return caught.value


def test_a_plugin_is_compiled_outside_and_known_inside() -> None:
    """The real compiler's process returns code whose imports, exports and worlds are the component's."""
    guest = Guest(worlds=("lifecycle", "middleware"), imports={"clock": ["now"], "log": ["write"]})

    async def main() -> None:
        compiled = await Compiler(engine()).compile(guest.verified())
        assert compiled.name == "probe"
        assert compiled.worlds == ["lifecycle", "middleware"]
        assert {name: sorted(found.functions) for name, found in compiled.imports.items()} == {
            "clock": ["now"],
            "log": ["write"],
        }
        assert compiled.imports["clock"].name == "wasmpuck:plugin/clock@0.1.0"
        assert "middleware.on-request" in compiled.exports
        compiled.close()

    run(main())


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"", Refusal.COMPILE_FAILED, "it does not begin as a component does"),
        (b"just some text, nothing else", Refusal.COMPILE_FAILED, "it does not begin as a component does"),
        (b"\0asm\x01\0\0\0", Refusal.COMPILE_FAILED, "it does not begin as a component does"),
        (b"\0asm\x0d\0\x01\0\x01\x7fgarbage", Refusal.COMPILE_FAILED, "is cut off"),
        (b"\0asm\x0d\0\x01\0\x07\x02\xff\xff", Refusal.COMPILE_FAILED, ""),
    ],
    ids=["empty", "text", "core module", "cut", "garbage"],
)
def test_what_is_no_component_is_refused(data: bytes, reason: Refusal, words: str) -> None:
    """An empty file, a text, a core module and garbage are refused in a sentence that names the plugin."""
    failure = run(refused(around(data)))
    assert failure.reason is reason
    assert failure.message.startswith("probe")
    assert words in failure.message
    assert "\n" not in failure.message


def test_invalid_code_is_refused_by_the_compiler() -> None:
    """A component that can be read but is not valid is refused with the compiler's first sentence."""
    text = '(component (core module (func (export "f") (result i32) i64.const 1)))'
    data = bytes(wasmtime.wat2wasm(text))
    failure = run(refused(around(data)))
    assert failure.reason is Refusal.COMPILE_FAILED
    assert failure.message.startswith("probe is not a valid component: ")


def test_too_many_bytes_are_refused() -> None:
    """The limit on the artifact is checked first, with both numbers."""
    failure = run(refused(SMALL.verified(), limits=CompileLimits(artifact=100)))
    assert failure.reason is Refusal.TOO_LARGE
    assert "at most 100 are compiled" in failure.message


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (
            '(component (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64))))))',
            Refusal.IMPORTS_DIFFER,
            "probe imports wasi:clocks/wall-clock@0.2.0, which is not part of the plugin contract",
        ),
        (
            '(component (import "now" (func (result f64))))',
            Refusal.IMPORTS_DIFFER,
            "probe imports now, which is not part of the plugin contract",
        ),
        (
            '(component (import "wasmpuck:plugin/clock@0.2.0" (instance (export "now" (func (result f64))))))',
            Refusal.CONTRACT_VERSION,
            "probe imports wasmpuck:plugin/clock@0.2.0, but this server speaks version",
        ),
        (
            '(component (import "wasmpuck:plugin/clock@0.1.99" (instance (export "now" (func (result f64))))))',
            Refusal.CONTRACT_VERSION,
            "but this server speaks version",
        ),
        (
            '(component (import "wasmpuck:plugin/clock" (instance (export "now" (func (result f64))))))',
            Refusal.CONTRACT_VERSION,
            "but this server speaks version",
        ),
        (
            '(component (import "wasmpuck:plugin/telepathy@0.1.0" (instance (export "now" (func)))))',
            Refusal.IMPORTS_DIFFER,
            "probe: the contract has no interface telepathy",
        ),
        (
            '(component (import "wasmpuck:plugin/clock@0.1.0" (instance (export "later" (func (result f64))))))',
            Refusal.IMPORTS_DIFFER,
            "clock.later",
        ),
        (
            '(component (import "wasmpuck:plugin/clock@0.1.0" (instance (export "now" (func (result u32))))))',
            Refusal.IMPORTS_DIFFER,
            "clock.now does not have the type that the contract gives it",
        ),
        (
            '(component (import "wasmpuck:plugin/clock@0.1.0" (func)))',
            Refusal.IMPORTS_DIFFER,
            "which is not an interface of the contract",
        ),
    ],
)
def test_imports_are_audited(text: str, reason: Refusal, words: str) -> None:
    """WASI, other packages, newer contracts, unknown interfaces and functions and other types are refused by name."""
    failure = run(quickly_refused(component(text)))
    assert failure.reason is reason
    assert words in failure.message


def _without(guest: Guest, function: str) -> str:
    return guest.text().replace(f'(export "{function}" (func $lifecycle.{function}))', "")


@pytest.mark.parametrize("function", ["describe", "init", "shutdown"])
def test_an_interface_is_exported_whole(function: str) -> None:
    """An export that lacks a function of its interface is refused by the function's name."""
    failure = run(quickly_refused(component(_without(SMALL, function))))
    assert failure.reason is Refusal.EXPORTS_MISSING
    assert function in failure.message


def test_exports_have_the_contract_s_types() -> None:
    """An exported function of another type is refused before anything runs."""
    text = """(component
      (core module $m (func (export "f") (result i32) i32.const 0))
      (core instance $i (instantiate $m))
      (func $f (result u32) (canon lift (core func $i "f")))
      (instance $e (export "start" (func $f)))
      (export "wasmpuck:plugin/lifecycle@0.1.0" (instance $e)))"""
    failure = run(quickly_refused(component(text)))
    assert failure.reason is Refusal.EXPORTS_MISSING
    assert "lifecycle.start does not have the type" in failure.message


def test_other_exports_are_left_alone() -> None:
    """A component may export more than the contract asks for: language runtimes do."""
    text = (
        SMALL.text()[:-1]
        + """
      (core module $more (func (export "f")))
      (core instance $more (instantiate $more))
      (func $more (canon lift (core func $more "f")))
      (instance $others (export "f" (func $more)))
      (export "wasi:cli/run@0.2.0" (instance $others))
      (export "loose" (func $more)))"""
    )

    async def main() -> None:
        compiled = await QuickCompiler(engine()).compile(component(text))
        assert compiled.worlds == ["lifecycle"]
        compiled.close()

    run(main())


def test_what_is_not_granted_is_not_linked() -> None:
    """An import without a grant is refused with the words to write into the configuration."""
    guest = Guest(imports={"clock": ["now"], "storage": ["get"], "log": ["write"]})

    async def main() -> None:
        compiled = await QuickCompiler(engine()).compile(guest.verified())
        with pytest.raises(ArtifactRefused) as caught:
            PluginLinker(compiled, grant(["log"], Surroundings().context()))
        assert caught.value.reason is Refusal.IMPORTS_NOT_GRANTED
        assert caught.value.message == (
            "probe needs clock, storage, which it is not granted: it imports [clock, log, storage] and is granted [log]"
        )
        assert "clock, storage" in caught.value.hint
        PluginLinker(compiled, grant(["log", "clock", "storage", "tasks"], Surroundings().context())).close()
        compiled.close()

    run(main())


def test_code_is_taken_from_the_cache(tmp_path: Path) -> None:
    """The second time, also after a restart, no compiler is started; damaged code is compiled anew."""
    started: list[str] = []

    class Counting(QuickCompiler):
        async def _anew(self, artifact: VerifiedArtifact) -> CompiledPlugin:
            started.append(artifact.name)
            return await super()._anew(artifact)

    def compiler() -> Compiler:
        return Counting(engine(), CodeCache(tmp_path / "code", tmp_path / "key", engine().fingerprint()))

    async def main() -> None:
        artifact = SMALL.verified()
        for _ in range(3):
            (await compiler().compile(artifact)).close()
        assert started == ["probe"]
        (path,) = (tmp_path / "code").iterdir()
        path.write_bytes(path.read_bytes()[:-100])
        (await compiler().compile(artifact)).close()
        assert started == ["probe", "probe"]
        (await compiler().compile(Guest(version="1.0.1").verified())).close()
        assert len(started) == 3

    run(main())


def test_code_that_does_not_fit_the_engine_is_compiled_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes with a good MAC that the engine does not take are reported and replaced."""

    async def main() -> None:
        cache = CodeCache(tmp_path / "code", tmp_path / "key", engine().fingerprint())
        artifact = SMALL.verified()
        cache.store(artifact.digest, b"no machine code at all").close()
        compiled = await QuickCompiler(engine(), cache).compile(artifact)
        assert compiled.worlds == ["lifecycle"]
        compiled.close()
        assert "compiled code of probe does not fit and is compiled anew" in caplog.text

    run(main())


def test_a_plugin_is_compiled_once_at_a_time(tmp_path: Path) -> None:
    """Two who want the same plugin get it from one compilation."""

    async def main() -> None:
        cache = CodeCache(tmp_path / "code", tmp_path / "key", engine().fingerprint())
        compiler = Compiler(engine(), cache)
        artifact = SMALL.verified()
        both = await asyncio.gather(compiler.compile(artifact), compiler.compile(artifact))
        for compiled in both:
            compiled.close()
        assert len(list((tmp_path / "code").iterdir())) == 1

    run(main())


def _children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(word) for word in (task / "children").read_text().split()}
    return found


def test_a_compilation_that_is_cancelled_leaves_no_process() -> None:
    """Whoever loses interest ends the compiler's process, and the next compilation works."""

    async def main() -> None:
        compiler = Compiler(engine())
        before = _children()
        work = asyncio.create_task(compiler.compile(SMALL.verified()))
        while not _children() - before:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(0.001)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert not _children() - before
        (await compiler.compile(SMALL.verified())).close()

    run(main())


def test_the_built_rate_limiter_speaks_the_contract() -> None:
    """The Rust plugin that is shipped compiles, agrees with the contract's types and can be linked."""

    async def main() -> None:
        artifact = verify(Artifact.read(DIST / "ratelimit-window.wasm"), UnverifiedDevelopmentPolicy())
        compiled = await Compiler(engine()).compile(artifact)
        assert sorted(compiled.imports) == sorted(artifact.manifest.imports)
        assert set(artifact.manifest.worlds) <= set(compiled.worlds)
        PluginLinker(compiled, grant(artifact.manifest.imports, Surroundings().context())).close()
        compiled.close()

    run(main())
