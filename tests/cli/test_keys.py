"""`wasmpuck keys` and `wasmpuck owner`: what is asked of whom, and what is said."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pysequoia import Tsk

from cli.conftest import AdminListener, Command
from wasmpuck.cli.control import server_runs
from wasmpuck.keyserver.owner_request import OwnerAct, parse_request

FINGERPRINT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def locked(admin: AdminListener) -> Iterator[AdminListener]:
    """A listener whose data folder is in use, as that of a running server is."""
    with (admin.data_dir / "server.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield admin


def test_files_of_a_killed_server_are_no_server(admin: AdminListener) -> None:
    """Only who holds the lock runs."""
    assert not server_runs(admin.data_dir)
    with (admin.data_dir / "server.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert server_runs(admin.data_dir)
    assert not server_runs(admin.data_dir)
    assert not server_runs(admin.data_dir / "nowhere")


def test_the_running_server_is_asked(wasmpuck: Command, locked: AdminListener) -> None:
    """Deleting and exhuming are one POST for each fingerprint, written in any way."""
    locked.answers[f"/admin/keys/{FINGERPRINT}/delete"] = (200, {"deleted": True})
    locked.answers[f"/admin/keys/{'ab' * 20}/delete"] = (200, {"deleted": False})
    locked.answers[f"/admin/keys/{FINGERPRINT}/exhume"] = (200, {"exhumed": True})
    shown = "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567"
    told = wasmpuck.ok("keys", "delete", "--data", "data", shown, "0x" + "AB" * 20)
    assert told.splitlines() == [
        f"{FINGERPRINT}: deleted, and is kept out for good",
        f"{'ab' * 20}: was not stored, and is kept out for good",
    ]
    assert wasmpuck.ok("keys", "exhume", "--data", "data", FINGERPRINT) == f"{FINGERPRINT}: may be sent again\n"
    assert [method for method, _ in locked.requests] == ["POST"] * 3


def test_tables_cannot_be_forged(wasmpuck: Command, locked: AdminListener) -> None:
    """Reasons come from elsewhere: control characters and markup are shown, not obeyed; times are dates."""
    rows = [{"fingerprint": FINGERPRINT, "reason": "\x1b[31m[red]x[/red]", "until": 0.0}]
    locked.answers["/admin/keys/tombstones"] = (200, rows)
    table = wasmpuck.ok("keys", "tombstones", "--data", "data")
    assert "\\x1b[31m[red]x[/red]" in table
    assert "1970-01-01 00:00:00Z" in table
    assert json.loads(wasmpuck.ok("keys", "tombstones", "--data", "data", "--json")) == rows
    locked.answers["/admin/keys/tombstones"] = (200, [])
    assert wasmpuck.ok("keys", "tombstones", "--data", "data") == "nothing is kept out\n"


def test_the_record_is_read_in_parts(wasmpuck: Command, locked: AdminListener) -> None:
    """`--after` and `--limit` go to the server; each act is a line with its number."""
    act = {"kind": "delete", "fingerprint": FINGERPRINT, "actor": "operator", "when": 1.0, "detail": "d", "number": 8}
    locked.answers["/admin/keys/audit?after=7&limit=1"] = (200, [act])
    shown = wasmpuck.ok("keys", "audit", "--data", "data", "--after", "7", "--limit", "1")
    (line,) = [line for line in shown.splitlines() if FINGERPRINT in line]
    assert line.split() == ["8", "1970-01-01", "00:00:01Z", "delete", FINGERPRINT, "operator", "d"]


@pytest.mark.parametrize("arguments", [("keys", "delete"), ("keys", "exhume"), ("owner", "request", "delete")])
def test_a_key_id_is_not_enough(wasmpuck: Command, arguments: tuple[str, ...]) -> None:
    """The command line is wrong, says the exit code, and the message names what is needed."""
    result = wasmpuck(*arguments, "0123456789abcdef")
    assert result.exit_code == 2
    assert "40 or 64 hexadecimal digits" in result.stderr


def test_a_text_to_sign_is_printed(wasmpuck: Command) -> None:
    """Without --sign the text goes to standard output, good for an hour."""
    before = time.time()
    text = wasmpuck.ok("owner", "request", "delete", FINGERPRINT, "--server", "Keys.example.org")
    request = parse_request(text.split("\n"))
    assert (request.act, request.server, request.fingerprint) == (OwnerAct.DELETE, "keys.example.org", FINGERPRINT)
    assert before + 3_599 <= request.expires <= time.time() + 3_600


def test_a_replacement_takes_a_file(wasmpuck: Command) -> None:
    """The armored certificate of the file stands at the end of the text; another file is an error with a hint."""
    certificate = Tsk.generate(user_ids=["Ada"]).extract_certificate()
    Path("ada.asc").write_text(str(certificate))
    asked = ("owner", "request", "replace", certificate.fingerprint, "--server", "a", "--certificate")
    request = parse_request([line.rstrip() for line in wasmpuck.ok(*asked, "ada.asc").split("\n")])
    assert request.certificate.strip() == str(certificate).strip()
    Path("ada.pgp").write_bytes(bytes(certificate))
    for name in ("ada.pgp", "nowhere"):
        result = wasmpuck(*asked, name)
        assert result.exit_code == 1
        assert "hint: " in result.stderr


def test_without_gpg_there_is_a_way(wasmpuck: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When gpg is not there, the command says how to do without."""
    monkeypatch.setenv("PATH", str(tmp_path))
    result = wasmpuck("owner", "request", "delete", FINGERPRINT, "--server", "a", "--sign")
    assert result.exit_code == 1
    assert "sign the text with your own program" in result.stderr


def test_a_server_that_is_not_there_is_named(
    wasmpuck: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a wrong address nor a closed port is a traceback."""
    gpg = tmp_path / "gpg"
    gpg.write_text("#!/bin/sh\necho signed\n")
    gpg.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    asked = ("owner", "request", "delete", FINGERPRINT, "--server", "a", "--send", "--url")
    for url, said in (("http://127.0.0.1:9", "does not answer"), ("file:///etc", "no address of a server")):
        result = wasmpuck(*asked, url)
        assert result.exit_code == 1
        assert said in result.stderr


def test_the_quarantine_is_looked_after(wasmpuck: Command, locked: AdminListener) -> None:
    """The running server is asked; reasons come from plugins and are shown, not obeyed."""
    path = f"/admin/keys/{FINGERPRINT}"
    row = {"fingerprint": FINGERPRINT, "source": "guard", "reason": "\x1b[31mOdd.", "since": 0.0, "size": 1234}
    locked.answers["/admin/keys/quarantine?after=&limit=100"] = (200, [row])
    locked.answers[f"/admin/keys/quarantine?after={FINGERPRINT}&limit=2"] = (200, [])
    locked.answers[f"{path}/quarantine"] = (200, {"quarantined": True, "certificate": "-----BEGIN\n"})
    locked.answers[f"{path}/release"] = (200, {"outcome": "updated"})
    locked.answers[f"{path}/discard"] = (200, {"discarded": True})
    asked = ("keys", "quarantine")
    table = wasmpuck.ok(*asked, "list", "--data", "data")
    assert "\\x1b[31mOdd." in table
    assert all(word in table for word in ("guard", "1970-01-01 00:00:00Z", "1234"))
    assert json.loads(wasmpuck.ok(*asked, "list", "--data", "data", "--json")) == [row]
    behind = ("list", "--data", "data", "--after", FINGERPRINT.upper(), "--limit", "2")
    assert wasmpuck.ok(*asked, *behind) == "nothing is in quarantine\n"
    assert wasmpuck.ok(*asked, "show", "--data", "data", FINGERPRINT) == "-----BEGIN\n"
    assert wasmpuck.ok(*asked, "add", "--data", "data", FINGERPRINT) == f"{FINGERPRINT}: is in quarantine\n"
    released = wasmpuck.ok(*asked, "release", "--data", "data", FINGERPRINT)
    assert released == f"{FINGERPRINT}: published, merged with what was published already\n"
    gone = wasmpuck.ok(*asked, "discard", "--data", "data", FINGERPRINT)
    assert gone == f"{FINGERPRINT}: what was in quarantine is gone\n"


def test_what_is_not_in_quarantine_is_named(wasmpuck: Command, locked: AdminListener) -> None:
    """The server's words and hint reach the operator, and the exit status says that nothing was done."""
    problem = {"message": f"{FINGERPRINT} is not in quarantine", "hint": "The list shows what is."}
    locked.answers[f"/admin/keys/{FINGERPRINT}/release"] = (404, problem)
    result = wasmpuck("keys", "quarantine", "release", "--data", "data", FINGERPRINT)
    assert result.exit_code == 1
    assert "is not in quarantine" in result.stderr
