"""From a source file to a plugin that answers."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .. import _registry, _seam
from .._dispatch import Failure, Plugin
from .._reading import BadSettings
from ..errors import PluginError
from .simulation import Simulation

__all__ = ["Loaded", "load"]


class Loaded(Plugin):
    """A plugin that was executed, configured and started. Its methods are the exported functions.

    Exceptions of the plugin's come out as they are, where a server would write them to its log.
    """

    def __init__(self, name: str, registry: _registry.Registry, host: Simulation) -> None:
        super().__init__(name, registry, _raise)
        self.host = host
        self.interfaces = registry.interfaces()


def _raise(where: str, error: BaseException) -> None:
    raise error


def load(
    source: Path | str,
    *,
    name: str = "",
    imports: Iterable[str] | None = None,
    config: Mapping[str, Any] | None = None,
    host: Simulation | None = None,
    start: bool = True,
) -> Loaded:
    """Executes `source` with its folder on the import path.

    Args:
        name: the plugin's; its folder's without.
        imports: the interfaces that it may use, as in `plugin.toml`; all without.
        config: the settings.
        host: what its imports do; a new simulation without. It may be given to a second load, as to a next generation.
        start: whether the plugin goes into service.

    Raises:
        BadSettings: the configuration does not fit.
        Exception: what the plugin raises.
    """
    path = Path(source).resolve()
    host = host or Simulation()
    host.settings = dict(config or {})
    host.name = name or path.parent.name
    registry = _registry.renew()
    _seam.connect(host, imports)
    known = set(sys.modules)
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise PluginError(f"{path.name} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        plugin = Loaded(host.name, registry, host)
        _take(plugin, json.dumps(host.settings), start)
        return plugin
    finally:
        sys.path.remove(str(path.parent))
        for module_name in set(sys.modules) - known:  # another plugin may have files of the same names
            place = getattr(sys.modules[module_name], "__file__", None)
            if place is not None and Path(place).is_relative_to(path.parent):
                del sys.modules[module_name]


def _take(plugin: Loaded, config: str, start: bool) -> None:
    try:
        plugin.init(config)
        if start:
            plugin.start()
    except Failure as failure:
        if failure.tag == "configuration":
            raise BadSettings(failure.detail) from None
        raise PluginError(failure.detail) from failure
