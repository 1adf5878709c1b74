"""A plugin's sources: what is built, under which name, and the digest that says whether it has to be built again."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wasmpuck.kit.sources import source_files
from wasmpuck.kit.toolchains.contract import contract, uncommented
from wasmpuck_signing.manifest import Manifest, NeededRuntime

from . import toolchain
from .errors import BuildError

__all__ = ["LANGUAGES", "Recipe", "find", "uncommented"]

LANGUAGES: dict[str, tuple[str, ...]] = {
    "rust": ("RUSTC", "WASM_LD", "WASM_COMPONENT_LD"),
    "python": ("COMPONENTIZE_PY",),
    "python-runtime": ("COMPONENTIZE_PY",),
    "python-script": (),
    "js-runtime": ("COMPONENTIZE_QJS",),
    "js-script": (),
}
"""What is built how, to the pinned tools that such artifacts depend on. A `-script` is source alone."""


@dataclass(frozen=True)
class Recipe:
    """One folder of `plugins-src/` that has a `plugin.toml`. `root` is the checkout, `name` the folder's path below
    `plugins-src/` and the artifact's below `plugins-dist/`: `admission-policy`, `runtimes/python`.
    """

    root: Path
    name: str

    @property
    def folder(self) -> Path:
        """The plugin's folder."""
        return self.root / "plugins-src" / self.name

    @property
    def build(self) -> dict[str, object]:
        """The `[build]` table of `plugin.toml`."""
        table: dict[str, object] = tomllib.loads((self.folder / "plugin.toml").read_text()).get("build", {})
        return table

    @property
    def language(self) -> str:
        """One of `LANGUAGES`. Raises `BuildError`."""
        language = self.build.get("language")
        if not isinstance(language, str) or language not in LANGUAGES:
            raise BuildError(f"{self.name}/plugin.toml: build.language must be one of {', '.join(LANGUAGES)}")
        return language

    def manifest(self) -> Manifest:
        """The manifest that `plugin.toml` describes, with the sources' digest. Raises `BuildError`."""
        manifest = Manifest.from_toml(
            (self.folder / "plugin.toml").read_text(),
            source=None if self.is_script else f"sha256:{self.digest()}",
            runtime=self._runtime,
            folder=self.folder,
        )
        if manifest.name != Path(self.name).name:
            raise BuildError(
                f"{self.name}/plugin.toml names the plugin {manifest.name}: it must be called as its folder"
            )
        return manifest

    @property
    def is_script(self) -> bool:
        """Whether it is source that a language runtime executes. Raises `BuildError`."""
        return self.language.endswith("-script")

    def _runtime(self, name: str) -> NeededRuntime:
        """The published language runtime of this name. Raises `BuildError`."""
        path = self.root / "plugins-dist" / "runtimes" / f"{name}.wasm"
        if not path.exists():
            raise BuildError(f"{self.name} needs plugins-dist/runtimes/{name}.wasm", f"Build runtimes/{name} first.")
        artifact = path.read_bytes()
        manifest = Manifest.of(artifact)
        return NeededRuntime(manifest.name, manifest.version, f"sha256:{hashlib.sha256(artifact).hexdigest()}")

    def sources(self) -> list[Path]:
        """The files that are compiled, relative to the folder, sorted."""
        return source_files(self.folder)

    def parts(self) -> dict[str, bytes]:
        """Path to content of everything that is compiled: the sources, and the folders that `build.with` names below
        `plugins-src/`, each under its own name.
        """
        found = {path.as_posix(): (self.folder / path).read_bytes() for path in self.sources()}
        besides = self.build.get("with", [])
        if not isinstance(besides, list):
            raise BuildError(f"{self.name}/plugin.toml: build.with must be a list of folders")
        for place in besides:
            folder = self.root / "plugins-src" / str(place)
            if not folder.is_dir():
                raise BuildError(f"{self.name}/plugin.toml: build.with names {place}, and there is no such folder")
            found |= {f"{folder.name}/{path.as_posix()}": (folder / path).read_bytes() for path in source_files(folder)}
        return found

    def contract(self, interfaces: Iterable[str]) -> dict[str, str]:
        """As `toolchains.contract.contract`, of the checkout's contract."""
        return contract((self.root / "wit").glob("*.wit"), interfaces)

    def digest(self) -> str:
        """SHA-256 (hexadecimal) over the sources, the contract's files that they need and the tools' versions."""
        plugin = tomllib.loads((self.folder / "plugin.toml").read_text())["plugin"]
        pinned = toolchain.pins(self.root)
        parts = {f"plugin/{path}": content for path, content in self.parts().items()}
        contract = self.contract([*plugin.get("worlds", ()), *plugin.get("imports", ())])
        parts |= {f"contract/{name}": text.encode() for name, text in contract.items()}
        parts |= {f"tool/{tool}": pinned[tool].encode() for tool in LANGUAGES[self.language]}
        digest = hashlib.sha256()
        for name, content in sorted(parts.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def find(root: Path, names: Iterable[str] = ()) -> list[Recipe]:
    """The named plugins (a sample is `samples/js/greeting`), or all but the samples; language runtimes, which scripts
    need, come first. Raises `BuildError` for a name that has no folder with a `plugin.toml`.
    """
    sources = root / "plugins-src"
    paths = [*sources.glob("*/plugin.toml"), *sources.glob("runtimes/*/plugin.toml")]
    known = {name: Recipe(root, name) for name in (path.parent.relative_to(sources).as_posix() for path in paths)}
    samples = (path.parent.relative_to(sources).as_posix() for path in sources.glob("samples/*/*/plugin.toml"))
    found = known | {name: Recipe(root, name) for name in samples}
    for name in names:
        if name not in found:
            raise BuildError(f"there is no plugin `{name}` in plugins-src/", f"Known: {', '.join(sorted(known))}.")
    return [
        found[name] for name in sorted(set(names) or known, key=lambda name: (not name.startswith("runtimes/"), name))
    ]
