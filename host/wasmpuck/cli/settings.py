"""`wasmpuck config`: look at a configuration without starting anything."""

from __future__ import annotations

import click

from wasmpuck.cli.importing import import_file
from wasmpuck.cli.rendering import plain
from wasmpuck.config import load, reference

__all__ = ["config"]


@click.group()
def config() -> None:
    """Check a configuration, make one of Hockeypuck's, or list what can be configured."""


@config.command("check")
@click.argument("file", metavar="FILE")
def check(file: str) -> None:
    """Check FILE and name every mistake in it with its line.

    Exits 2 when there is one. Nothing is started or changed.
    """
    configuration = load(file)
    server, plugins = configuration.server, configuration.plugins
    click.echo(f"{plain(file)}: no mistakes")
    click.echo(f"  hkp {server.bind}, admin {server.admin_bind}, data {plain(server.data_dir)}")
    for table in plugins.tables:
        state = "enabled" if table.enabled and plugins.enabled else "disabled"
        grants = plain(table.grants) or "nothing"
        click.echo(f"  plugin {table.name}: {state}, failure {table.failure}, granted {grants}")


@config.command("reference")
def show_reference() -> None:
    """Print every key with its type, default and meaning, as Markdown."""
    click.echo(reference(), nl=False)


config.add_command(import_file)
