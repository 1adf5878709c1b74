"""A plugin in a scratch server that follows its sources: what changes is built, and put into service by the server's
own lifecycle. Whatever fails leaves the generation in service alone.

The build runs in a process of its own: it executes scripts and takes a while, and the server goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from wasmpuck.app import Server, open_server
from wasmpuck.errors import CallReason, StartRefused
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.compiling import author_compiler
from wasmpuck.kit.scratch import Scratch
from wasmpuck.kit.sources import Project, watched_files
from wasmpuck.plugins.plugin import Plugin

__all__ = ["Runner", "Tell"]

#: Takes what happened (`ready`, `swapped`, `calls`, …) and its facts.
Tell = Callable[..., None]

_LOOK_EVERY: Final = 0.3
#: Whose warnings are that nothing is signed, and refusals, which are told as outcomes.
_TOLD_OTHERWISE: Final = frozenset({"wasmpuck.plugins.change", "wasmpuck.plugins.workshop"})
_COMMAND: Final = "from wasmpuck.kit.cli import main; main()"

Marks = dict[Path, tuple[int, int]]


class Runner:
    """The plugin of a folder in a server of its own.

    Args:
        folder: the plugin's sources.
        around, port, admin_port, certificates, beside: as in `Scratch`.
        tell: is told what happens, from `ready` on.
    """

    def __init__(
        self,
        folder: Path,
        tell: Tell,
        *,
        around: Circumstances | None = None,
        port: int = 0,
        admin_port: int = 0,
        certificates: tuple[Path, ...] = (),
        beside: tuple[Path, ...] = (),
    ) -> None:
        self._folder = folder
        self._tell = tell
        self._around = around or Circumstances()
        self._ports = (port, admin_port)
        self._certificates = certificates
        self._beside = beside

    async def run(self, artifact: Path, stop: asyncio.Event, *, progress: Callable[[str, float], None]) -> None:
        """Serves the artifact, then every later build of the folder, until `stop` is set.

        Raises:
            StartRefused: the plugin does not come into service.
            OperatorError: an address cannot be had.
        """
        marks = _marks(self._folder)
        async with self._opened(artifact, progress) as (server, scratch):
            plugin = _serving(server, artifact.stem)
            self._tell(
                "ready",
                hkp=server.ready.hkp,
                admin=server.ready.admin,
                metrics=server.ready.metrics,
                plugin=plugin.name,
                version=plugin.version,
                generation=plugin.generation,
                worlds=list(plugin.worlds),
                grants=list(plugin.settings.grants),
            )
            if stop.is_set():
                return
            chores = [
                asyncio.create_task(self._follow(server, scratch, marks), name="sources"),
                asyncio.create_task(self._count(server, plugin.name), name="calls"),
                asyncio.create_task(stop.wait(), name="stop"),
            ]
            try:
                done, _ = await asyncio.wait(chores, return_when=asyncio.FIRST_COMPLETED)
                for chore in done:
                    chore.result()
            finally:
                for chore in chores:
                    chore.cancel()
                await asyncio.gather(*chores, return_exceptions=True)
            self._tell("stopping")

    @contextlib.asynccontextmanager
    async def _opened(
        self, artifact: Path, progress: Callable[[str, float], None]
    ) -> AsyncIterator[tuple[Server, Scratch]]:
        with tempfile.TemporaryDirectory(prefix="wasmpuck-run-") as folder:
            port, admin_port = self._ports
            scratch = Scratch(Path(folder), self._around, port, admin_port, self._certificates, self._beside)
            scratch.prepare()
            with _LiveLog(artifact.stem, self._tell):
                configuration = scratch.install(artifact)
                async with open_server(configuration, compiler=author_compiler(progress)) as server:
                    yield server, scratch

    # --- sources ---------------------------------------------------------------------------------

    async def _follow(self, server: Server, scratch: Scratch, before: Marks) -> None:
        """Builds whenever a source has changed and has been left alone for a moment."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            now = await asyncio.to_thread(_marks, self._folder)
            if now == before:
                continue
            changed = sorted(path.as_posix() for path in {*now, *before} if now.get(path) != before.get(path))
            before = now
            self._tell("building", changed=changed)
            started = time.monotonic()
            artifact = await self._build()
            if artifact is not None:
                await self._swap(server, scratch, artifact, started)

    async def _build(self) -> Path | None:
        """The artifact; `None` when there is none, which has been told."""
        command = ["build", str(self._folder)]
        if self._around.runtimes is not None:
            command += ["--runtimes", str(self._around.runtimes)]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _COMMAND,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        if process.returncode == 0:
            return Project.open(self._folder).artifact
        self._tell("build-failed", output=_without_colours(output.decode("utf-8", "replace")).strip())
        return None

    async def _swap(self, server: Server, scratch: Scratch, artifact: Path, started: float) -> None:
        try:
            configuration = scratch.install(artifact)
            outcomes = await server.lifecycle.reload(configuration)
        except Exception as error:  # the server and the generation in service go on
            self._tell("refused", plugin=artifact.stem, reason=str(error), hint=getattr(error, "hint", ""))
            return
        for outcome in outcomes:
            if outcome.what == "refused":
                self._tell("refused", plugin=outcome.name, reason=outcome.reason, hint=outcome.hint)
            elif outcome.name == artifact.stem:
                self._tell(
                    "swapped" if outcome.what == "published" else outcome.what,
                    plugin=outcome.name,
                    version=outcome.version,
                    generation=outcome.generation,
                    seconds=round(time.monotonic() - started, 2),
                )

    # --- calls -----------------------------------------------------------------------------------

    async def _count(self, server: Server, name: str) -> None:
        """Tells what the calls since the last look have cost, export by export."""
        account = server.lifecycle.data[name].account
        told = {export: _figures(one) for export, one in account.exports.items()}
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            plugin = server.lifecycle.registry.current.plugins.get(name)
            for export, statistics in account.exports.items():
                now = _figures(statistics)
                calls, failed, fuel, seconds = (
                    one - other for one, other in zip(now, told.get(export, (0, 0, 0, 0.0)), strict=True)
                )
                told[export] = now
                if calls and (failed or not _is_routine(export)):
                    budget = plugin.limits.fuel if plugin is not None else 0
                    self._tell(
                        "calls",
                        export=export,
                        calls=calls,
                        failed=failed,
                        fuel=int(fuel / calls),
                        budget=budget,
                        seconds=seconds / calls,
                    )


def _serving(server: Server, name: str) -> Plugin:
    """The plugin in service. Raises `StartRefused` when it, or one beside it, is not."""
    for row in server.lifecycle.report():
        if row["reason"] and not row["generation"]:
            raise StartRefused(f"{row['name']} does not come into service: {row['reason']}", hint=row["hint"])
    return server.lifecycle.registry.current.plugins[name]


def _is_routine(export: str) -> bool:
    """Whether the server calls it on its own account: at each swap, and to ask for the health."""
    interface, _, function = export.partition(".")
    return interface == "lifecycle" or function.startswith("describe-")


def _figures(statistics: Any) -> tuple[int, int, int, float]:
    calls = statistics.calls
    return calls, calls - statistics.outcomes[CallReason.OK], statistics.fuel, statistics.seconds


def _marks(folder: Path) -> Marks:
    """What tells a changed source from an unchanged one."""
    found: Marks = {}
    for path in watched_files(folder):
        with contextlib.suppress(OSError):  # it went away meanwhile
            status = (folder / path).stat()
            found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _without_colours(text: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", text)


class _LiveLog(logging.Handler):
    """Tells what the plugin logs, and what the server has to warn about."""

    def __init__(self, plugin: str, tell: Tell) -> None:
        super().__init__(logging.DEBUG)
        self._own = logging.getLogger(f"wasmpuck.plugin.{plugin}")
        self._host = logging.getLogger("wasmpuck")
        self._tell = tell

    def __enter__(self) -> None:
        self._levels = (self._own.level, self._host.propagate)
        self._own.setLevel(logging.DEBUG)
        self._host.propagate = False
        self._host.addHandler(self)

    def __exit__(self, *error: object) -> None:
        self._host.removeHandler(self)
        level, self._host.propagate = self._levels
        self._own.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Tells of a record."""
        level = {"warning": "warn"}.get(record.levelname.lower(), record.levelname.lower())
        if record.name == self._own.name:
            self._tell("log", level=level, message=record.getMessage(), fields=dict(getattr(record, "fields", {})))
        elif record.levelno >= logging.WARNING and record.name not in _TOLD_OTHERWISE:
            self._tell("server", level=level, message=record.getMessage())
