"""A plugin's sources: what is built, under which name, and the digest that says whether it has to be built again."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from wasmpuck_signing.manifest import Manifest, NeededRuntime

from . import toolchain
from .errors import BuildError

__all__ = ["LANGUAGES", "SDKS", "Recipe", "find", "uncommented"]

LANGUAGES = {
    "rust": ("RUSTC", "WASM_LD", "WASM_COMPONENT_LD"),
    "python": ("COMPONENTIZE_PY",),
    "js-runtime": ("COMPONENTIZE_QJS",),
    "js-script": (),
}
"""Language to the pinned tools that its artifacts depend on."""

SDKS = {"js-runtime": "sdk/js"}
"""Language to the folder that is compiled in besides."""

_NOT_COMPILED = {"README.md", "plugin.toml", "package.json", "package-lock.json", "index.d.ts"}
_NOT_SOURCE = {"target", "tests", "testing", "node_modules", "__pycache__"}
_COMMENT = re.compile(r"[ \t]*//[^\n]*")
_INTERFACE = re.compile(r"^\s*interface\s+([a-z0-9-]+)", re.MULTILINE)
_USE = re.compile(r"^\s*use\s+([a-z0-9-]+)\.", re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """One folder of `plugins-src/` that has a `plugin.toml`. `root` is the checkout, `name` the folder's path in
    `plugins-src/` (`admission-policy`, `samples/js/greeting`).
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

    def manifest(self, runtime: Callable[[str], NeededRuntime] | None = None) -> Manifest:
        """The manifest that `plugin.toml` describes, with the sources' digest. Raises `BuildError`.

        `runtime` finds the language runtime that a script names; a script's sources are digested when it is packed.
        """
        text = (self.folder / "plugin.toml").read_text()
        source = None if runtime else f"sha256:{self.digest()}"
        manifest = Manifest.from_toml(text, source=source, runtime=runtime, folder=self.folder)
        if manifest.name != self.folder.name:
            raise BuildError(
                f"{self.name}/plugin.toml names the plugin {manifest.name}: it must be called as its folder"
            )
        return manifest

    def sources(self) -> list[Path]:
        """The files that are compiled, relative to the folder, sorted."""
        return _sources(self.folder)

    def contract(self, interfaces: Iterable[str]) -> dict[str, str]:
        """File name to text of the contract's files that declare `interfaces` and what those use, without comments.

        Comments are left out because no tool has a use for them, and a better sentence must not make a new artifact.
        """
        files = {path.name: uncommented(path.read_text()) for path in sorted((self.root / "wit").glob("*.wit"))}
        home = {interface: name for name, text in files.items() for interface in _INTERFACE.findall(text)}
        found: dict[str, str] = {}
        wanted = list(interfaces)
        while wanted:
            interface = wanted.pop()
            if interface not in home:
                raise BuildError(f"the contract in wit/ has no interface `{interface}`, which {self.name} names")
            name = home[interface]
            if name not in found:
                found[name] = files[name]
                wanted += _USE.findall(files[name])
        return dict(sorted(found.items()))

    def digest(self) -> str:
        """SHA-256 (hexadecimal) over the sources, the contract's files that they need and the tools' versions."""
        plugin = tomllib.loads((self.folder / "plugin.toml").read_text())["plugin"]
        pinned = toolchain.pins(self.root)
        parts = {f"plugin/{path.as_posix()}": (self.folder / path).read_bytes() for path in self.sources()}
        if self.language in SDKS:
            sdk = self.root / "plugins-src" / SDKS[self.language]
            parts |= {f"sdk/{path.as_posix()}": (sdk / path).read_bytes() for path in _sources(sdk)}
        contract = self.contract([*plugin.get("worlds", ()), *plugin.get("imports", ())])
        parts |= {f"contract/{name}": text.encode() for name, text in contract.items()}
        parts |= {f"tool/{tool}": pinned[tool].encode() for tool in LANGUAGES[self.language]}
        digest = hashlib.sha256()
        for name, content in sorted(parts.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def find(root: Path, names: Iterable[str] = ()) -> list[Recipe]:
    """The named plugins, or all. Raises `BuildError` for a name that has no folder with a `plugin.toml`."""
    home = root / "plugins-src"
    found = (path.parent.relative_to(home) for path in home.rglob("plugin.toml"))
    known = {
        name.as_posix(): Recipe(root, name.as_posix()) for name in found if not _NOT_SOURCE.intersection(name.parts)
    }
    for name in names:
        if name not in known:
            raise BuildError(f"there is no plugin `{name}` in plugins-src/", f"Known: {', '.join(sorted(known))}.")
    # Scripts come after the language runtimes that they are checked with.
    return [known[name] for name in sorted(set(names) or known, key=lambda name: (name.startswith("samples/"), name))]


def _sources(folder: Path) -> list[Path]:
    return sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part in _NOT_SOURCE or part.startswith(".") for part in path.relative_to(folder).parts)
        and path.relative_to(folder).as_posix() not in _NOT_COMPILED
    )


def uncommented(text: str) -> str:
    """WIT without comments and empty lines. WIT has no text literals, so `//` always starts a comment."""
    return "".join(f"{line}\n" for line in _COMMENT.sub("", text).splitlines() if line.strip())
