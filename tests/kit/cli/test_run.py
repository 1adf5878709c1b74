"""`hockeypuck-plugin run`: a scratch server that follows a plugin's sources."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.conftest import Kit

SAMPLES = Path(__file__).resolve().parents[3] / "plugins-src" / "samples"
PATIENCE = 240


@pytest.fixture
def project(kit: Kit) -> Path:
    """A copy of a sample plugin, to be changed."""
    folder = kit.folder / "greeting"
    shutil.copytree(SAMPLES / "js" / "greeting", folder, ignore=shutil.ignore_patterns("dist"))
    return folder


class Running:
    """A process of `run`; `told` is what it printed so far, line by line."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-c", "from wasmpuck.kit.cli import main; main()", "run", "--port", "0", "--json"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.told: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.told.append(json.loads(line) if line.startswith("{") else {"what": "text", "line": line})
                self._news.notify_all()
        with self._news:
            self.told.append({"what": "ended"})
            self._news.notify_all()

    def wait_for(self, what: str, **facts: Any) -> dict[str, Any]:
        """The first line that says `what` with these facts, when it has come."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.told if one["what"] == what and facts.items() <= one.items()]

        with self._news:
            self._news.wait_for(lambda: found() or self.told[-1:] == [{"what": "ended"}], PATIENCE)
        assert found(), self.told
        return found()[0]

    def end(self) -> int:
        """Control-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(PATIENCE)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@contextlib.contextmanager
def running(*arguments: object) -> Iterator[Running]:
    run = Running(*arguments)
    try:
        yield run
    finally:
        run.end()


def headers(url: str) -> dict[str, str]:
    """Those of the answer to a look-up."""
    with urllib.request.urlopen(f"{url}/pks/lookup?op=index&search=ada@example.org") as answer:
        return {name.lower(): value for name, value in answer.headers.items()}


def test_once_says_that_it_is_ready_and_ends(kit: Kit, project: Path) -> None:
    """The ready line has the URLs and the generation; that nothing is verified is said before."""
    done = kit("run", project, "--port", "0", "--once")
    assert done.exit_code == 0, done.output
    first, ready, *rest = done.stdout.splitlines()
    assert first.startswith("unsafe for development only: signatures are not verified")
    assert ready.startswith("ready hkp=http://127.0.0.1:")
    assert ready.endswith(" plugin=greeting version=0.1.0 generation=1")
    assert "  grants   log, metrics, storage" in rest


def test_a_change_is_swapped_and_an_error_is_not(project: Path, kit: Kit) -> None:
    """A changed source is in service soon; a build that fails is told with file and line, and what was there stays;
    fuel, log lines and exceptions of the plugin are shown; the end leaves nothing behind.
    """
    source = project / "plugin.js"
    program = source.read_text()
    with running(project, "--settings", '{"text": "hi"}') as run:
        url = run.wait_for("ready")["hkp"]
        assert headers(url)["x-greeting"] == "hi"
        assert run.wait_for("calls", export="middleware.on-request")["fuel"] > 0

        source.write_text(
            program.replace('"x-greeting": text', '"x-other": text')
            .replace("const {", 'log.info("asked", { a: "b" });\n  const {', 1)
            .replace("import {", "import { log,")
        )
        assert run.wait_for("building")["changed"] == ["plugin.js"]
        assert run.wait_for("swapped")["generation"] == 2
        assert headers(url)["x-other"] == "hi"
        assert run.wait_for("log", message="asked")["fields"] == {"a": "b"}

        source.write_text("const (\n" + program)
        assert "plugin.js:1" in run.wait_for("build-failed")["output"]
        assert headers(url)["x-other"] == "hi"

        manifest = project / "plugin.toml"
        source.write_text(
            program.replace("import {", "import { clock,").replace(
                "storage.increment(", "clock.now(); storage.increment("
            )
        )
        manifest.write_text(manifest.read_text().replace("imports = [", 'imports = ["clock", '))
        assert run.wait_for("swapped", generation=3)
        assert headers(url)["x-greeting"] == "hi", "what the manifest asks for now is granted now"
        assert run.end() == 0
    assert run.told[-2:] == [{"what": "stopping"}, {"what": "ended"}]


def test_a_plugin_that_does_not_come_into_service_ends_the_command(kit: Kit, project: Path) -> None:
    """Settings that it refuses are shown in its words."""
    done = kit("run", project, "--port", "0", "--once", "--settings", '{"text": 7}')
    assert done.exit_code == 3
    assert "greeting does not come into service" in done.stderr
    assert "text" in done.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_built(kit: Kit, project: Path) -> None:
    """The hint names the option."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = kit("run", project, "--port", port, "--once")
    assert done.exit_code == 1
    assert f"port {port} cannot be had: another program uses it" in done.stderr
    assert "--port" in done.stderr
    assert not (project / "dist").exists()
