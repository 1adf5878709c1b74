"""The commands, as they are named on the command line."""

from __future__ import annotations

import click

from wasmpuck import __version__
from wasmpuck.cli.dumping import dump
from wasmpuck.cli.errors import EXIT_CODES, ErrorRenderingGroup
from wasmpuck.cli.keys import keys
from wasmpuck.cli.loading import load
from wasmpuck.cli.migrating import migrate
from wasmpuck.cli.owner import owner
from wasmpuck.cli.plugins import plugins
from wasmpuck.cli.serving import serve
from wasmpuck.cli.settings import config
from wasmpuck.cli.upkeep import reindex, verify

__all__ = ["commands", "main"]


@click.group(
    cls=ErrorRenderingGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="wasmpuck")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def commands(debug: bool) -> None:
    """An OpenPGP keyserver whose features are signed, sandboxed, metered plugins."""


for _command in (serve, load, dump, verify, reindex, migrate, plugins, keys, owner, config):
    commands.add_command(_command)


def main() -> None:
    """Runs the command line of this process and exits."""
    commands(prog_name="wasmpuck")
