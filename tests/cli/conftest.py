"""A command line to call, and an administration listener to talk to."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wasmpuck.cli import commands

TOKEN = "correct horse"


@dataclass
class Command:
    """Runs `wasmpuck …` in this process, in a folder of its own."""

    folder: Path

    def __call__(self, *arguments: str) -> Result:
        """The outcome: exit code, standard output and standard error apart."""
        return CliRunner().invoke(commands, list(arguments), prog_name="wasmpuck")

    def ok(self, *arguments: str) -> str:
        """The standard output of a run that must succeed."""
        result = self(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture
def wasmpuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command line, in an empty working folder, nothing of ours in the environment, logging put back after."""
    monkeypatch.chdir(tmp_path)
    for name in ("WASMPUCK_SERVER_BIND", "WASMPUCK_SERVER_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    before = (list(root.handlers), root.level, sys.excepthook, threading.excepthook)
    yield Command(tmp_path)
    root.handlers[:], sys.excepthook, threading.excepthook = before[0], before[2], before[3]
    root.setLevel(before[1])
    logging.captureWarnings(False)


@dataclass
class AdminListener:
    """An administration listener that answers from a table and remembers what it was asked."""

    data_dir: Path
    url: str
    answers: dict[str, tuple[int, object]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def describe(self, **changes: object) -> None:
        """Writes the two files that a running server keeps in its data folder."""
        self.data_dir.mkdir(exist_ok=True)
        described = {"pid": 42, "hkp": "http://h", "admin": self.url, "metrics": "http://m"} | changes
        (self.data_dir / "server.json").write_text(json.dumps(described))
        (self.data_dir / "admin.token").write_text(TOKEN + "\n")


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[AdminListener]:
    """A listener on the loopback interface whose data folder is `data` in the working folder."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            listener.requests.append((self.command, self.path))
            status, content = listener.answers.get(self.path, (404, {"message": "nothing here"}))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, content = 401, {"message": "no"}
            payload = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        listener = AdminListener(tmp_path / "data", f"http://127.0.0.1:{server.server_port}")
        listener.describe()
        yield listener
        server.shutdown()
        thread.join()
