"""The compilers that make components of an author's sources, one module for each language."""

from __future__ import annotations
