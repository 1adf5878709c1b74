"""Programs that are ended by `kill -9` at any moment, and what has to be true of the store then."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from e2e.client import ask
from e2e.processes import PATIENCE
from keyserver.stores import Place
from vectors.population import people
from wasmpuck.keyserver import Workers
from wasmpuck.keyserver.upkeep import Finding, Upkeep
from wasmpuck.openpgp import Policy
from wasmpuck.openpgp.ingest import Prepared, prepare
from wasmpuck.openpgp.splitter import Piece
from wasmpuck.storage import Indexing

__all__ = ["Victim", "canonical"]

#: What programs with the default `[search]` index.
AS_SERVED = Indexing(words=False, domains=False)

_CLIENTS = 4
_BINARY = {"Content-Type": "application/pgp", "Accept": "application/json"}


def canonical(certificates: Sequence[bytes]) -> dict[str, bytes]:
    """What is stored of certificates, by fingerprint."""
    made = [prepare(Piece(data, 0), Policy()) for data in certificates]
    return {item.fingerprint: item.data for item in made if isinstance(item, Prepared)}


@dataclass
class Victim:
    """A store on one backend, and the programs on it that are killed with all their processes."""

    place: Place
    random: random.Random
    workers: Workers
    kills: int = 0
    uploads: Iterator[bytes] = field(default_factory=lambda: people(1_000_000, seed="uploads"))
    acknowledged: dict[str, bytes] = field(default_factory=dict)

    def configure(self) -> None:
        """Writes the configuration."""
        lines = ["[server]", 'dataDir = "data"', "[plugins]", "enabled = false", "[storage]"]
        if self.place.server is None:
            lines.append(f'path = "{self.place.folder / "keys.sqlite"}"')
        else:
            lines.append(f'url = "{asyncio.run(self.place.url())}"')
        (self.place.folder / "wasmpuck.toml").write_text("\n".join(lines) + "\n")

    # --- the programs --------------------------------------------------------------------------

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        """In a group of its own, so that a signal reaches its worker processes as well."""
        with (self.place.folder / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "wasmpuck", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                cwd=self.place.folder,
                start_new_session=True,
            )

    def _kill(self, process: subprocess.Popen[str]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self.kills += 1

    def upload_and_kill(self) -> int:
        """Kills a server that is taking uploads; returns how many it had acknowledged."""
        listen = ["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"]
        process = self._start("serve", "--config", "wasmpuck.toml", *listen)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), self.log
        url = line.split()[1].removeprefix("hkp=")
        before, stop, lock = len(self.acknowledged), threading.Event(), threading.Lock()

        def client() -> None:
            while not stop.is_set():
                with lock:
                    data = next(self.uploads)
                try:
                    answer = ask(url, "POST", "/pks/add", data, _BINARY)
                    taken = answer.json["inserted"] if answer.status == 200 else []
                except (OSError, ValueError, HTTPException):
                    return
                if taken:
                    with lock:
                        self.acknowledged |= canonical([data])

        threads = [threading.Thread(target=client) for _ in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + PATIENCE
        wanted = before + self.random.randrange(1, 60)
        while len(self.acknowledged) < wanted and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(self.random.random() * 0.02)
        self._kill(process)
        stop.set()
        for thread in threads:
            thread.join()
        return len(self.acknowledged) - before

    def load(self, keyring: Path, *, kill: bool) -> bool:
        """Loads a keyring; kills that at some moment after the first batch, if it is to be. Whether it ended itself."""
        journal = self.place.folder / "data" / "loading"
        before = _marks(journal)
        process = self._start("load", "--config", "wasmpuck.toml", str(keyring))
        assert process.stdout is not None
        deadline = time.monotonic() + PATIENCE
        while kill and process.poll() is None and _marks(journal) == before and time.monotonic() < deadline:
            time.sleep(0.001)
        if kill and process.poll() is None:
            time.sleep(self.random.random() * 0.4)
            if process.poll() is None:
                self._kill(process)
                return False
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, self.log
        return True

    @property
    def log(self) -> str:
        """What the programs wrote to standard error."""
        return (self.place.folder / "log").read_text()

    # --- the store -----------------------------------------------------------------------------

    def examine(self) -> tuple[dict[str, bytes], list[Finding]]:
        """Everything in the store, and what `wasmpuck verify` finds in it."""
        findings: list[Finding] = []

        async def run() -> dict[str, bytes]:
            async with self.place.store(AS_SERVED) as store:
                upkeep = Upkeep(store, self.workers, Policy(), findings.append, lambda number, fingerprint: None)
                await upkeep.verify(repair=False)
                return {record.fingerprint: record.data async for record in store.iterate()}

        return asyncio.run(run()), findings


def _marks(journal: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in journal.glob("*.json")}
