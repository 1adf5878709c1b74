"""docs/owners.md does what it says: its commands are run by a shell, with real gpg, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.client import lookup, upload
from e2e.command import Running, wasmpuck_serve
from e2e.gnupg import GnuPG
from house.documents import ROOT, blocks

ED25519 = "Key-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519"
PAGE = {block.text: block for block in blocks(ROOT / "docs" / "owners.md") if block.language == "sh"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that is called as the page calls it."""
    configuration = '[server]\nhostname = "keys.example.org"\n[plugins]\nenabled = false\n'
    with wasmpuck_serve(tmp_path_factory.mktemp("page"), configuration) as server:
        yield server


@pytest.fixture
def gpg(gnupg: None) -> Iterator[GnuPG]:
    """The owner's."""
    with GnuPG("hkp://127.0.0.1:9") as home:
        yield home


def block_with(*words: str) -> str:
    """The one block of the page in which all these stand."""
    (text,) = (text for text in PAGE if all(word in text for word in words))
    return text


def run(script: str, gpg: GnuPG, running: Running, fingerprint: str, folder: Path) -> str:
    """Runs a block with the real fingerprint and the real address."""
    python = f"{sys.executable} -m wasmpuck"
    script = script.replace("FINGERPRINT", fingerprint).replace("https://keys.example.org", running.url)
    script = script.replace("wasmpuck owner", f"{python} owner").replace("--send", f"--send --url {running.url}")
    script = script.replace("curl ", "curl --fail-with-body ")
    environment = os.environ | {"GNUPGHOME": str(gpg.home), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, env=environment, cwd=folder
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def fingerprint(gpg: GnuPG, running: Running) -> str:
    """A key with two user ids whose certificate is on the server."""
    made = gpg.generate(ED25519, "Me <me@old.example>")
    gpg.run("--quick-add-uid", made, "Me <me@new.example>")
    assert upload(running.url, gpg.run("--armor", "--export", made).decode()).status == 200
    return made


def test_every_block_is_run_by_a_test() -> None:
    """The page has no other commands than those below."""
    tried = [
        block_with("?fingerprint", "/pks/delete", "--clearsign"),
        block_with("?fingerprint", "/pks/replace"),
        block_with("--export-filter"),
        block_with("wasmpuck owner"),
        block_with("keysig"),
    ]
    assert sorted(tried) == sorted(PAGE)


@pytest.mark.parametrize("words", [("/pks/delete", "--clearsign"), ("wasmpuck owner",), ("keysig",)])
def test_the_page_deletes(gpg: GnuPG, running: Running, fingerprint: str, tmp_path: Path, words: tuple[str]) -> None:
    """Each way to delete deletes."""
    assert "deleted" in run(block_with(*words), gpg, running, fingerprint, tmp_path)
    assert lookup(running.url, "get", f"0x{fingerprint}").status == 404


def test_the_page_replaces_and_brings_back(gpg: GnuPG, running: Running, fingerprint: str, tmp_path: Path) -> None:
    """The commands replace by what gpg exports; after a deletion they bring the certificate back."""
    gpg.run("--quick-set-expire", fingerprint, "1y")
    replace = block_with("?fingerprint", "/pks/replace")
    assert "updated" in run(replace, gpg, running, fingerprint, tmp_path)
    assert "deleted" in run(
        block_with("?fingerprint", "/pks/delete", "--clearsign"), gpg, running, fingerprint, tmp_path
    )
    assert "inserted" in run(replace, gpg, running, fingerprint, tmp_path)


def test_the_page_drops_a_user_id(gpg: GnuPG, running: Running, fingerprint: str, tmp_path: Path) -> None:
    """The filter leaves the old address out, and a replacement by that file takes it from the server."""
    run(block_with("--export-filter"), gpg, running, fingerprint, tmp_path)
    command = (
        block_with("wasmpuck owner").replace("delete", "replace").replace("--send", "--send --certificate mine.asc")
    )
    assert "updated" in run(command, gpg, running, fingerprint, tmp_path)
    listing = lookup(running.url, "index", f"0x{fingerprint}", options="mr").text
    assert "new.example" in listing
    assert "old.example" not in listing
