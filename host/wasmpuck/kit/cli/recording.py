"""`hockeypuck-plugin record`: what passes between a plugin and its host, into a file."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

import click

from wasmpuck import logs
from wasmpuck.app import open_server
from wasmpuck.config import Configuration, load
from wasmpuck.kit.acts import perform, read_acts
from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.cli.options import ARTIFACT, around_options, circumstances
from wasmpuck.kit.cli.rendering import progress, say
from wasmpuck.kit.compiling import author_compiler
from wasmpuck.kit.recording import Recorder
from wasmpuck.kit.stand import PluginFailed, Stand

__all__ = ["record"]


@click.command()
@click.argument("artifact", type=ARTIFACT, required=False)
@click.argument("acts", type=ARTIFACT, required=False)
@click.option("-o", "--output", type=ARTIFACT, required=True, help="The transcript to write.")
@around_options
@click.option("--config", "config_file", metavar="FILE", help="Run the server of this configuration instead of ACTS.")
@click.option("--plugin", "name", metavar="NAME", help="With --config: the plugin to record.")
@click.option("--for", "seconds", type=float, help="With --config: for how long; by default until Control-C.")
@click.option("--bind", metavar="ADDRESS", help="With --config: where to serve HKP.")
@click.option("--admin-bind", metavar="ADDRESS", help="With --config: where to serve administration.")
@click.option("--most", type=click.IntRange(1), default=64, show_default=True, help="MB after which recording ends.")
def record(
    artifact: Path | None,
    acts: Path | None,
    output: Path,
    manifest: Path | None,
    config_file: str | None,
    name: str | None,
    seconds: float | None,
    bind: str | None,
    admin_bind: str | None,
    most: int,
    **around: Any,
) -> None:
    """Records every call of a plugin's exports and every host call that it makes, for `replay` and `profile`.

    Either a plugin on its own: ARTIFACT does what the file ACTS says (JSON, see docs/kit.md). Or one plugin of a
    server: --config runs the server, as `wasmpuck serve` does, with the recorder around the plugin.
    """
    served = config_file is not None
    if served == (artifact is not None) or served != (name is not None) or (not served and acts is None):
        raise click.UsageError("Give ARTIFACT and ACTS, or --config FILE and --plugin NAME.")
    with output.open("w", encoding="utf-8") as file:
        recorder = Recorder(file, plugin=name or "", most=most << 20)
        if config_file is not None:
            places = {"server.bind": bind, "server.adminBind": admin_bind}
            configuration = load(config_file, {key: value for key, value in places.items() if value is not None})
            asyncio.run(_serve(configuration, recorder, seconds))
        else:
            assert artifact is not None
            assert acts is not None
            asyncio.run(_stand(read_artifact(artifact, manifest), circumstances(**around), read_acts(acts), recorder))
    say(f"{recorder.calls:,} calls in {output}" + (f"; it ended at {most} MB" if recorder.full else ""))


async def _stand(verified: Any, around: Any, acts: Any, recorder: Recorder) -> None:
    async with contextlib.AsyncExitStack() as stack:
        with progress() as tell:
            stand = await stack.enter_async_context(
                Stand(verified, around, tap=recorder, compiler=author_compiler(tell))
            )
        for act in acts:
            try:
                await perform(stand, [act])
            except PluginFailed as failure:  # is in the transcript
                say(f"{failure.export} failed ({failure.reason})")


async def _serve(configuration: Configuration, recorder: Recorder, seconds: float | None) -> None:
    logs.configure(configuration.server.log_format, configuration.server.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_server(configuration, tap=recorder) as server:
        click.echo(f"ready hkp={server.ready.hkp} admin={server.ready.admin} metrics={server.ready.metrics}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
