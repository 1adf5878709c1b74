"""Which files of a plugin's folder are its source."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmpuck.kit.artifacts import MANIFEST
from wasmpuck.kit.errors import UnusableFile
from wasmpuck_signing import Manifest
from wasmpuck_signing.errors import BadManifest, SigningError
from wasmpuck_signing.manifest import NeededRuntime

__all__ = ["LANGUAGES", "OUTPUT", "Project", "source_files", "watched_files"]

OUTPUT: Final = "dist"
"""The folder, inside a plugin's, that its artifact is built into."""

LANGUAGES: Final = ("rust", "python-script", "js-script")
"""What `[build] language` may say."""

_NOT_SOURCE: Final = frozenset({OUTPUT, "target", "tests", "testing", "node_modules", "__pycache__"})
_NOT_COMPILED: Final = frozenset(
    {
        "README.md",
        MANIFEST,
        "package.json",
        "package-lock.json",
        "index.d.ts",
        "jsconfig.json",
        "pyproject.toml",
        "bench.json",
    }
)
_NOT_SOURCE_SUFFIXES: Final = frozenset({".pem", ".log", ".wasm"})
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----")


def source_files(folder: Path) -> list[Path]:
    """The files that make an artifact what it is, relative to the folder, sorted: not tests, nor what was built, nor
    keys and logs (`*.pem`, `*.log`), nor what starts with a dot.
    """
    return sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part in _NOT_SOURCE or part.startswith(".") for part in path.relative_to(folder).parts)
        and path.suffix not in _NOT_SOURCE_SUFFIXES
        and path.relative_to(folder).as_posix() not in _NOT_COMPILED
    )


def watched_files(folder: Path) -> list[Path]:
    """The files that a build depends on, relative to the folder: the sources and the manifest."""
    manifest = [Path(MANIFEST)] if (folder / MANIFEST).is_file() else []
    return manifest + source_files(folder)


@dataclass(frozen=True)
class Project:
    """A plugin's folder.

    folder: where it is, absolute.
    table: its `plugin.toml`.
    """

    folder: Path
    table: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Raises `UnusableFile` when the folder has no `plugin.toml` that can be read."""
        path = folder / MANIFEST
        try:
            return cls(folder.resolve(), tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as problem:
            hint = "name the folder of a plugin, or make one: hockeypuck-plugin new"
            raise UnusableFile(f"{path} cannot be read: {problem.strerror}", hint=hint) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
            raise UnusableFile(f"{path} is not TOML: {problem}") from None

    def build_setting(self, name: str) -> str:
        """An entry of `[build]`; raises `UnusableFile` when it is missing."""
        build = self.table.get("build")
        value = build.get(name) if isinstance(build, dict) else None
        if not isinstance(value, str) or not value:
            example = {"language": " or ".join(f'"{each}"' for each in LANGUAGES), "entry": '"plugin.py"'}[name]
            raise UnusableFile(f"{self.folder / MANIFEST}: build.{name} is missing", hint=f"[build] {name} = {example}")
        return value

    @property
    def language(self) -> str:
        """One of `LANGUAGES`. Raises `UnusableFile`."""
        language = self.build_setting("language")
        if language not in LANGUAGES:
            raise UnusableFile(
                f"{self.folder / MANIFEST}: build.language is {language!r}",
                hint=f"it has to be one of {', '.join(LANGUAGES)}",
            )
        return language

    def manifest(self, runtimes: Path) -> Manifest:
        """What `plugin.toml` says; `runtimes` is the folder of the language runtimes. Raises `UnusableFile`."""
        source = None if self.language.endswith("-script") else f"sha256:{self.digest()}"

        def needed(name: str) -> NeededRuntime:
            return _runtime(runtimes, name)

        path = self.folder / MANIFEST
        try:
            text = path.read_text(encoding="utf-8")
            return Manifest.from_toml(text, source=source, runtime=needed, folder=self.folder)
        except BadManifest as problem:
            raise UnusableFile(f"{path}: {problem.message}", hint=problem.hint) from None

    def digest(self) -> str:
        """SHA-256 (hexadecimal) over the names and contents of the sources."""
        digest = hashlib.sha256()
        for path in source_files(self.folder):
            content = (self.folder / path).read_bytes()
            digest.update(f"{path.as_posix()}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def texts(self) -> dict[str, str]:
        """Path to text of every source. Raises `UnusableFile` for one that is no text, or has a private key in it."""
        found = {}
        for path in source_files(self.folder):
            try:
                found[path.as_posix()] = (self.folder / path).read_text(encoding="utf-8")
            except UnicodeDecodeError as problem:
                hint = "a script consists of texts; move the file out of the folder or into tests/"
                raise UnusableFile(f"{self.folder / path} is not UTF-8 (byte {problem.start:,})", hint=hint) from None
            if _PRIVATE_KEY.search(found[path.as_posix()]):
                hint = "everybody who gets the plugin could read it: keep it elsewhere"
                raise UnusableFile(f"{self.folder / path} has a private key in it", hint=hint)
        return found

    @property
    def artifact(self) -> Path:
        """Where the built artifact lies."""
        plugin = self.table.get("plugin")
        name = plugin.get("name") if isinstance(plugin, dict) else None
        if not isinstance(name, str):
            raise UnusableFile(f"{self.folder / MANIFEST}: plugin.name is missing", hint='[plugin] name = "…"')
        return self.folder / OUTPUT / f"{Path(name).name}.wasm"


def _runtime(runtimes: Path, name: str) -> NeededRuntime:
    path = runtimes / f"{Path(name).name}.wasm"
    try:
        artifact = path.read_bytes()
        manifest = Manifest.of(artifact)
    except OSError:
        known = ", ".join(sorted(each.stem for each in runtimes.glob("*.wasm"))) or "none"
        raise UnusableFile(
            f"there is no language runtime {name} ({path})", hint=f"there are: {known}; see --runtimes"
        ) from None
    except SigningError as problem:
        raise UnusableFile(f"{path}: {problem.message}", hint=problem.hint) from None
    return NeededRuntime(manifest.name, manifest.version, f"sha256:{hashlib.sha256(artifact).hexdigest()}")
