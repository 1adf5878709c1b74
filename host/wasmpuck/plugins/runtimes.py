"""The folder of language runtimes: which there are, which one a script gets, and what is told of them.

A runtime is an artifact like any other: it has to satisfy the same policy, and its publisher's key can be taken out of
the keyring. It is looked at when a script asks for it, anew in each change.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins.catalog import Catalog, Mark
from wasmpuck.plugins.plugin import Plugin
from wasmpuck.runtime.scripts import CompiledScript, SharedCode, SharedCodes
from wasmpuck.storage.protocol import PluginStore
from wasmpuck.trust import Artifact, TrustPolicy, VerifiedArtifact, Version, refuse_older, verify

__all__ = ["RuntimeFolder", "Shelf", "runtime_rows"]

_log = logging.getLogger(__name__)


class RuntimeFolder(Catalog):
    """The files of a folder of runtimes, each under its name without `.wasm`: versions of one runtime lie side by
    side.
    """

    @staticmethod
    def plugin_name(path: Path) -> str:
        """The file's own name; the signed manifest has the runtime's."""
        return path.stem

    def scan(self) -> dict[str, Path]:
        """As `Catalog.scan`; a folder that does not exist holds nothing."""
        return super().scan() if self.folder.exists() else {}

    def marks(self) -> dict[str, Mark | None]:
        """What tells a changed file from an unchanged one, by file."""
        return {name: self.mark(path) for name, path in self.scan().items()}


class _Looked(NamedTuple):
    """A file that was looked at."""

    artifact: VerifiedArtifact | None
    refusal: ArtifactRefused | None


class Shelf:
    """One look at the folder of runtimes, under one policy. Each file is read once at most.

    Args:
        codes: the runtimes in use.
        store: remembers the newest version of each runtime that ran.
    """

    def __init__(self, folder: RuntimeFolder, policy: TrustPolicy, codes: SharedCodes, store: PluginStore) -> None:
        self._files = folder.scan()
        self._folder = folder.folder
        self._policy = policy
        self._codes = codes
        self._store = store
        self._looked: dict[str, _Looked] = {}

    async def _look(self, name: str) -> _Looked:
        looked = self._looked.get(name)
        if looked is None:
            try:
                looked = _Looked(await self._verified(self._files[name]), None)
            except ArtifactRefused as refusal:
                looked = _Looked(None, refusal)
                _log.error("the runtime %s cannot be used (%s): %s", name, refusal.reason, refusal.message)
            self._looked[name] = looked
        return looked

    async def _verified(self, path: Path) -> VerifiedArtifact:
        artifact = await asyncio.to_thread(Artifact.read, path)
        verified = await asyncio.to_thread(verify, artifact, self._policy)
        if verified.manifest.kind != "runtime":
            raise ArtifactRefused(
                Refusal.BAD_MANIFEST,
                f"{path.name} is a {verified.manifest.kind}, not a runtime",
                hint="put plugins into the folder of plugins",
            )
        highest = await self._store.highest(_series(verified))
        refuse_older(verified, Version.parse(highest) if highest else None)
        return verified

    async def find(self, script: VerifiedArtifact) -> VerifiedArtifact:
        """The runtime for a script: of those that will do, the newest.

        Raises:
            ArtifactRefused: `RUNTIME_MISSING`: there is none; what is there is named with the reason against it.
        """
        needed = script.manifest.runtime
        assert needed is not None
        fitting: list[VerifiedArtifact] = []
        against: list[str] = []
        for name, path in self._files.items():
            if Catalog.plugin_name(path) != needed.name:
                continue
            found, refusal = await self._look(name)
            if found is None:
                assert refusal is not None
                against.append(f"{path.name}: {refusal.reason}: {refusal.message}")
            elif needed.accepts(found.name, found.version):
                fitting.append(found)
            else:
                against.append(f"{found.name} {found.version} does not fit")
        if not fitting:
            raise ArtifactRefused(
                Refusal.RUNTIME_MISSING,
                f"{script.name} {script.version} needs the language runtime {needed.name} {needed.version} or a newer "
                f"one of that series: {'; '.join(against) or f'there is no {needed.name}.wasm in {self._folder}'}",
                hint=f"put a runtime that fits, signed by a publisher of the keyring, into {self._folder}",
            )
        chosen = max(fitting, key=lambda each: each.version)
        if f"sha256:{chosen.digest}" != needed.digest:
            _log.info(
                "plugin %s runs on the runtime %s %s (sha256:%s); it was tested with %s (%s)",
                *(script.name, chosen.name, chosen.version, chosen.digest, needed.version, needed.digest),
                extra={"plugin": script.name},
            )
        return chosen

    async def take(self, runtime: VerifiedArtifact) -> SharedCode:
        """The code of a runtime that `find` returned; the caller has to release it. Raises as `SharedCodes.take`."""
        return await self._codes.take(runtime)

    async def remember(self, runtime: VerifiedArtifact) -> None:
        """This version has gone into service: an older one of its series will not."""
        await self._store.remember(_series(runtime), str(runtime.version))

    async def all(self) -> list[tuple[Path, _Looked]]:
        """Every file, looked at."""
        return [(path, await self._look(name)) for name, path in self._files.items()]


def _series(runtime: VerifiedArtifact) -> str:
    """Where the newest version of a series is remembered: a name that no plugin can have."""
    version = runtime.version
    return f"(runtime) {runtime.name} {version.major or f'0.{version.minor}'}"


async def runtime_rows(shelf: Shelf, codes: SharedCodes, serving: Iterable[Plugin]) -> list[dict[str, Any]]:
    """A row for each runtime: what lies in the folder, and what is in use though it lies there no more.

    `state` is `in use`, `ready` or `refused`; `plugins` the names of those that run on it.
    """
    users: dict[str, list[str]] = {}
    for plugin in serving:
        if isinstance(plugin.compiled, CompiledScript):
            users.setdefault(plugin.compiled.runtime.artifact.digest, []).append(plugin.name)
    rows: list[dict[str, Any]] = []
    told: set[str] = set()
    for path, (found, refusal) in await shelf.all():
        if found is None:
            assert refusal is not None
            reason = f"{refusal.reason}: {refusal.message}"
            rows.append(_row(path.stem, path.name, state="refused", reason=reason, hint=refusal.hint))
        else:
            told.add(found.digest)
            rows.append(_of(found, path.name, codes.known(found.digest), users.get(found.digest, [])))
    for shared in codes:
        digest = shared.artifact.digest
        if digest not in told and digest in users:
            rows.append(_of(shared.artifact, "", shared, users[digest]))
    return sorted(rows, key=lambda row: (row["name"], row["version"]))


def _of(artifact: VerifiedArtifact, file: str, shared: SharedCode | None, users: list[str]) -> dict[str, Any]:
    return _row(
        artifact.name,
        file,
        version=str(artifact.version),
        state="in use" if users else "ready",
        language=shared.language if shared else "",
        signer=artifact.signer,
        digest=artifact.digest,
        plugins=sorted(users),
    )


def _row(name: str, file: str, **facts: Any) -> dict[str, Any]:
    empty = {"version": "", "language": "", "signer": "", "digest": "", "plugins": [], "reason": "", "hint": ""}
    return {"name": name, "file": file, **empty, **facts}
