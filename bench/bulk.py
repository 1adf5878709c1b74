"""Loading keyrings: certificates a second, memory, the size of the database; and uploads one by one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path

from bench.measure import Effort, Result, by_turns, compare
from bench.servers import Server, server
from wasmpuck.keyserver import Keyserver, Workers
from wasmpuck.keyserver.intake import entry_of
from wasmpuck.openpgp import Policy
from wasmpuck.openpgp.ingest import Prepared, prepare_many
from wasmpuck.openpgp.splitter import Piece, pieces_of_packets
from wasmpuck.storage import Entry, Indexing, SQLiteKeyStore

__all__ = ["measure"]

_ROOT = Path(__file__).resolve().parent.parent
_DEBIAN = Path("/usr/share/keyrings/debian-keyring.gpg")
_GENERATED = 20_000
_UPLOADS = 400
_CLIENTS = 8
_MIB = 1 << 20
_BINARY = {"Content-Type": "application/pgp", "Accept": "application/json"}
_INDEXING = Indexing(words=False, domains=False)
"""As `[search]` has it by default."""
_CONFIGURATION = "[plugins]\nenabled = false\n"


def _population(folder: Path, count: int, name: str = "generated.pgp") -> Path:
    """A keyring of so many generated certificates."""
    path = folder / name
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT / "tests"), *filter(None, sys.path)])}
    with path.open("wb") as file:
        command = [sys.executable, "-m", "vectors.population", str(count)]
        subprocess.run(command, stdout=file, env=environment, cwd=_ROOT, check=True)
    return path


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        for keyring in ("generated", "debian"):
            rate, size = f"load.{keyring}", f"db.ratio.{keyring}"
            if not wanted & {rate, size}:
                continue
            path = _DEBIAN if keyring == "debian" else await asyncio.to_thread(_population, folder, _GENERATED)
            bench = _Loading(folder, path)
            taken = await by_turns(effort.runs(4), bench.load, bench.vet)
            await bench.close()
            results.append(compare(rate, "/s", *taken))
            results.append(compare(size, "MB", bench.stored, bench.held))
        if "load.memory" in wanted:
            results.append(await _memory(folder, effort))
        if "upload.rate" in wanted:
            results.append(await _uploads(folder, effort))
    return [result for result in results if result.id in wanted]


class _Loading:
    """One keyring, loaded into a new database each time by processes that run already."""

    def __init__(self, folder: Path, keyring: Path) -> None:
        self._folder = folder
        self._keyring = keyring
        self._workers = Workers()
        self.stored: list[float] = []
        self.held: list[float] = []

    async def load(self) -> float:
        """Certificates a second, everything included but the start of processes."""
        path = self._folder / "load.sqlite"
        for left in self._folder.glob("load.sqlite*"):
            left.unlink()
        store = SQLiteKeyStore(path, indexing=_INDEXING)
        await store.open()
        started = time.perf_counter()
        report = await Keyserver(store, workers=self._workers).load([self._keyring])
        seconds = time.perf_counter() - started
        held = 0
        async for record in store.iterate():
            held += len(record.data)
        await store.close()
        self.stored.append(path.stat().st_size / 1e6)
        self.held.append(held / 1e6)
        return report.certificates / seconds

    async def vet(self) -> float:
        """Certificates a second if one process only vets them."""
        data = await asyncio.to_thread(self._keyring.read_bytes)
        pieces = list(pieces_of_packets((data,), 1 << 25))[:2_000]
        started = time.perf_counter()
        prepare_many(pieces, Policy())
        return len(pieces) / (time.perf_counter() - started)

    async def close(self) -> None:
        """Ends the processes."""
        await self._workers.close()


# --- memory --------------------------------------------------------------------------------------


async def _memory(folder: Path, effort: Effort) -> Result:
    """The most that `wasmpuck load` holds with all its processes, for a keyring and for one of a quarter of it."""
    whole = await asyncio.to_thread(_population, folder, _GENERATED, "whole.pgp")
    part = await asyncio.to_thread(_population, folder, _GENERATED // 4, "part.pgp")

    def peak(keyring: Path) -> Callable[[], Awaitable[float]]:
        return lambda: asyncio.to_thread(_peak, folder, keyring)

    taken = await by_turns(effort.runs(3), peak(whole), peak(part))
    return compare("load.memory", "MB", *taken)


def _peak(folder: Path, keyring: Path) -> float:
    configuration = folder / "wasmpuck.toml"
    configuration.write_text(_CONFIGURATION)
    with tempfile.TemporaryDirectory(dir=folder) as data:
        arguments = ["load", "--config", str(configuration), "--data", data, str(keyring)]
        process = subprocess.Popen([sys.executable, "-m", "wasmpuck", *arguments], stdout=subprocess.DEVNULL)
        most = 0
        while process.poll() is None:
            most = max(most, sum(map(_proportional, _family(process.pid))))
            time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"wasmpuck load ended with exit status {process.returncode}")
    return most / 1e6


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in _family(int(child)))]


def _proportional(pid: int) -> int:
    """Bytes of memory of a process, shared pages in parts (PSS)."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(text.partition("Pss:")[2].split()[0]) * 1024


# --- uploads -------------------------------------------------------------------------------------


async def _uploads(folder: Path, effort: Effort) -> Result:
    """Uploads a second over some connections, and writes a second of the same certificates by the store alone."""
    count = effort.count(_UPLOADS)
    keyring = await asyncio.to_thread(_population, folder, count * (effort.runs(4) + 2), "uploads.pgp")
    pieces = list(pieces_of_packets((await asyncio.to_thread(keyring.read_bytes),), 1 << 25))
    given = [iter(pieces), iter(pieces)]

    def some(which: int) -> list[Piece]:
        return [next(given[which]) for _ in range(count)]

    store = SQLiteKeyStore(folder / "writes.sqlite", indexing=_INDEXING)
    await store.open()
    async with server(folder, "uploads", _CONFIGURATION) as target:

        async def ours() -> float:
            return await asyncio.to_thread(_upload, target, some(0))

        async def reference() -> float:
            entries = _entries(some(1))
            started = time.perf_counter()
            for entry in entries:
                await store.write(entry, expected=None)
            return count / (time.perf_counter() - started)

        taken = await by_turns(effort.runs(4), ours, reference)
    await store.close()
    return compare("upload.rate", "/s", *taken)


def _entries(pieces: Sequence[Piece]) -> list[Entry]:
    made = prepare_many(pieces, Policy())
    return [entry_of(item) for item in made if isinstance(item, Prepared)]


def _upload(target: Server, pieces: Sequence[Piece]) -> float:
    from concurrent.futures import ThreadPoolExecutor

    def client(part: Sequence[Piece]) -> None:
        connection = HTTPConnection("127.0.0.1", target.port, timeout=60)
        for piece in part:
            connection.request("POST", "/pks/add", piece.data, _BINARY)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"an upload was answered {answer.status}")
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(client, [pieces[number::_CLIENTS] for number in range(_CLIENTS)]))
    return len(pieces) / (time.perf_counter() - started)
