"""Wasmpuck: an OpenPGP keyserver whose features are signed, sandboxed, metered WebAssembly plugins."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0.dev0"
