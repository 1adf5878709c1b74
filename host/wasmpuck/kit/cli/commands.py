"""The commands, as they are named on the command line."""

from __future__ import annotations

import click

from wasmpuck import __version__
from wasmpuck.kit.cli.benching import bench
from wasmpuck.kit.cli.building import build
from wasmpuck.kit.cli.calling import call
from wasmpuck.kit.cli.checking import check
from wasmpuck.kit.cli.documenting import docs
from wasmpuck.kit.cli.errors import EXIT_CODES, ErrorRenderingGroup
from wasmpuck.kit.cli.inspecting import inspect
from wasmpuck.kit.cli.profiling import profile_command
from wasmpuck.kit.cli.recording import record
from wasmpuck.kit.cli.replaying import replay
from wasmpuck.kit.cli.running import run
from wasmpuck.kit.cli.scaffolding import new, sdk_path
from wasmpuck.kit.cli.testing import test
from wasmpuck_signing.cli import main as signing

__all__ = ["commands", "generate", "main"]


@click.group(
    cls=ErrorRenderingGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="hockeypuck-plugin")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def commands(debug: bool) -> None:
    """Builds, tries, measures and signs plugins for Wasmpuck."""


for _command in (
    *signing.commands.values(),
    new,
    build,
    check,
    run,
    inspect,
    test,
    call,
    bench,
    record,
    replay,
    profile_command,
    sdk_path,
    docs,
):
    commands.add_command(_command)


def main() -> None:
    """Runs the command line of this process and exits."""
    commands(prog_name="hockeypuck-plugin")


@click.command("hockeypuck-plugin-gen", context_settings={"ignore_unknown_options": True})
@click.option("--name", required=True, help="The plugin's name.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF new]")
def generate(name: str, options: tuple[str, ...]) -> None:
    """The same as `hockeypuck-plugin new NAME`, as Hockeypuck's roadmap calls it.

    What else is given, such as --type and --lang, is given to `hockeypuck-plugin new`.
    """
    commands(["new", name, *options], prog_name="hockeypuck-plugin")
