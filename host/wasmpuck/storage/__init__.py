"""Where certificates and plugins' data are kept: protocols, and SQLite and PostgreSQL behind them."""

from __future__ import annotations

from .indexing import Indexing
from .opening import store_of
from .plugins import SQLitePluginStore
from .postgres import PostgresKeyStore
from .protocol import (
    Act,
    Burial,
    Change,
    Entry,
    Held,
    KeyStore,
    PluginChange,
    PluginEntry,
    PluginStore,
    Query,
    QueryKind,
    Record,
    Statistics,
    Tally,
    ValueKind,
    Written,
)
from .sqlite import SQLiteKeyStore
from .upkeep import Difference, Tallied, UpkeepStore

__all__ = [
    "Act",
    "Burial",
    "Change",
    "Difference",
    "Entry",
    "Held",
    "Indexing",
    "KeyStore",
    "PluginChange",
    "PluginEntry",
    "PluginStore",
    "PostgresKeyStore",
    "Query",
    "QueryKind",
    "Record",
    "SQLiteKeyStore",
    "SQLitePluginStore",
    "Statistics",
    "Tallied",
    "Tally",
    "UpkeepStore",
    "ValueKind",
    "Written",
    "store_of",
]
