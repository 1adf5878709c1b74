from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import zstandard

from vectors.population import people
from wasmpuck.errors import OperatorError
from wasmpuck.keyserver.dumping import Compression, Dump, Selection, dump_files, dump_stream
from wasmpuck.keyserver.intake import entry_of
from wasmpuck.openpgp.ingest import Prepared, prepare
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.splitter import Piece, pieces_of_packets
from wasmpuck.storage import Entry, Record, SQLiteKeyStore

COUNT = 130


def entries() -> list[Entry]:
    """Certificates, as a store takes them."""
    made = [prepare(Piece(data, 0), Policy()) for data in people(COUNT)]
    return [entry_of(item) for item in made if isinstance(item, Prepared)]


ENTRIES = entries()
DATA = {entry.fingerprint: entry.data for entry in sorted(ENTRIES, key=lambda entry: entry.fingerprint)}
WHOLE = b"".join(DATA.values())


class Ended(Exception):
    """The dump is ended."""


class Ending(SQLiteKeyStore):
    """A store from which only some certificates can be read."""

    readable = 1_000_000

    async def iterate(self, *, after: str = "") -> AsyncIterator[Record]:
        """Until it ends."""
        number = 0
        async for record in super().iterate(after=after):
            if number == self.readable:
                raise Ended
            number += 1
            yield record


def stored(folder: Path) -> Ending:
    """A store with everything in it, not open."""
    store = Ending(folder / "keys.sqlite", clock=lambda: 1_000.0)

    async def fill() -> None:
        await store.open()
        await store.write_many([(entry, None) for entry in ENTRIES])
        await store.close()

    asyncio.run(fill())
    return Ending(folder / "keys.sqlite")


def dumped(store: Ending, folder: Path, readable: int = 1_000_000, **more: object) -> Dump | None:
    """A dump into files of 40; None if it was ended."""

    async def run() -> Dump | None:
        await store.open()
        store.readable = readable
        try:
            return await dump_files(store, folder, count=40, **more)  # type: ignore[arg-type]  # by name
        except Ended:
            return None
        finally:
            await store.close()

    return asyncio.run(run())


def unpacked(path: Path) -> bytes:
    """What is in a file."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().stream_reader(data).read()
    return data


@pytest.mark.parametrize("compression", ["none", "gz", "zstd"])
def test_files_hold_every_certificate_once(tmp_path: Path, compression: Compression) -> None:
    """In the order of fingerprints, `count` to a file, and as the list of files says."""
    dump = dumped(stored(tmp_path), tmp_path / "dump", compression=compression)
    assert dump is not None
    listed = json.loads((tmp_path / "dump" / "dump.json").read_text())
    assert listed["complete"] is True
    assert [file["certificates"] for file in listed["files"]] == [40, 40, 40, 10]
    whole = b""
    for file in listed["files"]:
        path = tmp_path / "dump" / file["name"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        assert path.stat().st_size == file["size"]
        assert len(list(pieces_of_packets([unpacked(path)], 1 << 20))) == file["certificates"]
        whole += unpacked(path)
    assert whole == WHOLE
    assert len(list((tmp_path / "dump").iterdir())) == 5


def test_no_digest_is_missed(tmp_path: Path) -> None:
    """Also not those that end in zeros, which Hockeypuck's dump loses (defect D4)."""
    number, chosen = 0, list[Entry]()
    while len(chosen) < 2:
        for data in people(100, first=number):
            made = prepare(Piece(data, 0), Policy())
            assert isinstance(made, Prepared)
            if made.md5.endswith("00"):
                chosen.append(entry_of(made))
        number += 100
    store = SQLiteKeyStore(tmp_path / "keys.sqlite")
    out = io.BytesIO()

    async def run() -> int:
        await store.open()
        await store.write_many([(entry, None) for entry in chosen])
        made = await dump_stream(store, out)
        await store.close()
        return made

    assert asyncio.run(run()) == len(chosen)
    assert out.getvalue() == b"".join(entry.data for entry in sorted(chosen, key=lambda entry: entry.fingerprint))


def test_a_dump_that_was_ended_is_completed(tmp_path: Path) -> None:
    """Whole files stay as they are, no file is ever there in part, and what is asked for otherwise begins anew."""
    store, folder = stored(tmp_path), tmp_path / "dump"
    assert dumped(store, folder, readable=95) is None
    names = sorted(path.name for path in folder.glob("wasmpuck-dump-*"))
    assert names == ["wasmpuck-dump-0000.pgp", "wasmpuck-dump-0001.pgp"]
    before = [(folder / name).stat().st_mtime_ns for name in names]
    dump = dumped(store, folder)
    assert dump is not None
    assert dump.certificates == COUNT
    assert [(folder / name).stat().st_mtime_ns for name in names] == before
    assert b"".join((folder / file.name).read_bytes() for file in dump.files) == WHOLE
    assert dumped(store, folder, readable=50) is None
    other = dumped(store, folder, compression="gz")
    assert other is not None
    assert b"".join(unpacked(folder / file.name) for file in other.files) == WHOLE
    assert len(list(folder.iterdir())) == 5


def test_the_time_of_the_last_change_selects(tmp_path: Path) -> None:
    """`since` and before `until`; an empty selection is an empty, complete dump."""
    store = stored(tmp_path)
    for selection, number in ((Selection(since=1_000.0), COUNT), (Selection(until=1_000.0), 0)):
        dump = dumped(store, tmp_path / "dump", selection=selection)
        assert dump is not None
        assert (dump.complete, dump.certificates) == (True, number)


def test_files_of_others_are_not_touched(tmp_path: Path) -> None:
    """A folder with files of these names but no list of ours is refused, and so is one with a list that is not ours."""
    folder = tmp_path / "dump"
    folder.mkdir()
    (folder / "wasmpuck-dump-0000.pgp").write_bytes(b"precious")
    with pytest.raises(OperatorError, match=r"no dump\.json"):
        dumped(stored(tmp_path), folder)
    (folder / "dump.json").write_text("[]")
    with pytest.raises(OperatorError, match="not the list"):
        dumped(Ending(tmp_path / "keys.sqlite"), folder)
    assert (folder / "wasmpuck-dump-0000.pgp").read_bytes() == b"precious"


@pytest.mark.parametrize("compression", ["none", "gz", "zstd"])
def test_a_stream_holds_the_same(tmp_path: Path, compression: Compression) -> None:
    """As one keyring, compressed or not."""
    store, out = stored(tmp_path), tmp_path / {"none": "out", "gz": "out.gz", "zstd": "out.zst"}[compression]

    async def run() -> int:
        await store.open()
        try:
            with out.open("wb") as file:
                return await dump_stream(store, file, compression=compression)
        finally:
            await store.close()

    assert asyncio.run(run()) == COUNT
    assert unpacked(out) == WHOLE
