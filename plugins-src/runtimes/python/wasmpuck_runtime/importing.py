"""Importing: the script's own files, then what was loaded before the snapshot, and nothing else."""

from __future__ import annotations

import importlib.machinery
import linecache
import sys
from collections.abc import Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any

from .phase import Phase

__all__ = ["Files", "install"]


class Files:
    """Finds and loads the modules of one script. `texts` holds its files by path."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        for path, text in texts.items():
            linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        self._folders = {path[: at - 1] for path in texts for at in _cuts(path)}

    def compiled(self, path: str) -> CodeType:
        """A file's code. Raises `SyntaxError`."""
        code: CodeType = compile(self.texts[path], path, "exec", dont_inherit=True)
        return code

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """Part of the protocol of finders."""
        base = name.replace(".", "/")
        for place, package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if place in self.texts:
                spec = importlib.machinery.ModuleSpec(name, self, origin=place, is_package=package)
                spec.has_location = True
                return spec
        if base in self._folders:
            return importlib.machinery.ModuleSpec(name, self, origin="", is_package=True)
        return None

    def create_module(self, spec: Any) -> None:
        """Part of the protocol of loaders."""

    def exec_module(self, module: ModuleType) -> None:
        """Part of the protocol of loaders."""
        spec = module.__spec__
        if spec is not None and spec.origin:
            exec(self.compiled(spec.origin), module.__dict__)

    def execute(self, entry: str) -> ModuleType:
        """Executes the file that makes the plugin, as a module that the others can import."""
        name = entry.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        spec = self.find_spec(name) if name.replace(".", "/") in entry else None
        module = ModuleType(name)
        module.__file__ = entry
        module.__spec__ = spec
        module.__package__ = name if entry.endswith("/__init__.py") else name.rpartition(".")[0]
        sys.modules[name] = module
        exec(self.compiled(entry), module.__dict__)
        return module

    def install(self) -> None:
        """The script's files come before everything that is not loaded yet."""
        sys.meta_path.insert(0, self)


def _cuts(path: str) -> list[int]:
    return [at + 1 for at, letter in enumerate(path) if letter == "/"]


class _Gate:
    """Stands where files are looked for: open while the component is built."""

    def __init__(self, finder: Any) -> None:
        self._finder = finder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if not Phase.live:
            return self._finder.find_spec(name, path, target)
        if name.partition(".")[0] in sys.stdlib_module_names:
            why = f"the plugins' Python has no module '{name}': docs/sdk-python.md lists those that it has"
        else:
            why = f"No module named '{name}': it is neither a file of the script nor part of the plugins' Python"
        raise ModuleNotFoundError(why, name=name)


def install() -> None:
    """Closes the way to files from the first call on."""
    sys.meta_path[:] = [
        _Gate(finder) if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path
    ]
