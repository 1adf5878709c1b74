"""A configuration of Hockeypuck's, read as Hockeypuck reads it, made into one of ours with a report of every key."""

from __future__ import annotations

from wasmpuck.config.hockeypuck.importing import Import, KeyFate, import_hockeypuck
from wasmpuck.config.hockeypuck.keys import KEYS
from wasmpuck.config.hockeypuck.rules import Fate

__all__ = ["KEYS", "Fate", "Import", "KeyFate", "import_hockeypuck"]
