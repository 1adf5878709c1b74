"""The one place where an error becomes lines on the terminal and an exit code."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from wasmpuck.cli.rendering import error_lines
from wasmpuck.errors import OperatorError, WasmpuckError
from wasmpuck.logs import escape

__all__ = ["EXIT_CODES", "ErrorRenderingGroup", "end_with"]

EXIT_CODES = """\
\b
Exit codes:
  0  done; a server ended as it was told to
  1  something that the operator has to change: the message says what
  2  the configuration or the command line is wrong
  3  the server refuses to start: a plugin with failure = "closed" cannot load
"""


class ErrorRenderingGroup(click.Group):
    """A group of commands whose errors end as message, hint and exit code; with `--debug` as a traceback too."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command. Raises only what click itself handles."""
        try:
            return super().invoke(ctx)
        except WasmpuckError as error:
            end_with(ctx, error_lines(error), error.exit_code if isinstance(error, OperatorError) else 1)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            end_with(ctx, [escape(f"{place}{error.strerror or error}")], 1)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            lines = [escape(f"a defect of Wasmpuck: {type(error).__name__}: {error}")]
            if not _debug(ctx):
                lines.append("hint: run it again with `wasmpuck --debug …` and report what it shows")
            end_with(ctx, lines, 1)


def _debug(ctx: click.Context) -> bool:
    return bool(ctx.find_root().params.get("debug"))


def end_with(ctx: click.Context, lines: list[str], code: int) -> None:
    """Prints an error, below the traceback of the present exception when `--debug` asks for it, and exits."""
    if _debug(ctx) and sys.exc_info()[0] is not None:
        click.echo(traceback.format_exc(), err=True, nl=False)
    click.echo(click.style("wasmpuck: ", fg="red", bold=True) + "\n".join(lines), err=True)
    ctx.exit(code)
