"""The script that an instance executes, from its texts to the functions that it registered."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wasmpuck_plugin import _registry, _seam
from wasmpuck_plugin._dispatch import Plugin

from . import output
from .host import Imports
from .importing import Files
from .tracing import place_of, sentence, trace_of

__all__ = ["Program", "Trouble", "mistakes", "report"]


@dataclass(frozen=True)
class Trouble(Exception):
    """WIT `script.problem`."""

    path: str
    line: int
    column: int
    message: str
    trace: str = ""


class Program:
    """The one script of this instance. `plugin` is `None` until it is loaded."""

    imports = Imports()
    plugin: Plugin | None = None
    name = version = description = ""

    @classmethod
    def load(
        cls, name: str, version: str, description: str, entry: str, files: Mapping[str, str], granted: Iterable[str]
    ) -> list[str]:
        """Executes a script; the interfaces that it implements. Raises `Trouble`."""
        cls.name, cls.version, cls.description = name, version, description
        if entry not in files:
            raise Trouble("", 0, 0, f"the script has no file {entry}")
        _seam.connect(cls.imports, granted)
        found = Files(files)
        found.install()
        gc.disable()  # what a script makes while it is loaded lives as long as the instance
        try:
            found.execute(entry)
        except SyntaxError as error:
            raise _of_syntax(error) from None
        except BaseException as error:
            trace = trace_of(error)
            raise Trouble(*place_of(error), 0, sentence(error), trace) from None
        finally:
            gc.enable()
        registry = _registry.current()
        cls.plugin = Plugin(name, registry, report)
        return registry.interfaces()

    @classmethod
    def of(cls) -> Plugin:
        """The plugin. Raises `RuntimeError` before a script is loaded."""
        if cls.plugin is None:
            raise RuntimeError("no script is loaded")
        return cls.plugin


def mistakes(files: Mapping[str, str]) -> list[Trouble]:
    """Every file with an error of syntax."""
    found = []
    reader = Files({})
    for path, text in sorted(files.items()):
        if path.endswith(".py"):
            reader.texts = {path: text}
            try:
                reader.compiled(path)
            except SyntaxError as error:
                found.append(_of_syntax(error, path))
            except (ValueError, RecursionError, MemoryError, OverflowError) as error:
                found.append(Trouble(path, 0, 0, sentence(error)))
    return found


def _of_syntax(error: SyntaxError, path: str = "") -> Trouble:
    return Trouble(error.filename or path, error.lineno or 0, error.offset or 0, f"{type(error).__name__}: {error.msg}")


def report(where: str, error: BaseException) -> None:
    """Writes an exception that nobody expected to the log, with its traceback."""
    path, line = place_of(error)
    fields = [("at", f"{path}:{line}")] if path else []
    output.write("error", f"{where} failed: {sentence(error)}", [*fields, ("traceback", trace_of(error))])
