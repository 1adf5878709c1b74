"""`wasmpuck serve` as a process of its own, as an operator starts it."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Running", "wasmpuck_serve"]

_READY = re.compile(r"ready hkp=(\S+) admin=(\S+) metrics=(\S+)\n?")
_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts connections: its process and its URLs, without a trailing slash."""

    process: subprocess.Popen[str]
    url: str
    admin: str
    metrics: str


def _ready_line(process: subprocess.Popen[str], log: Path) -> re.Match[str]:
    if process.stdout is None:
        raise RuntimeError("the server has no standard output")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if selector.select(timeout=_PATIENCE_SECONDS):
            found = _READY.fullmatch(process.stdout.readline())
            if found is not None:
                return found
    raise RuntimeError(f"the server did not get ready (exit status {process.poll()}):\n{log.read_text()}")


@contextmanager
def wasmpuck_serve(folder: Path, configuration: str) -> Iterator[Running]:
    """Starts a server with this configuration (TOML) on free ports of loopback, its data in `folder`.

    At the end it gets SIGTERM and must exit with status 0; RuntimeError with its log when it does not, or when it never
    gets ready.
    """
    config, log = folder / "wasmpuck.toml", folder / "log"
    config.write_text(configuration)
    loopback = "127.0.0.1:0"
    arguments = ["--config", str(config), "--bind", loopback, "--admin-bind", loopback, "--data", str(folder / "data")]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "wasmpuck", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    try:
        urls = _ready_line(process, log)
        yield Running(process, *urls.groups())
        process.terminate()
        if process.wait(timeout=_PATIENCE_SECONDS) != 0:
            raise RuntimeError(f"the server ended with exit status {process.returncode}:\n{log.read_text()}")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
