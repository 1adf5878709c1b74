"""The command line: the only part of the server that prints. `main` is the entry point of the command `wasmpuck`."""

from __future__ import annotations

from wasmpuck.cli.commands import commands, main

__all__ = ["commands", "main"]
