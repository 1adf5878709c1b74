"""Plugins as the server keeps them: states, generations, the registry snapshot, the catalog of files, the lifecycle."""

from __future__ import annotations

from wasmpuck.plugins.data import PluginData
from wasmpuck.plugins.lifecycle import Lifecycle, Outcome
from wasmpuck.plugins.plugin import Plugin
from wasmpuck.plugins.registry import Registry, Snapshot
from wasmpuck.plugins.states import State

__all__ = ["Lifecycle", "Outcome", "Plugin", "PluginData", "Registry", "Snapshot", "State"]
