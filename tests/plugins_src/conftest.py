"""Puts the build script's modules and a Python plugin's rules on the path, as running them does."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = _ROOT / "plugins-src"
sys.path[:0] = [str(_SOURCES), str(_SOURCES / "admission-policy"), str(_SOURCES / "sdk" / "python")]
