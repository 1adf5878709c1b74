"""A server process that a test can start, ask, change and stop, with its folder, log and administration."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from e2e.client import Answer, ask

__all__ = ["PATIENCE", "PLUGINS", "PUBLISHERS", "ServerProcess", "command", "copy_code", "eventually", "running"]

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins-dist"
"""The demonstration plugins."""

PUBLISHERS = ROOT / "host" / "wasmpuck" / "demo" / "keyring"
"""The keyring that trusts the demonstration key."""

PATIENCE = 120.0
"""Seconds that a step may take before a test gives up; a slow machine needs a fraction of it."""

_READY = re.compile(
    r"ready hkp=(http://127\.0\.0\.1:\d+) admin=(http://127\.0\.0\.1:\d+) metrics=(http://127\.0\.0\.1:\d+/metrics)\n"
)


def eventually(holds: Callable[[], Any], what: str) -> Any:
    """The first true answer of `holds`; AssertionError when there is none for a long time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = holds()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"it did not come about that {what}")


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`wasmpuck …`, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "wasmpuck", *arguments],
        capture_output=True,
        text=True,
        env=_environment(),
        cwd=cwd,
        timeout=PATIENCE,
    )


def copy_code(source: Path, data: Path) -> None:
    """Gives a data folder the compiled code of another, if it has any, with the key that vouches for it."""
    if (source / "code.key").exists():
        shutil.copytree(source / "code", data / "code", dirs_exist_ok=True)
        shutil.copy2(source / "code.key", data / "code.key")


class ServerProcess:
    """`wasmpuck serve` on free ports of loopback.

    `folder` holds the configuration `wasmpuck.toml`, the data folder `data`, the log `log`, and the folders `plugins`
    and `publishers`, which a configuration may name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "wasmpuck.toml"
        self.data = folder / "data"
        self.plugins = folder / "plugins"
        self.publishers = folder / "publishers"
        self.url = self.admin = self.metrics_url = ""
        self.process: subprocess.Popen[str] | None = None
        for each in (self.data, self.plugins, self.publishers):
            each.mkdir(parents=True, exist_ok=True)

    # --- life --------------------------------------------------------------------------------------------------------

    def launch(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts the process without waiting for it; its log goes to `folder/log`."""
        given = ["--config", str(self.config), "--data", str(self.data)]
        free = ["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wasmpuck", "serve", *given, *free, *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(),
                cwd=self.folder,
            )
        return self.process

    def start(self, *arguments: str) -> None:
        """Starts the process and waits until it is ready; RuntimeError with its log when it does not get there."""
        process = self.launch(*arguments)
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline() if selector.select(PATIENCE) else ""
        found = _READY.fullmatch(line)
        if found is None:
            process.kill()
            raise RuntimeError(f"the server did not get ready: {line!r}\n{self.log}")
        self.url, self.admin, self.metrics_url = found.groups()

    def refused(self) -> tuple[int, str, str]:
        """Starts a process that must end by itself; its exit status, standard output and log."""
        process = self.launch()
        out, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, out, self.log

    def stop(self) -> str:
        """SIGTERM; the rest of standard output. RuntimeError unless the exit status is 0."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=PATIENCE)
        if self.process.returncode != 0:
            raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log}")
        return out

    def kill(self) -> None:
        """Ends the process if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    # --- asking ------------------------------------------------------------------------------------------------------

    @property
    def log(self) -> str:
        """Everything that was logged so far."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def token(self) -> str:
        """The administrator's token."""
        return (self.data / "admin.token").read_text()

    def administer(self, method: str, path: str) -> Answer:
        """A request to the administration with the token."""
        return ask(self.admin, method, path, headers={"Authorization": f"Bearer {self.token}"}, timeout=PATIENCE)

    def rows(self) -> dict[str, dict[str, Any]]:
        """The plugins as the administration reports them, by name."""
        return {row["name"]: row for row in self.administer("GET", "/admin/plugins").json}

    def reload(self) -> dict[str, dict[str, Any]]:
        """Has the configuration and the folder read again; the outcomes by plugin."""
        answer = self.administer("POST", "/admin/reload")
        assert answer.status in (200, 409), answer.text
        return {outcome["name"]: outcome for outcome in answer.json}

    def swap(self, name: str) -> Answer:
        """Replaces a plugin."""
        return self.administer("POST", f"/admin/plugins/{name}/swap")

    def samples(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The samples of one series of the metrics page by their labels, which are sorted."""
        page = ask(self.admin, "GET", "/metrics").text
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name
        }

    def sample(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels among others; 0 when there is none."""
        wanted = set(labels.items())
        return sum(value for found, value in self.samples(name).items() if wanted <= set(found))

    def calls(self, plugin: str, export: str = "middleware.on-request") -> dict[str, int]:
        """Calls of an export so far by outcome."""
        found = self.samples("wasmpuck_plugin_calls_total")
        return {
            labels["outcome"]: int(value)
            for labels, value in ((dict(key), value) for key, value in found.items())
            if labels["plugin"] == plugin and labels["export"] == export
        }

    def memory(self) -> int:
        """Bytes of memory that the process holds (resident)."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@contextmanager
def running(folder: Path, configuration: str, arguments: Sequence[str] = ()) -> Iterator[ServerProcess]:
    """A server with this configuration (TOML), stopped in the end and held to exit status 0."""
    server = ServerProcess(folder)
    server.config.write_text(configuration)
    try:
        server.start(*arguments)
        yield server
        server.stop()
    finally:
        server.kill()
