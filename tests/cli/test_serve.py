"""`wasmpuck serve` as a process of its own, without plugins."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wasmpuck.cli.serving import announce

CONFIGURATION = """\
[server]
bind = "127.0.0.1:0"
adminBind = "127.0.0.1:0"
dataDir = "data"
logFormat = "json"
[plugins]
enabled = false
"""
READY = re.compile(
    r"ready hkp=(http://127\.0\.0\.1:\d+) admin=(http://127\.0\.0\.1:\d+) metrics=(http://\S+/metrics)\n"
)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A server process, killed at the end if it still runs."""
    command = [sys.executable, "-m", "wasmpuck", "serve", *arguments]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def read_ready(process: subprocess.Popen[str]) -> tuple[str, ...]:
    """The URLs of the ready line, which must be the first on standard output."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = READY.fullmatch(line)
    assert found, (line, process.stderr.read() if process.stderr and process.poll() is not None else "")
    return found.groups()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_announces_itself_answers_and_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    """One ready line, answers at its URLs, logs only as JSON on standard error, exit code 0 at SIGTERM and SIGINT."""
    (tmp_path / "w.toml").write_text(CONFIGURATION)
    with running(tmp_path, "--config", "w.toml", "--data", "elsewhere") as process:
        hkp, admin, metrics = read_ready(process)
        state = json.loads((tmp_path / "elsewhere" / "server.json").read_text())
        assert state == {"pid": process.pid, "hkp": hkp, "admin": admin, "metrics": metrics}
        assert (tmp_path / "elsewhere" / "admin.token").stat().st_mode & 0o777 == 0o600
        with urllib.request.urlopen(metrics) as page:
            assert b"wasmpuck_" in page.read()
        listed = subprocess.run(
            [sys.executable, "-m", "wasmpuck", "plugins", "list", "--json", "--data", "elsewhere"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(listed.stdout) == []
        process.send_signal(number)
        rest, logs = process.communicate(timeout=60)
        assert process.returncode == 0
    assert rest == ""
    assert all(json.loads(line)["level"] for line in logs.splitlines())
    assert not (tmp_path / "elsewhere" / "server.json").exists()


def test_a_plugin_that_must_be_there_stops_the_start_with_3(tmp_path: Path) -> None:
    """A plugin with `failure = "closed"` that cannot be loaded ends the process with 3 and its name."""
    plugins = '[plugins]\ndirectory = "plugins"\nkeyring = "publishers"\n[plugins.guard]\nfailure = "closed"\n'
    (tmp_path / "w.toml").write_text(CONFIGURATION.replace("[plugins]\nenabled = false\n", plugins))
    for folder in ("plugins", "publishers"):
        (tmp_path / folder).mkdir()
    with running(tmp_path, "--config", "w.toml") as process:
        out, logs = process.communicate(timeout=60)
    assert process.returncode == 3, logs
    assert out == ""
    assert "guard" in logs.splitlines()[-2] + logs.splitlines()[-1]
    assert "Traceback" not in logs


def test_an_address_in_use_is_an_error_of_the_operator(tmp_path: Path) -> None:
    """A second server on the same address ends with 1 and names the address."""
    (tmp_path / "w.toml").write_text(CONFIGURATION)
    with running(tmp_path, "--config", "w.toml") as first:
        hkp, _, _ = read_ready(first)
        bind = hkp.removeprefix("http://")
        with running(tmp_path, "--config", "w.toml", "--data", "other", "--bind", bind) as second:
            _, logs = second.communicate(timeout=60)
    assert second.returncode == 1
    assert bind in logs
    assert "Traceback" not in logs


class Announcement:
    """What a server with one plugin announces."""

    hkp = "http://127.0.0.1:11371"
    admin = "http://127.0.0.1:11372"
    metrics = "http://127.0.0.1:11372/metrics"
    plugins: tuple[dict[str, object], ...] = ({"name": "ratelimit-window", "state": "running", "generation": 1},)


def test_programs_get_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Off a terminal the ready line is all."""
    announce(Announcement())
    told = capsys.readouterr()
    assert told.out == f"ready hkp={Announcement.hkp} admin={Announcement.admin} metrics={Announcement.metrics}\n"
    assert told.err == ""


def read_to_end(main: int) -> str:
    """What was written to a terminal whose other side is closed; Linux then answers with an input/output error."""
    parts = []
    with contextlib.suppress(OSError):
        while part := os.read(main, 100_000):
            parts.append(part)
    os.close(main)
    return b"".join(parts).decode()


@pytest.mark.parametrize("plugins", [Announcement.plugins, ()])
def test_people_are_told_where_to_look(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, plugins: tuple[dict[str, object], ...]
) -> None:
    """On a terminal the addresses, a gpg command and the plugins are shown on standard error."""
    main, side = pty.openpty()
    announcement = Announcement()
    announcement.plugins = plugins
    with open(side, "w") as terminal:  # noqa: PTH123 - a descriptor has no path
        monkeypatch.setattr(sys, "stderr", terminal)
        announce(announcement)
    shown = read_to_end(main)
    assert "http://127.0.0.1:11371/" in shown
    assert "gpg --keyserver hkp://127.0.0.1:11371" in shown
    assert "http://127.0.0.1:11372/metrics" in shown
    assert ("ratelimit-window" in shown) == bool(plugins)
    assert ("no plugins are loaded" in shown) != bool(plugins)
    assert capsys.readouterr().out.count("\n") == 1
