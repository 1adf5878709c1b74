"""`wasmpuck load` and `wasmpuck dump` as processes: what is loaded comes out again, within bounds, beside a server."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.client import ask, lookup
from e2e.processes import ServerProcess, command
from vectors.owner import Owner, packet
from vectors.packages import debian_keyrings
from vectors.population import keyring, people
from wasmpuck.openpgp.ingest import Prepared, combine, prepare_many
from wasmpuck.openpgp.policy import Policy, RefusalCode, Rule
from wasmpuck.openpgp.splitter import pieces_of_packets

CONFIGURATION = "[plugins]\nenabled = false\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a configuration `wasmpuck.toml`; the data go to `data`."""
    (tmp_path / "wasmpuck.toml").write_text(CONFIGURATION)
    return tmp_path


def wasmpuck(folder: Path, name: str, *arguments: str, status: int = 0) -> str:
    """A command in the folder, with its configuration; its standard output."""
    done = command(name, "--config", "wasmpuck.toml", "--data", "data", *arguments, cwd=folder)
    assert done.returncode == status, done.stderr
    return done.stdout


def poisoned() -> dict[str, tuple[str, bytes]]:
    """Shapes that made keyservers suffer, each with the code of the reason for which it is refused."""
    ann, ben = Owner("ann"), Owner("ben")
    noise = random.Random(1).randbytes
    return {
        "bare user ids": (
            RefusalCode.NO_SELF_SIGNATURE,
            ann.certificate(*((13, b"Ann %d" % number) for number in range(1_000))),
        ),
        "false self-signature": (
            RefusalCode.NO_SELF_SIGNATURE,
            ben.certificate((13, b"Ben"), ben.sign(0x13, ben.about("Ben"), spoil=True)),
        ),
        "secret key": (RefusalCode.SECRET_KEY, packet(5, ann.body + bytes(40))),
        "other algorithm": (RefusalCode.UNPARSEABLE_PRIMARY, packet(6, b"\x04" + bytes(4) + b"\x63" + noise(40))),
        "huge packet": (RefusalCode.TOO_LARGE, ann.certificate((13, bytes(40_000_000)))),
        "a strange packet before trust": (
            RefusalCode.NO_SELF_SIGNATURE,
            Owner("cay").certificate((60, noise(50)), (12, b"\x01\x02")),
        ),
    }


def test_all_that_is_loaded_comes_out_again(folder: Path) -> None:
    """Debian's keyrings, generated keys and poisoned shapes: each refused one has a reason, each other one is dumped
    packet for packet as it is to be stored.
    """
    shapes = poisoned()
    (folder / "keys").mkdir()
    (folder / "keys" / "generated.pgp.gz").write_bytes(gzip.compress(keyring(1_500), 1))
    (folder / "keys" / "poisoned.pgp").write_bytes(b"".join(data for _, data in shapes.values()))
    for path in debian_keyrings():
        (folder / "keys" / path.name).symlink_to(path)
    output = wasmpuck(folder, "load", "--report", "refused.jsonl", "keys")
    refused = [json.loads(line) for line in (folder / "refused.jsonl").read_text().splitlines()]
    of_shapes = [line for line in refused if line["source"].endswith("poisoned.pgp")]
    assert Counter(line["code"] for line in of_shapes) == Counter(code for code, _ in shapes.values())
    assert all(line["reason"] and line["code"] in output for line in refused)

    wanted: dict[str, bytes] = {}
    drops: Counter[str] = Counter()
    sources = [keyring(1_500), *(path.read_bytes() for path in debian_keyrings())]
    for number, data in enumerate(sources):
        for made in prepare_many(list(pieces_of_packets((data,), 1 << 25)), Policy()):
            if isinstance(made, Prepared):
                known = wanted.get(made.fingerprint)  # some are in two keyrings, in different states
                if known is not None:
                    merged = combine(known, made.data, Policy())
                    assert isinstance(merged, Prepared)
                    made = merged
                wanted[made.fingerprint] = made.data
                drops.update(dict(made.drops))
            else:
                assert number, "a generated one is refused"
    assert {Rule(rule) for rule in drops} <= set(Rule)
    wasmpuck(folder, "dump", "--count", "1000", "--compress", "zstd", "dumped")
    assert json.loads((folder / "dumped" / "dump.json").read_text())["complete"] is True
    wasmpuck(folder, "verify")
    found = dumped(folder, "data")
    assert found.keys() == wanted.keys()
    differing = [name for name in found if found[name] != wanted[name]]
    assert differing == []
    done = command("load", "--config", "wasmpuck.toml", "--data", "again", "dumped", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert dumped(folder, "again") == found


def dumped(folder: Path, data: str) -> dict[str, bytes]:
    """The certificates of a data folder, by fingerprint."""
    done = subprocess.run(
        [sys.executable, "-m", "wasmpuck", "dump", "--config", "wasmpuck.toml", "--data", data, "-"],
        capture_output=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        check=True,
    )
    made = prepare_many(list(pieces_of_packets((done.stdout,), 1 << 25)), Policy())
    return {item.fingerprint: item.data for item in made if isinstance(item, Prepared)}


def test_a_report_is_csv_if_its_name_says_so(folder: Path) -> None:
    """With a line of names first."""
    (folder / "keys").write_bytes(Owner("ann").certificate((13, b"Ann")))
    wasmpuck(folder, "load", "--report", "refused.csv", "keys")
    (line,) = csv.DictReader((folder / "refused.csv").read_text().splitlines())
    assert (line["source"], line["offset"], line["code"]) == ("keys", "0", "no-valid-self-signature")


def test_standard_input_is_loaded(folder: Path) -> None:
    """Through a pipe, and again out of one."""
    data = gzip.compress(keyring(20))
    base = [sys.executable, "-m", "wasmpuck"]
    options = ["--config", "wasmpuck.toml", "--data", "data", "-"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([*base, "load", *options], input=data, check=True, cwd=folder, env=environment, capture_output=True)
    assert len(dumped(folder, "data")) == 20


@contextmanager
def serving(folder: Path) -> Iterator[ServerProcess]:
    """A server on the same data."""
    server = ServerProcess(folder)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        server.kill()


def test_loading_works_beside_a_server(folder: Path) -> None:
    """The server serves what is loaded and takes uploads meanwhile; a verification and a dump run beside it as well."""
    (folder / "keys.pgp").write_bytes(keyring(4_000))
    with serving(folder) as server:
        arguments = ["load", "--config", "wasmpuck.toml", "--data", "data", "keys.pgp"]
        process = subprocess.Popen(
            [sys.executable, "-m", "wasmpuck", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        uploads = people(10_000, seed="uploads")
        taken = 0
        while process.poll() is None:
            answer = ask(server.url, "POST", "/pks/add", next(uploads), {"Content-Type": "application/pgp"})
            assert answer.status == 200, answer.text
            taken += 1
        assert process.returncode == 0
        assert lookup(server.url, "get", "person3999@population.example", options="mr").status == 200
        total = ask(server.url, "GET", "/pks/stats?options=json").json["total"]
        assert total == 4_000 + taken
        wasmpuck(folder, "verify")
        assert len(dumped(folder, "data")) == total


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in family(int(child)))]


def resident(pid: int) -> int:
    """Bytes of memory of a process that no other shares."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Private_"))


def peak(folder: Path, name: str) -> int:
    """The most memory that loading a file takes, all processes together."""
    arguments = ["load", "--config", "wasmpuck.toml", "--data", f"{name}.data", name]
    process = subprocess.Popen(
        [sys.executable, "-m", "wasmpuck", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    most = 0
    while process.poll() is None:
        most = max(most, sum(map(resident, family(process.pid))))
        time.sleep(0.02)
    assert process.returncode in (0, 1)
    return most


def test_memory_does_not_grow_with_the_file(folder: Path) -> None:
    """Five times as many certificates need hardly more memory, and a bomb behind them neither."""
    small, large = keyring(1_500), keyring(7_500)
    (folder / "small").write_bytes(small)
    (folder / "large").write_bytes(large)
    (folder / "bomb").write_bytes(gzip.compress(small) + gzip.compress(packet(13, bytes(300_000_000)), 1))
    usual = peak(folder, "small")
    assert peak(folder, "large") < usual + (48 << 20)
    assert peak(folder, "bomb") < usual + (160 << 20)
