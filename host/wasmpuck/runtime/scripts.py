"""Scripts on the code of a language runtime: what a script has of its own is its text, its instances and its linker.

Theory of operation. A runtime is a component that imports and exports everything. It is compiled once; its code, the
positions of its exports and their packers are shared by all scripts that run on it, and given back with the last.
Which of its exports a script has is what the script's manifest says, and `load` has to confirm on each instance; which
of its imports do something is what the manifest asks for, the others end the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime.compile import CompiledPlugin, Compiler
from wasmpuck.runtime.export import Export
from wasmpuck.trust import VerifiedArtifact

__all__ = ["Code", "CompiledScript", "SharedCode", "SharedCodes", "listed", "script_problem"]

_SCRIPT: Final = "script"
_LOAD: Final = "script.load"
_LANGUAGE: Final = "script.language"

#: Characters of a traceback that are kept: its end says what happened.
_LONGEST_TRACE: Final = 3_000


def listed(names: Iterable[str]) -> str:
    """Names side by side, for messages that compare lists."""
    return f"[{', '.join(sorted(names))}]"


class SharedCode:
    """A runtime's machine code and who uses it. `language` is what the runtime calls its language, once it was asked.

    Args:
        code: of the runtime.
        codes: where it is known while it is in use.
    """

    def __init__(self, code: CompiledPlugin, codes: SharedCodes) -> None:
        self.code = code
        self.language = ""
        self.users = 0
        self._codes = codes

    @property
    def artifact(self) -> VerifiedArtifact:
        """What it was compiled from, without the component's bytes."""
        return self.code.artifact

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.artifact.name} {self.artifact.version}"

    def take(self) -> SharedCode:
        """One user more."""
        self.users += 1
        return self

    def release(self) -> None:
        """One user less; with the last the code is given back."""
        self.users -= 1
        if not self.users:
            self._codes.forget(self)
            self.code.close()


class SharedCodes:
    """The code of the runtimes that are in use, each compiled once."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._codes: dict[str, SharedCode] = {}
        self._one_at_a_time = asyncio.Lock()

    def __iter__(self) -> Iterator[SharedCode]:
        return iter(list(self._codes.values()))

    def known(self, digest: str) -> SharedCode | None:
        """The code in use that was compiled from the artifact with this SHA-256."""
        return self._codes.get(digest)

    async def take(self, runtime: VerifiedArtifact) -> SharedCode:
        """The code of a runtime, with one user more.

        Raises:
            ArtifactRefused: it cannot be compiled, or is no runtime.
        """
        async with self._one_at_a_time:
            shared = self._codes.get(runtime.digest)
            if shared is None:
                code = await self._compiler.compile(runtime)
                if _LOAD not in code.exports:
                    worlds = code.worlds
                    code.close()
                    raise ArtifactRefused(
                        Refusal.EXPORTS_MISSING,
                        f"{runtime.name} {runtime.version} is no language runtime: it exports {listed(worlds)}, "
                        f"and not {_SCRIPT}",
                        hint="its publisher has to build it for the world `runtime` of the contract",
                    )
                code.forget_component()
                shared = self._codes[runtime.digest] = SharedCode(code, self)
            return shared.take()

    def forget(self, shared: SharedCode) -> None:
        """Nobody uses it any more."""
        self._codes.pop(shared.artifact.digest, None)


class CompiledScript:
    """A script with the code that executes it; what `CompiledPlugin` is to a component, and used like one.

    Args:
        artifact: of kind `script`.
        runtime: taken for this script, and released with it.

    Attributes:
        imports: the runtime's; `needs` are those that the script asks for.
        exports: the runtime's functions of the interfaces that the manifest names.
    """

    def __init__(self, artifact: VerifiedArtifact, runtime: SharedCode) -> None:
        script, manifest = artifact.script, artifact.manifest
        assert script is not None
        self.artifact = artifact
        self.runtime = runtime
        code = runtime.code
        self.engine = code.engine
        self.address = code.address
        self.imports = code.imports
        self.slots = code.slots
        self.needs = frozenset(manifest.imports)
        named = {*manifest.worlds, "lifecycle"} - {_SCRIPT}
        self.exports: dict[str, Export] = {
            label: export for label, export in code.exports.items() if label.partition(".")[0] in named
        }
        self.worlds = sorted({label.partition(".")[0] for label in self.exports})
        self.load = code.exports[_LOAD]
        self.ask_language = code.exports[_LANGUAGE]
        self.program = SimpleNamespace(
            name=artifact.name,
            version=str(artifact.version),
            description=manifest.description,
            entry=script.entry,
            files=[SimpleNamespace(path=path, text=text) for path, text in script.files.items()],
            imports=sorted(self.needs),
        )
        self._open = True

    @property
    def name(self) -> str:
        return self.artifact.name

    def audit(self) -> None:
        """What the manifest asks for and promises against what the runtime has.

        Raises:
            ArtifactRefused: `IMPORTS_DIFFER` or `EXPORTS_MISSING`.
        """
        who, title = self.name, self.runtime.title
        if not self.needs <= set(self.imports):
            raise ArtifactRefused(
                Refusal.IMPORTS_DIFFER,
                f"{who}: the manifest asks for {listed(self.needs)}, the runtime {title} imports "
                f"{listed(self.imports)}",
                hint="the publisher has to sign a manifest that lists what the script needs",
            )
        promised, possible = {*self.artifact.manifest.worlds, "lifecycle"}, set(self.runtime.code.worlds) - {_SCRIPT}
        if not promised <= possible:
            raise ArtifactRefused(
                Refusal.EXPORTS_MISSING,
                f"{who}: the manifest promises {listed(promised)}, with the runtime {title} a script can export "
                f"{listed(possible)}",
                hint="the publisher has to sign a manifest that lists what the script implements",
            )

    def confirm(self, outcome: Any) -> None:
        """Judges what `load` returned (WIT `script.outcome`).

        Raises:
            ArtifactRefused: `SCRIPT_FAILED` with file, line and traceback, or `EXPORTS_MISSING`.
        """
        if outcome.tag == "failed":
            raise ArtifactRefused(
                Refusal.SCRIPT_FAILED,
                f"{self.name} {self.artifact.version}: {script_problem(outcome.value)}",
                hint="the publisher has to correct the script and sign it again",
            )
        promised, loaded = {*self.artifact.manifest.worlds, "lifecycle"}, {*outcome.value, "lifecycle"}
        if promised != loaded:
            raise ArtifactRefused(
                Refusal.EXPORTS_MISSING,
                f"{self.name}: the manifest promises {listed(promised)}, the script implements {listed(loaded)}",
                hint="the publisher has to sign a manifest that lists what the script implements",
            )

    def forget_component(self) -> None:
        """Keeps no byte of the artifact: the program was handed over to every instance that there will be."""
        self.program = SimpleNamespace()
        self.artifact = replace(self.artifact, component=b"", script=None)

    def close(self) -> None:
        """Lets go of the runtime. No instance may be left. Idempotent."""
        if self._open:
            self._open = False
            self.runtime.release()


#: What a plugin is made of, ready to be linked.
Code = CompiledPlugin | CompiledScript


def script_problem(problem: Any) -> str:
    """WIT `script.problem` in words: `plugin.py:3:7: SyntaxError: …` and the traceback in the lines below."""
    place = ":".join(str(part) for part in (problem.path, problem.line, problem.column) if part)
    trace = problem.trace.strip()
    if len(trace) > _LONGEST_TRACE:
        trace = "…" + trace[-_LONGEST_TRACE:]
    return ": ".join(filter(None, (place, problem.message))) + (f"\n{trace}" if trace else "")
