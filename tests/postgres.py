"""A PostgreSQL server of the tests' own: made in a temporary folder, reached by a socket there or on loopback.

Import the fixture `postgres` into a `conftest.py` or a test module. One server serves a whole run of pytest; each test
asks it for databases of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

__all__ = ["PASSWORD", "USER", "PostgresServer", "postgres"]

USER, PASSWORD = "wasmpuck", "a password, with: @ and / in it"
_START_SECONDS = 60


class PostgresServer:
    """A server. `durable`: what it committed survives `kill -9` and power loss; without, starting anew is for nothing.

    Over TCP the password is asked for; through the socket it is not.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="wasmpuck-postgres-"))
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._prefix: list[str] = []
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            account = _account()
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            identity = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
            self._prefix = ["setpriv", *identity]

    def initialise(self) -> None:
        """Makes the files of a new server."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        arguments = ["-D", str(self.data), "-U", USER, "-A", "scram-sha-256", "--auth-local=trust", "-E", "UTF8"]
        arguments += ["--locale=C.UTF-8", "--no-sync", f"--pwfile={secret}"]
        command = [*self._prefix, str(_binaries() / "initdb"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, done.stderr

    def start(self, *settings: str) -> None:
        """Starts it and waits until it answers. `settings` are like `max_connections=20`."""
        chosen = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
            "shared_buffers=32MB",
            "max_connections=100",
            *([] if self.durable else ["fsync=off", "full_page_writes=off"]),
            *settings,
        ]
        options = [word for item in chosen for word in ("-c", item)]
        command = [*self._prefix, str(_binaries() / "postgres"), "-D", str(self.data), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        asyncio.run(self._answers())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends it: by default at once and in order. SIGKILL takes every process of it away."""
        if self._process is None:
            return
        if how is signal.SIGKILL:
            subprocess.run(["pkill", "-KILL", "-P", str(self._process.pid)], check=False)
        self._process.send_signal(how)
        self._process.wait(timeout=_START_SECONDS)
        self._process = None

    def remove(self) -> None:
        """Stops it, without tidying up, and deletes its files."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "data"

    def url(self, database: str, *, tcp: bool = False, password: bool = True) -> str:
        """Where a database is, through the socket or over TCP with the password."""
        if not tcp:
            return f"postgresql://{USER}@/{database}?host={self.folder}&port={self.port}"
        secret = ":a%20password%2C%20with%3A%20%40%20and%20%2F%20in%20it" if password else ""
        return f"postgresql://{USER}{secret}@127.0.0.1:{self.port}/{database}"

    async def database(self, key: object) -> str:
        """The name of the database for this key, for example a test's folder; made if it is not there."""
        name = "t" + hashlib.sha256(str(key).encode()).hexdigest()[:20]
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return name

    async def terminate(self, database: str) -> int:
        """Ends every connection to a database, as an administrator would; returns how many."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            rows = await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database
            )
        finally:
            await connection.close()
        return len(rows)

    async def _answers(self) -> None:
        for _ in range(_START_SECONDS * 20):
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended: {(self.folder / 'log').read_text()[-2000:]}")
            try:
                connection = await asyncpg.connect(self.url("postgres"))
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)
                continue
            await connection.close()
            return
        raise RuntimeError("PostgreSQL does not answer.")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for the whole run; quick, and not durable."""
    server = PostgresServer()
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.remove()


def _binaries() -> Path:
    """The newest PostgreSQL's programs: Debian's, or what is on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    assert initdb is not None, "PostgreSQL is not installed: apt-get install postgresql"
    return Path(initdb).parent


def _account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("There is no unprivileged user to run PostgreSQL as.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
