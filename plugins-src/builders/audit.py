"""Whether a component imports and exports what its manifest says."""

from __future__ import annotations

from wasmtime import Engine
from wasmtime.component import Component

from wasmpuck_signing.manifest import Manifest

from .errors import BuildError

__all__ = ["audit"]


def audit(component: bytes, manifest: Manifest) -> None:
    """Raises `BuildError` unless the imports are exactly the manifest's and its worlds are among the exports."""
    engine = Engine()
    kind = Component(engine, component).type
    package, _, version = manifest.contract.partition("@")
    imports = set(kind.imports(engine))
    exports = set(kind.exports(engine))
    wanted = {f"{package}/{name}@{version}" for name in manifest.imports}
    if imports != wanted:
        raise BuildError(
            f"{manifest.name} imports {', '.join(sorted(imports)) or 'nothing'}",
            f"plugin.imports in its plugin.toml must name the same interfaces; it names {', '.join(manifest.imports)}.",
        )
    missing = {f"{package}/{name}@{version}" for name in manifest.worlds} - exports
    if missing:
        raise BuildError(f"{manifest.name} does not export {', '.join(sorted(missing))}, which its plugin.toml names")
