"""`wasmpuck serve`: run the server."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable
from typing import Protocol

import click

from wasmpuck import logs
from wasmpuck.cli.options import chosen_configuration, configuration_options
from wasmpuck.cli.rendering import plugin_table, show_table
from wasmpuck.errors import WasmpuckError

__all__ = ["Ready", "announce", "serve"]

_log = logging.getLogger(__name__)
_PROGRESS_EVERY = 5  # seconds between two lines about the same slow step


class Ready(Protocol):
    """What a server says of itself once every listener accepts: three URLs, and its plugins (`rendering.COLUMNS`)."""

    @property
    def hkp(self) -> str: ...

    @property
    def admin(self) -> str: ...

    @property
    def metrics(self) -> str: ...

    @property
    def plugins(self) -> Iterable[object]: ...


@click.command()
@configuration_options
@click.option("--bind", metavar="ADDRESS", help='Where to serve HKP, such as ":11371"; port 0 takes a free one.')
@click.option("--admin-bind", metavar="ADDRESS", help="Where to serve administration and metrics.")
@click.pass_context
def serve(
    ctx: click.Context,
    config_file: str | None,
    data: str | None,
    use_demo: bool,
    bind: str | None,
    admin_bind: str | None,
) -> None:
    """Run the server until SIGTERM or SIGINT.

    When every listener accepts connections, one line `ready hkp=URL admin=URL metrics=URL` goes to standard
    output. Everything else goes to standard error. SIGHUP reads the configuration and the plugins again.
    """
    configuration = chosen_configuration(config_file, use_demo, bind=bind, adminBind=admin_bind, dataDir=data)
    logs.configure(configuration.server.log_format, configuration.server.log_level)
    from wasmpuck import service  # here, so that the other commands start at once

    try:
        status = asyncio.run(service.serve(configuration, announce=announce, progress=_progress))
    except (WasmpuckError, OSError):
        raise
    except Exception:
        _log.critical("a defect of Wasmpuck ended the server", exc_info=True)
        status = 1
    ctx.exit(status)


def _progress(what: str, seconds: float) -> None:
    """Called about once a second during a slow step; logs every few seconds, so that a wait explains itself."""
    if int(seconds) % _PROGRESS_EVERY == 0:
        _log.info("%s: %d s so far", what, seconds)


def announce(ready: Ready) -> None:
    """Says that the server is ready: one line for programs, and where to look when a person sees the terminal."""
    click.echo(f"ready hkp={ready.hkp} admin={ready.admin} metrics={ready.metrics}")
    sys.stdout.flush()
    if not sys.stderr.isatty():
        return
    click.echo("\r\033[K", nl=False, err=True)  # what progress may have left on the line
    port_and_host = ready.hkp.removeprefix("http://").rstrip("/")
    for label, text in (
        ("search page", f"{ready.hkp}/"),
        ("with gpg", f"gpg --keyserver hkp://{port_and_host} --search-keys ada@example.org"),
        ("administration", ready.admin),
        ("metrics", ready.metrics),
        ("plugins", "wasmpuck plugins list"),
        ("stop", "Control-C"),
    ):
        click.echo(f"  {label:<15} {text}", err=True)
    plugins = list(ready.plugins)
    if plugins:
        show_table(plugin_table(plugins), err=True)
    else:
        click.echo("  no plugins are loaded", err=True)
