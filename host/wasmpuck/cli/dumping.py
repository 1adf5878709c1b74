"""`wasmpuck dump`: everything that the store holds, as keyrings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from wasmpuck import logs
from wasmpuck.cli.options import chosen_configuration, configuration_options
from wasmpuck.cli.progress import Meter
from wasmpuck.config import Configuration
from wasmpuck.keyserver.dumping import Compression, Selection, dump_files, dump_stream
from wasmpuck.storage import KeyStore

__all__ = ["dump"]

_DATES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")


@click.command()
@configuration_options
@click.option("--count", type=click.IntRange(min=1), default=15_000, show_default=True, help="Certificates in a file.")
@click.option(
    "--compress",
    "compression",
    type=click.Choice(["none", "gz", "zstd"]),
    default="none",
    show_default=True,
    help="How files or the stream are compressed.",
)
@click.option("--since", type=click.DateTime(_DATES), help="Only what was stored or changed since then (UTC).")
@click.option("--until", type=click.DateTime(_DATES), help="Only what was last changed before then (UTC).")
@click.option("--resume/--fresh", default=True, help="Complete a dump of the same kind that was ended, or begin anew.")
@click.argument("target", metavar="FOLDER", type=click.Path(path_type=Path, allow_dash=True))
def dump(
    config_file: str | None,
    data: str | None,
    use_demo: bool,
    count: int,
    compression: Compression,
    since: datetime | None,
    until: datetime | None,
    resume: bool,
    target: Path,
) -> None:
    """Write all certificates into FOLDER, or to standard output if FOLDER is -.

    The files are keyrings that any keyserver loads, named wasmpuck-dump-0000.pgp and so on; dump.json lists them with
    their SHA-256 and says whether they are all. Certificates come by ascending fingerprint. The server may run
    meanwhile; what changes while the dump is made may or may not be in it.
    """
    configuration = chosen_configuration(config_file, use_demo, dataDir=data)
    logs.configure(configuration.server.log_format, "warning")
    selection = Selection(_seconds(since), _seconds(until))

    async def run(store: KeyStore) -> None:
        with Meter("dumping", await store.count(), in_bytes=False) as meter:

            def progress(number: int) -> None:
                meter.show(number, number)

            if str(target) == "-":
                out = sys.stdout.buffer
                number = await dump_stream(store, out, selection=selection, compression=compression, progress=progress)
                click.echo(f"{number:,} certificates", err=True)
                return
            made = await dump_files(
                store,
                target,
                count=count,
                selection=selection,
                compression=compression,
                resume=resume,
                progress=progress,
            )
        click.echo(f"{made.certificates:,} certificates in {len(made.files):,} files")

    asyncio.run(_with_store(configuration, run))


async def _with_store(configuration: Configuration, work: Callable[[KeyStore], Awaitable[None]]) -> None:
    from wasmpuck.app import open_keyserver  # here, so that the other commands start at once

    async with open_keyserver(configuration) as keyserver:
        await work(keyserver.store)


def _seconds(when: datetime | None) -> float | None:
    return None if when is None else when.replace(tzinfo=UTC).timestamp()
