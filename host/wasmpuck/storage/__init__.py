"""Where certificates and plugins' data are kept: protocols, and SQLite behind them."""

from __future__ import annotations

from .plugins import SQLitePluginStore
from .protocol import (
    Entry,
    KeyStore,
    PluginChange,
    PluginEntry,
    PluginStore,
    Record,
    Statistics,
    Tally,
    ValueKind,
)
from .sqlite import SQLiteKeyStore

__all__ = [
    "Entry",
    "KeyStore",
    "PluginChange",
    "PluginEntry",
    "PluginStore",
    "Record",
    "SQLiteKeyStore",
    "SQLitePluginStore",
    "Statistics",
    "Tally",
    "ValueKind",
]
