"""The command line of plugin authors. `main` is the entry point of the command `hockeypuck-plugin`."""

from __future__ import annotations

from wasmpuck.kit.cli.commands import commands, main

__all__ = ["commands", "main"]
