"""`wasmpuck keys`: what only the operator may do with certificates, in a running server or in a stopped one's store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from wasmpuck import logs
from wasmpuck.cli.control import Control, server_runs
from wasmpuck.cli.fingerprints import FINGERPRINT
from wasmpuck.cli.options import chosen_configuration, configuration_options, data_folder
from wasmpuck.cli.rendering import plain, show_table
from wasmpuck.config import Configuration
from wasmpuck.config import load as load_configuration

if TYPE_CHECKING:
    from wasmpuck.keyserver.rights import Rights

__all__ = ["keys"]

_REASON = "the operator decided so"
_OUTCOMES = {
    "inserted": "published",
    "updated": "published, merged with what was published already",
    "unchanged": "released; nothing in it was new",
}
_TIMES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ")


@click.group()
def keys() -> None:
    """Remove certificates for good, let them in again, look after the quarantine, read the audit record.

    A running server is asked by its administration address; without one the database of the configuration is changed.
    """


@keys.command("delete")
@configuration_options
@click.option("--reason", metavar="TEXT", default=_REASON, show_default=True, help="Told to whoever sends it again.")
@click.option(
    "--until", metavar="TIME", type=click.DateTime(_TIMES), help="Keep it out until then (UTC), not for good."
)
@click.argument("fingerprints", metavar="FINGERPRINT…", nargs=-1, required=True, type=FINGERPRINT)
def delete(
    config_file: str | None,
    data: str | None,
    use_demo: bool,
    reason: str,
    until: datetime | None,
    fingerprints: tuple[str, ...],
) -> None:
    """Delete certificates with all that is known of them, and keep them out.

    A tombstone with the fingerprint and the reason stays: no upload, load or synchronisation brings the certificate
    back. One that is not stored is kept out as well.
    """
    end = until.replace(tzinfo=UTC).timestamp() if until is not None else None
    office = _Office(config_file, use_demo, data)
    for fingerprint in fingerprints:
        answer = office.ask(
            f"/admin/keys/{fingerprint}/delete",
            {"reason": reason, "until": end},
            partial(_deleted, fingerprint=fingerprint, reason=reason, until=end),
        )
        done = "deleted" if answer["deleted"] else "was not stored"
        click.echo(f"{fingerprint}: {done}, and is kept out {f'until {_time(end)}' if end else 'for good'}")


@keys.command("exhume")
@configuration_options
@click.argument("fingerprints", metavar="FINGERPRINT…", nargs=-1, required=True, type=FINGERPRINT)
def exhume(config_file: str | None, data: str | None, use_demo: bool, fingerprints: tuple[str, ...]) -> None:
    """Take tombstones away, so that the certificates may be sent again."""
    office = _Office(config_file, use_demo, data)
    for fingerprint in fingerprints:
        answer = office.ask(f"/admin/keys/{fingerprint}/exhume", {}, partial(_exhumed, fingerprint=fingerprint))
        click.echo(f"{fingerprint}: {'may be sent again' if answer['exhumed'] else 'was not kept out'}")


@keys.command("tombstones")
@configuration_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def tombstones(config_file: str | None, data: str | None, use_demo: bool, as_json: bool) -> None:
    """Show which certificates are kept out, why and until when."""
    rows = _Office(config_file, use_demo, data).ask("/admin/keys/tombstones", None, _tombstones)
    _show(rows, ("fingerprint", "reason", "until"), as_json, "nothing is kept out")


@keys.command("audit")
@configuration_options
@click.option("--after", metavar="NUMBER", type=click.IntRange(0), default=0, help="Only what came after this number.")
@click.option("--limit", metavar="NUMBER", type=click.IntRange(1, 1000), default=100, help="How many; 100 by default.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def audit(config_file: str | None, data: str | None, use_demo: bool, after: int, limit: int, as_json: bool) -> None:
    """Show who deleted, replaced, quarantined, released and exhumed what, oldest first."""

    async def acts(rights: Rights) -> list[dict[str, Any]]:
        return [asdict(act) for act in await rights.acts(after=after, limit=limit)]

    rows = _Office(config_file, use_demo, data).ask(f"/admin/keys/audit?after={after}&limit={limit}", None, acts)
    _show(rows, ("number", "when", "kind", "fingerprint", "actor", "detail"), as_json, "nothing is noted")


@keys.group("quarantine")
def quarantine() -> None:
    """Look after certificates that are kept without being published.

    Plugins put them there, or the operator. What is uploaded for one that is not published at all joins it there.
    """


@quarantine.command("list")
@configuration_options
@click.option("--after", metavar="FINGERPRINT", type=FINGERPRINT, default=None, help="Only what comes behind it.")
@click.option("--limit", metavar="NUMBER", type=click.IntRange(1, 1000), default=100, help="How many; 100 by default.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
def held(
    config_file: str | None, data: str | None, use_demo: bool, after: str | None, limit: int, as_json: bool
) -> None:
    """Show what is in quarantine, since when, by whom and why."""
    start = after or ""

    async def entries(rights: Rights) -> list[dict[str, Any]]:
        from wasmpuck.http.rights_admin import held_fields

        return [held_fields(each) for each in await rights.custody.entries(after=start, limit=limit)]

    path = f"/admin/keys/quarantine?after={start}&limit={limit}"
    rows = _Office(config_file, use_demo, data).ask(path, None, entries)
    _show(rows, ("fingerprint", "source", "reason", "since", "size"), as_json, "nothing is in quarantine")


@quarantine.command("show")
@configuration_options
@click.argument("fingerprint", metavar="FINGERPRINT", type=FINGERPRINT)
def show(config_file: str | None, data: str | None, use_demo: bool, fingerprint: str) -> None:
    """Print a certificate that is in quarantine, in ASCII armor, for gpg --show-keys."""

    async def entry(rights: Rights) -> dict[str, str]:
        from wasmpuck.openpgp.armor import armor

        return {"certificate": armor((await rights.custody.entry(fingerprint)).data)}

    answer = _Office(config_file, use_demo, data).ask(f"/admin/keys/{fingerprint}/quarantine", None, entry)
    click.echo(answer["certificate"], nl=False)


@quarantine.command("add")
@configuration_options
@click.option("--reason", metavar="TEXT", default=_REASON, show_default=True, help="Told to whoever sends it again.")
@click.argument("fingerprints", metavar="FINGERPRINT…", nargs=-1, required=True, type=FINGERPRINT)
def add(config_file: str | None, data: str | None, use_demo: bool, reason: str, fingerprints: tuple[str, ...]) -> None:
    """Take published certificates out of publication without forgetting them."""
    office = _Office(config_file, use_demo, data)
    for fingerprint in fingerprints:
        work = partial(_confined, fingerprint=fingerprint, reason=reason)
        office.ask(f"/admin/keys/{fingerprint}/quarantine", {"reason": reason}, work)
        click.echo(f"{fingerprint}: is in quarantine")


@quarantine.command("release")
@configuration_options
@click.argument("fingerprints", metavar="FINGERPRINT…", nargs=-1, required=True, type=FINGERPRINT)
def release(config_file: str | None, data: str | None, use_demo: bool, fingerprints: tuple[str, ...]) -> None:
    """Publish what is in quarantine, merged with what is published."""
    office = _Office(config_file, use_demo, data)
    for fingerprint in fingerprints:
        work = partial(_released, fingerprint=fingerprint)
        answer = office.ask(f"/admin/keys/{fingerprint}/release", {}, work)
        click.echo(f"{fingerprint}: {_OUTCOMES[answer['outcome']]}")


@quarantine.command("discard")
@configuration_options
@click.argument("fingerprints", metavar="FINGERPRINT…", nargs=-1, required=True, type=FINGERPRINT)
def discard(config_file: str | None, data: str | None, use_demo: bool, fingerprints: tuple[str, ...]) -> None:
    """Forget what is in quarantine; what is published stays, and the certificate may be sent again."""
    office = _Office(config_file, use_demo, data)
    for fingerprint in fingerprints:
        office.ask(f"/admin/keys/{fingerprint}/discard", {}, partial(_discarded, fingerprint=fingerprint))
        click.echo(f"{fingerprint}: what was in quarantine is gone")


async def _confined(rights: Rights, *, fingerprint: str, reason: str) -> dict[str, bool]:
    await rights.custody.confine(fingerprint, reason=reason)
    return {"quarantined": True}


async def _released(rights: Rights, *, fingerprint: str) -> dict[str, str]:
    return {"outcome": await rights.custody.release(fingerprint)}


async def _discarded(rights: Rights, *, fingerprint: str) -> dict[str, bool]:
    await rights.custody.discard(fingerprint)
    return {"discarded": True}


async def _deleted(rights: Rights, *, fingerprint: str, reason: str, until: float | None) -> dict[str, bool]:
    return {"deleted": await rights.bury(fingerprint, reason=reason, until=until)}


async def _exhumed(rights: Rights, *, fingerprint: str) -> dict[str, bool]:
    return {"exhumed": await rights.exhume(fingerprint)}


async def _tombstones(rights: Rights) -> list[dict[str, Any]]:
    return [{"fingerprint": fingerprint} | asdict(burial) for fingerprint, burial in await rights.tombstones()]


class _Office:
    """Where the operator's wish is done: in the server that has the data folder, else here on its database."""

    def __init__(self, config_file: str | None, use_demo: bool, data: str | None) -> None:
        folder = data_folder(config_file, use_demo, data)
        self._way: Control | Configuration
        if server_runs(folder):
            self._way = Control.find(folder)
        elif config_file or use_demo:
            self._way = chosen_configuration(config_file, use_demo, dataDir=data)
        else:
            self._way = load_configuration(None, {"server.dataDir": str(folder)})

    def ask(self, path: str, content: object, work: Callable[[Rights], Awaitable[Any]]) -> Any:
        """The answer as the administration listener gives it; GET without `content`. Raises OperatorError."""
        if isinstance(self._way, Control):
            return self._way.get(path) if content is None else self._way.post(path, content)
        return asyncio.run(_directly(self._way, work))


async def _directly(configuration: Configuration, work: Callable[[Rights], Awaitable[Any]]) -> Any:
    from wasmpuck.app import open_keyserver, open_rights  # here, so that the other commands start at once

    logs.configure(configuration.server.log_format, "warning")
    async with open_keyserver(configuration) as keyserver:
        return await work(open_rights(configuration, keyserver))


def _show(rows: object, columns: Sequence[str], as_json: bool, nothing: str) -> None:
    shown = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    if not shown:
        click.echo(nothing)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in shown:
        cells = (_time(row[name]) if name in ("when", "until", "since") else plain(row.get(name)) for name in columns)
        table.add_row(*(Text(cell) for cell in cells))
    show_table(table)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
