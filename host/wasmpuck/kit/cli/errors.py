"""The one place where an error of the author's kit becomes lines on the terminal and an exit code."""

from __future__ import annotations

import traceback
from typing import Any, Final

import click

from wasmpuck.errors import BadRequest, ConfigurationError, OperatorError, WasmpuckError
from wasmpuck.logs import escape

__all__ = ["EXIT_CODES", "FAILED", "MISSING_TOOL", "UNUSABLE", "USAGE", "ErrorRenderingGroup"]

FAILED: Final = 1
USAGE: Final = 2
UNUSABLE: Final = 3
MISSING_TOOL: Final = 4

EXIT_CODES = f"""\
\b
Exit codes:
  0  done
  {FAILED}  the plugin is refused, a call of it failed, or a test, a comparison or a limit did not hold
  {USAGE}  the command line is wrong, or JSON on it does not fit the type that is needed
  {UNUSABLE}  a file that was given, or that the project should have, cannot be used
  {MISSING_TOOL}  a tool is missing: the message says which and how to get it

\b
Completion of commands and options, for bash (zsh and fish alike):
  eval "$(_HOCKEYPUCK_PLUGIN_COMPLETE=bash_source hockeypuck-plugin)"
"""


class ErrorRenderingGroup(click.Group):
    """A group of commands whose errors end as message, hint and exit code; with `--debug` as a traceback too."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command. Raises only what click itself handles."""
        try:
            return super().invoke(ctx)
        except WasmpuckError as error:
            _end(ctx, _lines(error), _code(error))
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            _end(ctx, [escape(f"{place}{error.strerror or error}")], UNUSABLE)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            lines = [escape(f"a defect of Wasmpuck: {type(error).__name__}: {error}")]
            if not _debug(ctx):
                lines.append("hint: run it again with `hockeypuck-plugin --debug …` and report what it shows")
            _end(ctx, lines, FAILED)


def _code(error: WasmpuckError) -> int:
    if isinstance(error, (BadRequest, ConfigurationError)):
        return USAGE
    return error.exit_code if isinstance(error, OperatorError) else FAILED


def _lines(error: WasmpuckError) -> list[str]:
    lines = [escape(line) for line in (str(error) or type(error).__name__).splitlines()]
    return [*lines, *(f"hint: {escape(line)}" for line in error.hint.splitlines())]


def _debug(ctx: click.Context) -> bool:
    return bool(ctx.find_root().params.get("debug"))


def _end(ctx: click.Context, lines: list[str], code: int) -> None:
    if _debug(ctx):
        click.echo(traceback.format_exc(), err=True, nl=False)
    click.echo(click.style("hockeypuck-plugin: ", fg="red", bold=True) + "\n".join(lines), err=True)
    ctx.exit(code)
