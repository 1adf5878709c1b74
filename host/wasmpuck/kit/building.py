"""From a plugin's folder to its artifact.

The same folder gives the same bytes wherever it lies, with the same toolchain: a script is its sources, packed, and a
Rust component is compiled with its paths replaced. An artifact is unsigned until it is signed.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wasmpuck.errors import ArtifactRefused, Refusal, WasmpuckError
from wasmpuck.kit.artifacts import MANIFEST, read_artifact
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.compiling import author_compiler, load_code, runtimes_folder
from wasmpuck.kit.errors import MissingTool
from wasmpuck.kit.sources import Project, source_files
from wasmpuck.kit.stand import Stand
from wasmpuck.kit.toolchains import javascript, python, rust
from wasmpuck.kit.toolchains.errors import ToolchainError
from wasmpuck.plugins.nursery import audit
from wasmpuck_signing import Manifest, pack
from wasmpuck_signing.errors import SigningError
from wasmpuck_signing.keys import PrivateKey
from wasmpuck_signing.pack import pack_script
from wasmpuck_signing.script import Script

__all__ = ["Built", "build", "current"]

#: What a script is refused for that is wrong with the script itself, and not with what it found when it was started.
_WRONG = frozenset(
    {
        Refusal.SCRIPT_FAILED,
        Refusal.BAD_SCRIPT,
        Refusal.BAD_MANIFEST,
        Refusal.EXPORTS_MISSING,
        Refusal.IMPORTS_DIFFER,
        Refusal.WRONG_NAME,
        Refusal.RUNTIME_MISSING,
        Refusal.CONTRACT_VERSION,
    }
)


@dataclass(frozen=True, slots=True)
class Built:
    """An artifact that was built.

    path: where it lies.
    changed: whether its bytes are others than before.
    size: in bytes.
    how: what built it, in words.
    """

    path: Path
    changed: bool
    size: int
    how: str


def current(folder: Path, *, runtimes: Path | None = None) -> Path:
    """The artifact of the plugin in `folder`, built anew if a source is newer than it. `runtimes` as in `build`.

    Raises:
        As `build`.
    """
    project = Project.open(folder)
    artifact = project.artifact
    if artifact.is_file():
        built = artifact.stat().st_mtime_ns
        sources = [project.folder / MANIFEST, *(project.folder / path for path in source_files(project.folder))]
        if all(source.stat().st_mtime_ns <= built for source in sources):
            return artifact
    return build(folder, runtimes=runtimes).path


def build(
    folder: Path,
    *,
    key: PrivateKey | None = None,
    runtimes: Path | None = None,
    standalone: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Built:
    """Builds the plugin in `folder` and writes `dist/NAME.wasm`, signed if there is a key.

    Args:
        runtimes: folder of the language runtimes, by default those that come along.
        standalone: whether a script becomes a component of its own, with the runtime in it; not byte for byte the same
            each time.
        progress: told of compilations that take long.

    Raises:
        UnusableFile: the folder does not hold what it should.
        MissingTool: a compiler is missing.
        ArtifactRefused: what was built is not what its manifest says, or a script cannot be executed; the message has
            file and line.
    """
    project = Project.open(folder)
    runtimes = runtimes or runtimes_folder()
    manifest = project.manifest(runtimes)
    try:
        if project.language == "rust":
            how, data = _rust(project)
            artifact = pack(data, manifest, key)
        elif standalone:
            how, data = _standalone(project, manifest)
            # `lifecycle` takes a type from `metrics`: a component that exports the one imports the other.
            imports = tuple({*manifest.imports, "metrics"})
            artifact = pack(data, replace(manifest, kind="component", runtime=None, imports=imports), key)
        else:
            how = f"{manifest.runtime.name} {manifest.runtime.version}" if manifest.runtime else "a language runtime"
            artifact = pack_script(Script(project.build_setting("entry"), project.texts()), manifest, key)
    except SigningError as problem:
        raise ArtifactRefused(Refusal.BAD_MANIFEST, problem.message, hint=problem.hint) from None
    path = project.artifact
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(artifact)
    try:
        _look_at(part, runtimes, progress)
    except WasmpuckError:
        part.unlink()
        raise
    changed = not path.is_file() or path.read_bytes() != artifact
    part.replace(path)
    return Built(path, changed, len(artifact), how)


def _rust(project: Project) -> tuple[str, bytes]:
    try:
        toolchain = rust.find()
    except ToolchainError as problem:
        raise MissingTool(problem.message, hint=problem.hint) from None
    try:
        if not (project.folder / "Cargo.lock").exists():
            rust.lock(project.folder, toolchain)
        return toolchain.name, rust.build(project.folder, toolchain, project.folder / "target")
    except ToolchainError as problem:
        raise ArtifactRefused(Refusal.COMPILE_FAILED, problem.message, hint=problem.hint) from None


def _standalone(project: Project, manifest: Manifest) -> tuple[str, bytes]:
    script = Script(project.build_setting("entry"), project.texts())
    language = {"python-script": python, "js-script": javascript}[project.language]
    try:
        tool = language.find()
    except ToolchainError as problem:
        raise MissingTool(problem.message, hint=problem.hint) from None
    try:
        with tempfile.TemporaryDirectory(prefix="wasmpuck-build-") as scratch:
            return tool.name, language.standalone(script, manifest, tool, Path(scratch))
    except ToolchainError as problem:
        raise ArtifactRefused(Refusal.COMPILE_FAILED, problem.message, hint=problem.hint) from None


def _look_at(path: Path, runtimes: Path, progress: Callable[[str, float], None] | None) -> None:
    """Compares what was built with its manifest. A script is executed for that, up to its start."""
    verified = read_artifact(path)
    compiler = author_compiler(progress)

    async def component() -> None:
        code = await load_code(verified, compiler, runtimes)
        try:
            audit(code)
        finally:
            code.close()

    async def script() -> None:
        try:
            async with Stand(verified, Circumstances(runtimes=runtimes), compiler=compiler):
                pass
        except ArtifactRefused as refused:
            if refused.reason in _WRONG:
                raise

    asyncio.run(component() if verified.script is None else script())
