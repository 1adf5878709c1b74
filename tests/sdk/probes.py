"""The plugin `probe` of every SDK on a stand of the kit: it calls any import in the test's name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from runtime.guests import QuickCompiler, engine, run
from sdk import rust
from sdk.stage import CODE
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.compiling import load_code
from wasmpuck.kit.sources import Project
from wasmpuck.kit.stand import Stand
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.trust import Artifact, UnverifiedDevelopmentPolicy, VerifiedArtifact, verify
from wasmpuck_signing import pack
from wasmpuck_signing.pack import pack_script
from wasmpuck_signing.script import Script

__all__ = ["IMPORTS", "SDKS", "Probe", "artifact", "compiler", "error_type", "probed"]

ROOT: Final = Path(__file__).resolve().parents[2]
RUNTIMES: Final = ROOT / "plugins-dist" / "runtimes"
SDKS: Final = ("python", "js", "rust")
IMPORTS: Final = (
    "log",
    "settings",
    "clock",
    "random",
    "storage",
    "metrics",
    "tasks",
    "events",
    "messaging",
    "shared",
    "keys",
    "key-admin",
    "http-client",
    "files",
    "secrets",
    "responder",
)


@cache
def artifact(sdk: str, imports: tuple[str, ...] = IMPORTS, changed: tuple[str, str] = ("", "")) -> VerifiedArtifact:
    """The probe of an SDK. `imports` is what its manifest asks for; a component's own are always all of them. Of a
    script's entry a part may be changed into another.
    """
    project = Project.open(ROOT / "plugins-src" / "samples" / sdk / "probe")
    manifest = replace(project.manifest(RUNTIMES), imports=tuple(sorted(imports)))
    if sdk == "rust":
        data = pack(rust.component("probe"), manifest, None)
    else:
        entry, texts = project.build_setting("entry"), project.texts()
        texts[entry] = texts[entry].replace(*changed, 1)
        data = pack_script(Script(entry, texts), manifest, None)
    made = verify(Artifact("probe.wasm", data), UnverifiedDevelopmentPolicy())
    _warm(sdk, made)
    return made


_warmed: Final[set[str]] = set()


def _warm(sdk: str, made: VerifiedArtifact) -> None:
    """Compiles before the tests, which have a time for what they await: a runtime takes a minute on a busy machine."""

    async def main() -> None:
        (await load_code(made, compiler(), RUNTIMES)).close()

    if sdk not in _warmed:
        asyncio.run(main())
        _warmed.add(sdk)


def compiler() -> QuickCompiler:
    """Compiles once: what was compiled by an earlier run of the tests is used again."""
    return QuickCompiler(engine(), CodeCache(CODE, CODE / "key", engine().fingerprint()))


def error_type(sdk: str, interface: str, case: str) -> str:
    """What the SDK calls a case's type; Rust has one type for an interface."""
    pascal = {"http-client": "Http"}.get(interface, "".join(part.title() for part in interface.split("-")))
    if sdk == "python":
        name = "".join(part.title() for part in case.split("-"))
        return f"{'HTTP' if pascal == 'Http' else pascal}Error.{name}"
    return f"{pascal}Error" if sdk == "js" else f"::{interface.replace('-', '_')}::Error"


class Probe(Stand):
    """A stand with a probe in it."""

    sdk = ""

    async def ask(self, topic: str, *arguments: Any) -> Any:
        """What a function of the contract (`interface.function`) answers."""
        request = {"caller": "somebody", "topic": topic, "payload": json.dumps(arguments)}
        reply: Any = await self.call("services.call", request)
        return json.loads(reply["answer"])

    async def fails(self, topic: str, *arguments: Any) -> tuple[str, Any]:
        """The case of its error with what that carries; the SDK has a type of its own for it."""
        answer = await self.ask(topic, *arguments)
        assert isinstance(answer, dict), answer
        expected = error_type(self.sdk, topic.partition(".")[0], answer["error"])
        found = answer["type"]
        assert found.endswith(expected) if self.sdk == "rust" else found == expected
        return answer["error"], answer["detail"]


class Probed(Protocol):
    """Runs a body with a probe; the keywords are those of `Circumstances`, `only` and
    `changed` are for `artifact`, `tap` for the stand."""

    def __call__(
        self,
        body: Callable[[Probe], Awaitable[None]],
        *,
        only: Iterable[str] = IMPORTS,
        tap: Tap | None = None,
        changed: tuple[str, str] = ("", ""),
        **around: Any,
    ) -> None: ...


def probed(sdk: str) -> Probed:
    """Runs bodies with the probe of an SDK."""

    def execute(
        body: Callable[[Probe], Awaitable[None]],
        *,
        only: Iterable[str] = IMPORTS,
        tap: Tap | None = None,
        changed: tuple[str, str] = ("", ""),
        **around: Any,
    ) -> None:
        found = artifact(sdk, tuple(only), changed)
        around["limits"] = {"fuel": 2_000_000_000, "deadline": 20.0, "host_deadline": 10.0, **around.get("limits", {})}

        async def main() -> None:
            probe = Probe(found, Circumstances(runtimes=RUNTIMES, **around), tap=tap, compiler=compiler())
            probe.sdk = sdk
            async with probe:
                await body(probe)

        run(main())

    return execute
