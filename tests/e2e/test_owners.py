"""Owners with real programs against a real server: two commands each, and nothing of a deleted certificate remains."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.client import lookup, upload
from e2e.command import Running, wasmpuck_serve
from e2e.gnupg import GnuPG
from vectors.packages import install
from wasmpuck.openpgp.armor import dearmor
from wasmpuck.openpgp.packets import Tag, walk
from wasmpuck.storage.terms import TermKind, term

NAME = "owners.example"
RSA = "Key-Type: RSA\nKey-Length: 4096\nSubkey-Type: RSA\nSubkey-Length: 4096"
"""Large enough that the database keeps a listing beside it."""

ED25519 = "Key-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519"


@pytest.fixture(scope="module")
def home(gnupg: None) -> Iterator[GnuPG]:
    """The gpg of owner and administrator; what it knows as its keyserver does not matter."""
    with GnuPG("hkp://127.0.0.1:9") as gpg:
        yield gpg


@pytest.fixture(scope="module")
def administrator(home: GnuPG) -> str:
    """A key that may do everything."""
    return home.generate(ED25519, "Root <root@owners.example>")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the server."""
    return tmp_path_factory.mktemp("owners")


@pytest.fixture(scope="module")
def running(folder: Path, home: GnuPG, administrator: str) -> Iterator[Running]:
    """A server with an administrator, whose certificate is in a file."""
    (folder / "root.asc").write_bytes(home.run("--export", "--armor", administrator))
    configuration = (
        f'[server]\nhostname = "{NAME}"\n[plugins]\nenabled = false\n'
        f'[rights]\nadminKeys = ["{administrator}"]\nadminCertificates = ["root.asc"]\n'
    )
    with wasmpuck_serve(folder, configuration) as server:
        yield server


def command(home: GnuPG, *arguments: str, data: str = "") -> subprocess.CompletedProcess[str]:
    """`wasmpuck …` with this gpg."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "GNUPGHOME": str(home.home)}
    return subprocess.run(
        [sys.executable, "-m", "wasmpuck", *arguments], input=data, capture_output=True, text=True, env=environment
    )


def ok(done: subprocess.CompletedProcess[str]) -> str:
    """The standard output of a command that must succeed."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(home: GnuPG, script: str) -> str:
    """A pipeline as an owner types it."""
    environment = os.environ | {"GNUPGHOME": str(home.home), "no_proxy": "*"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, env=environment, cwd=home.home
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def raw(folder: Path) -> bytes:
    """Every byte of every file that the server keeps."""
    return b"\n".join(path.read_bytes() for path in sorted((folder / "data").rglob("*")) if path.is_file())


def packed_listing(folder: Path, fingerprint: str) -> bytes:
    """The end of what the database keeps for indexes of a certificate."""
    database = sqlite3.connect(folder / "data" / "keys.sqlite")
    try:
        found = database.execute(
            "SELECT summary FROM certificates WHERE fingerprint = ?", (bytes.fromhex(fingerprint),)
        )
        return bytes(found.fetchone()[0])[-24:]
    finally:
        database.close()


def index_entry(kind: TermKind, value: str) -> bytes:
    """A term as SQLite writes an integer of 64 bits."""
    return term(kind, value).to_bytes(8, "big", signed=True)


def test_nothing_of_a_deleted_certificate_remains(folder: Path, running: Running, home: GnuPG) -> None:
    """After one command no byte of user ids, addresses, packets, listings or index is in any file of the server."""
    address, second = "zebedee.quux@personal.example", "zebedee@elsewhere.example"
    fingerprint = home.generate(RSA, f"Zebedee Quux <{address}>")
    assert upload(running.url, home.run("--export", "--armor", fingerprint).decode()).status == 200
    traces = {packed_listing(folder, fingerprint)}
    home.run("--quick-add-uid", fingerprint, f"Z <{second}>")
    armored = home.run("--export", "--armor", fingerprint)
    assert upload(running.url, armored.decode()).status == 200
    assert lookup(running.url, "index", address).status == 200
    traces |= {packet.body[-24:] for packet in walk(dearmor(armored)) if packet.tag != Tag.USER_ID}
    traces |= {packed_listing(folder, fingerprint), b"Zebedee Quux", address.encode(), second.encode()}
    traces |= {index_entry("identity", address), index_entry("identity", second)}
    stored = raw(folder)
    assert [trace for trace in traces if trace not in stored] == []
    asked = ("owner", "request", "delete", fingerprint, "--server", NAME, "--send", "--url", running.url)
    assert ok(command(home, *asked)) == f"{fingerprint.lower()}: deleted\n"
    left = raw(folder)
    assert [trace for trace in (*traces, b"uux", b"ebedee", b"elsewhere", b"personal") if trace in left] == []
    assert bytes.fromhex(fingerprint) in left
    assert lookup(running.url, "get", f"0x{fingerprint}").status == 404


def test_what_a_replacement_lacks_does_not_remain(folder: Path, running: Running, home: GnuPG) -> None:
    """A user id that the owner dropped is in no file of the server any more, nor in its index."""
    fingerprint = home.generate(ED25519, "Half <half@goes.example>")
    home.run("--quick-add-uid", fingerprint, "Half <half@stays.example>")
    assert upload(running.url, home.run("--export", "--armor", fingerprint).decode()).status == 200
    assert index_entry("identity", "half@goes.example") in raw(folder)
    kept = ("--export-filter", "keep-uid=mbox = half@stays.example")
    (home.home / "half.asc").write_bytes(home.run("--armor", *kept, "--export", fingerprint))
    asked = ("owner", "request", "replace", fingerprint, "--server", NAME, "--send", "--url", running.url)
    assert (
        ok(command(home, *asked, "--certificate", str(home.home / "half.asc"))) == f"{fingerprint.lower()}: updated\n"
    )
    left = raw(folder)
    assert b"goes.example" not in left
    assert index_entry("identity", "half@goes.example") not in left
    assert b"stays.example" in left


def test_an_owner_needs_two_commands_without_our_program(running: Running, home: GnuPG) -> None:
    """curl and gpg as the server's own help shows them: replace without merging, then delete."""
    fingerprint = home.generate(ED25519, "Two <two@owners.example>")
    home.run("--quick-add-uid", fingerprint, "Two <old@owners.example>")
    assert upload(running.url, home.run("--export", "--armor", fingerprint).decode()).status == 200
    home.run("--command-fd", "0", "--edit-key", fingerprint, data=b"uid 1\ndeluid\ny\nsave\n")
    url = f"{running.url}/pks/replace"
    shell(
        home,
        f"{{ curl -sf '{url}?fingerprint={fingerprint}'; gpg --export --armor {fingerprint}; }} "
        f"| gpg --local-user {fingerprint} --clearsign >request.asc",
    )
    report = json.loads(shell(home, f"curl -sf --data-urlencode keytext@request.asc '{url}'"))
    assert report["updated"] == [{"version": 4, "fingerprint": fingerprint.lower()}]
    listing = lookup(running.url, "index", f"0x{fingerprint}", options="mr").text
    assert listing.count("\nuid:") == 1
    url = f"{running.url}/pks/delete"
    shell(
        home, f"curl -sf '{url}?fingerprint={fingerprint}' | gpg --local-user {fingerprint} --clearsign >request.asc.2"
    )
    shell(home, f"curl -sf --data-urlencode keytext@request.asc.2 '{url}'")
    assert lookup(running.url, "get", f"0x{fingerprint}").status == 404


def test_an_owner_with_sequoia(running: Running, tmp_path: Path) -> None:
    """`sq` signs the text with the key's signing subkey."""
    install("sq", Path("/usr/bin/sq"))

    def sq(*arguments: str) -> str:
        return subprocess.run(["sq", *arguments], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    sq("key", "generate", "--userid", "Sequoia <sq@owners.example>", "--export", "key.pgp")
    certificate = sq("key", "extract-cert", "key.pgp")
    uploaded = upload(running.url, certificate, accept="application/json").json
    fingerprint = uploaded["inserted"][0]["fingerprint"]
    script = (
        f"curl -sf '{running.url}/pks/delete?fingerprint={fingerprint}' >text;"
        "sq sign --cleartext-signature --signer-key key.pgp text >request.asc;"
        f"curl -sf --data-urlencode keytext@request.asc '{running.url}/pks/delete'"
    )
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["deleted"] == [{"version": 4, "fingerprint": fingerprint}]


def test_the_operator_buries_audits_and_exhumes(
    folder: Path, running: Running, home: GnuPG, administrator: str
) -> None:
    """`wasmpuck keys` asks the running server; every act is in the audit record with its actor."""
    fingerprint = home.generate(ED25519, "Three <three@owners.example>").lower()
    certificate = home.run("--export", "--armor", fingerprint).decode()
    assert upload(running.url, certificate).status == 200
    here = ("--data", str(folder / "data"))
    done = ok(command(home, "keys", "delete", *here, "--reason", "spam", "--until", "2999-01-01", fingerprint))
    assert done == f"{fingerprint}: deleted, and is kept out until 2999-01-01 00:00:00Z\n"
    assert lookup(running.url, "get", f"0x{fingerprint}").status == 404
    assert "spam" in upload(running.url, certificate).text
    shown = json.loads(ok(command(home, "keys", "tombstones", *here, "--json")))
    assert {"fingerprint": fingerprint, "reason": "spam", "until": 32472144000.0} in shown
    assert "spam" in ok(command(home, "keys", "tombstones", *here))
    assert ok(command(home, "keys", "exhume", *here, fingerprint)) == f"{fingerprint}: may be sent again\n"
    assert ok(command(home, "keys", "exhume", *here, fingerprint)) == f"{fingerprint}: was not kept out\n"
    assert upload(running.url, certificate).status == 200
    asked = ("owner", "request", "delete", fingerprint, "--server", NAME, "--send", "--url", running.url)
    ok(command(home, *asked, "--local-user", administrator))
    acts = json.loads(ok(command(home, "keys", "audit", *here, "--json")))
    mine = [(act["kind"], act["actor"]) for act in acts if act["fingerprint"] == fingerprint]
    assert mine == [("delete", "operator"), ("exhume", "operator"), ("delete", administrator.lower())]
    last = json.loads(ok(command(home, "keys", "audit", *here, "--json", "--after", str(acts[-2]["number"]))))
    assert last == acts[-1:]


def test_a_server_that_is_asked_wrongly_says_why(running: Running, home: GnuPG) -> None:
    """The command shows the server's own reason and hint, and exits with 1."""
    fingerprint = home.generate(ED25519, "Four <four@owners.example>")
    asked = ("owner", "request", "delete", fingerprint, "--send", "--url", running.url, "--server")
    done = command(home, *asked, "other.example")
    assert done.returncode == 1
    assert f"addressed to the server other.example, and this is {NAME}" in done.stderr
    done = command(home, *asked, NAME)
    assert done.returncode == 1
    assert "there is no certificate" in done.stderr


def test_a_stopped_servers_database_is_changed_directly(tmp_path: Path, home: GnuPG, administrator: str) -> None:
    """Without a server `wasmpuck keys` works on the store of the configuration."""
    config = tmp_path / "wasmpuck.toml"
    config.write_text('[server]\ndataDir = "data"\n')
    (tmp_path / "root.asc").write_bytes(home.run("--export", administrator))
    where = ("--config", str(config))
    ok(command(home, "load", *where, str(tmp_path / "root.asc")))
    assert "deleted, and is kept out for good" in ok(command(home, "keys", "delete", *where, administrator))
    assert "refused" in ok(command(home, "load", "--fresh", *where, str(tmp_path / "root.asc")))
    assert administrator.lower() in ok(command(home, "keys", "tombstones", *where))
    assert "operator" in ok(command(home, "keys", "audit", *where))
    ok(command(home, "keys", "exhume", *where, administrator))
    assert ok(command(home, "keys", "tombstones", *where)) == "nothing is kept out\n"
