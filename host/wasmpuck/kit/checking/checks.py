"""All checks of a folder or an artifact."""

from __future__ import annotations

import asyncio
import io
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.kit.artifacts import MANIFEST, read_artifact
from wasmpuck.kit.building import current
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.compiling import author_compiler, runtimes_folder
from wasmpuck.kit.errors import MissingTool, UnusableFile
from wasmpuck.kit.recording import Recorder
from wasmpuck.kit.sources import Project
from wasmpuck.kit.stand import Stand
from wasmpuck.kit.transcript import INSTANTIATE, LOAD, Call, Transcript
from wasmpuck.runtime.compile import Compiler
from wasmpuck.trust import DEFAULT_MAX_BYTES, Artifact, VerifiedArtifact
from wasmpuck_signing import Manifest
from wasmpuck_signing.errors import SigningError

from .findings import Finding
from .manifests import check_manifest
from .usage import usage

__all__ = ["check"]

_LARGE: Final = {"script": 1 << 20, "component": 4 << 20, "runtime": 64 << 20}
_SETTINGS: Final = frozenset({Refusal.CONFIGURATION_REJECTED, Refusal.INITIALIZATION_FAILED})
_MUCH: Final = 50  # per cent of what preparing may take


def check(
    path: Path, runtimes: Path | None = None, progress: Callable[[str, float], None] | None = None
) -> list[Finding]:
    """Everything that is found about the plugin in the folder `path`, or about the artifact, by number.

    A folder is built when a source is newer than its artifact.

    Raises:
        UnusableFile: there is no plugin. MissingTool: it cannot be built here.
    """
    found: list[Finding] = []
    runtimes = runtimes or runtimes_folder()
    artifact = path
    if path.is_dir():
        project = Project.open(path)
        try:
            manifest = project.manifest(runtimes)
        except UnusableFile as problem:
            return [Finding("P001", problem.message, problem.hint)]
        found += check_manifest(manifest)
        found += _folder(project, manifest)
        try:
            artifact = current(path, runtimes=runtimes)
        except MissingTool:
            raise
        except (ArtifactRefused, UnusableFile) as problem:
            found.append(Finding("P002", problem.message, problem.hint))
            return _sorted(found)
    else:
        try:
            found += check_manifest(Manifest.of(Artifact.read(path).data))
        except SigningError as problem:
            return [Finding("P001", problem.message, problem.hint)]
        except ArtifactRefused as problem:
            return [Finding(_refused_as(problem), problem.message, problem.hint)]
    found += _artifact(artifact, runtimes, author_compiler(progress))
    return _sorted(found)


def _sorted(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: one.code)


def _refused_as(problem: ArtifactRefused) -> str:
    return "P202" if problem.reason is Refusal.TOO_LARGE else "P002"


# --- sources -------------------------------------------------------------------------------------


def _folder(project: Project, manifest: Manifest) -> Iterator[Finding]:
    folder = project.folder
    for name, version in _versions(folder):
        if version != str(manifest.version):
            message = f"{name} says {version}, {MANIFEST} says {manifest.version}"
            yield Finding("P403", message, "give both the same version")
    if not _has_tests(folder):
        yield Finding("P701", "there are no tests", "tests/test_….py with the fixture `plugin`, see docs/kit.md")
    if not (folder / "README.md").is_file():
        yield Finding("P702", "there is no README.md", "say what the plugin is for and what its settings do")


def _versions(folder: Path) -> Iterator[tuple[str, str]]:
    """The versions that the language's own files name."""
    readers: dict[str, tuple[Callable[[str], Any], str]] = {
        "Cargo.toml": (tomllib.loads, "package"),
        "pyproject.toml": (tomllib.loads, "project"),
        "package.json": (json.loads, ""),
    }
    for name, (read, table) in readers.items():
        try:
            content = read((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # whoever needs the file says what is wrong with it
            continue
        inner = content.get(table) if table and isinstance(content, Mapping) else content
        version = inner.get("version") if isinstance(inner, Mapping) else None
        if isinstance(version, str):
            yield name, version


def _has_tests(folder: Path) -> bool:
    if any(path.is_file() and path.suffix in (".py", ".js", ".mjs", ".rs") for path in folder.glob("tests/**/*")):
        return True
    return any("#[test]" in path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("src/**/*.rs"))


# --- artifact ------------------------------------------------------------------------------------


def _artifact(path: Path, runtimes: Path, compiler: Compiler) -> Iterator[Finding]:
    size = path.stat().st_size
    try:
        verified = read_artifact(path)
    except ArtifactRefused as problem:
        hint = f"servers take {DEFAULT_MAX_BYTES:,} bytes" if problem.reason is Refusal.TOO_LARGE else problem.hint
        yield Finding(_refused_as(problem), problem.message, hint)
        return
    manifest = verified.manifest
    most = _LARGE[manifest.kind]
    if size > most:
        hint = "leave out what is not needed" if verified.script else 'strip = true, opt-level = "s", lto = true'
        yield Finding("P201", f"{size:,} bytes are more than is usual for a {manifest.kind} ({most:,})", hint)
    if manifest.kind == "runtime":
        return
    if verified.script is not None:
        yield from _script(verified)
    yield from asyncio.run(_in_service(verified, runtimes, compiler))


def _script(verified: VerifiedArtifact) -> Iterator[Finding]:
    assert verified.script is not None
    used = usage(verified.script.files)
    asked = set(verified.manifest.imports)
    for name, place in sorted(used.direct.items()):
        if name not in asked:
            yield Finding(
                "P101", f"{place} uses {name}, which the manifest does not ask for", f'imports = ["{name}", …]'
            )
    # Uncaught exceptions go to the log without a word of the plugin's.
    for name in sorted(asked - set(used.direct) - used.implied - {"log"}):
        yield Finding("P102", f"nothing in the source uses {name}", "operators grant less to who asks for less")


async def _in_service(verified: VerifiedArtifact, runtimes: Path, compiler: Compiler) -> list[Finding]:
    found: list[Finding] = []
    manifest = verified.manifest
    file = io.StringIO()
    try:
        around = Circumstances(runtimes=runtimes)
        async with Stand(verified, around, tap=Recorder(file), compiler=compiler) as stand:
            plugin = stand.plugin
            used = plugin.runtime.artifact if plugin.runtime is not None else None
            wanted = manifest.runtime
            if wanted is not None and used is not None and f"sha256:{used.digest}" != wanted.digest:
                message = f"it was built with another {wanted.name} {wanted.version} than {used.name} {used.version}"
                found.append(Finding("P402", message, "build it again"))
            budget = plugin.limits.startup_fuel
            found += _preparing(Transcript.of(file.getvalue().splitlines()).calls, budget)
    except ArtifactRefused as problem:
        if problem.reason is Refusal.RUNTIME_MISSING:
            code = "P402"
        else:
            code = "P003" if problem.reason in _SETTINGS else "P002"
        found.append(Finding(code, problem.message, problem.hint))
    return found


def _preparing(calls: Iterable[Call], budget: int) -> Iterator[Finding]:
    """What the calls before service took."""
    most: dict[str, int] = {}
    for call in calls:
        if call.name in (INSTANTIATE, LOAD) or call.name.startswith("lifecycle."):
            most[call.name] = max(call.fuel, most.get(call.name, 0))
    shown = [f"{name} {fuel:,} ({100 * fuel / budget:.2f} %)" for name, fuel in most.items()]
    yield Finding("P504", f"fuel before service, of {budget:,} for each call: {', '.join(shown)}")
    for name, fuel in most.items():
        if 100 * fuel > _MUCH * budget:
            hint = "a slower day, or a little more to do, and no server loads it"
            yield Finding("P503", f"{name} takes {fuel:,} of {budget:,} fuel", hint)
