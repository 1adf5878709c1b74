"""What `build.py` is made of: the tools, a plugin's sources, one module for each language, the published files."""

from __future__ import annotations
