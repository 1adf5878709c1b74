"""The commands that a key's page shows, run as they stand there."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.certificates import armored, generate
from e2e.client import ask, upload
from e2e.gnupg import GnuPG
from e2e.pages import Reader
from e2e.serving import keyserver_thread


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, list[str]]]:
    """A server's URL, a fingerprint, and the commands on the page of its key."""
    with keyserver_thread(tmp_path_factory.mktemp("keyserver")) as server:
        made = generate("Commanded <commanded@page.example>").extract_certificate()
        assert upload(server.url, armored(made)).status == 200
        page = Reader(ask(server.url, "GET", f"/key/{made.fingerprint}", headers={"Accept": "text/html"}).text)
        commands = [data for around, data in page.texts if around[-1:] == ("code",)]
        yield server.url, str(made.fingerprint).upper(), commands


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_the_page_shows_four_commands(shown: tuple[str, str, list[str]]) -> None:
    """For GnuPG, both ages of Sequoia, and curl."""
    assert [command.split()[0] for command in shown[2]] == ["gpg", "sq", "sq", "curl"]


def test_the_command_for_gnupg(shown: tuple[str, str, list[str]]) -> None:
    """The key is imported."""
    url, fingerprint, commands = shown
    with GnuPG(url) as gnupg:
        done = run(commands[0], gnupg.home, GNUPGHOME=str(gnupg.home))
        assert done.returncode == 0, done.stderr
        assert gnupg.fingerprints() == [fingerprint]


def test_the_command_for_sequoia_of_debian_12(shown: tuple[str, str, list[str]], tmp_path: Path) -> None:
    """The key comes to standard output."""
    _, _, commands = shown
    done = run(commands[2], tmp_path, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "BEGIN PGP PUBLIC KEY BLOCK" in done.stdout


def test_the_command_for_curl(shown: tuple[str, str, list[str]]) -> None:
    """The key comes into a file that is named like it."""
    _, fingerprint, commands = shown
    with tempfile.TemporaryDirectory() as folder:
        done = run(f"{commands[3]} --noproxy '*'", Path(folder))
        assert done.returncode == 0, done.stderr
        assert "BEGIN PGP PUBLIC KEY BLOCK" in (Path(folder) / f"{fingerprint[-16:]}.asc").read_text()
