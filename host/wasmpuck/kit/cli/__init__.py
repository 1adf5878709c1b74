"""The command line of plugin authors. `main` is the entry point of the command `hockeypuck-plugin`, `generate` that of
`hockeypuck-plugin-gen`.
"""

from __future__ import annotations

from wasmpuck.kit.cli.commands import commands, generate, main

__all__ = ["commands", "generate", "main"]
