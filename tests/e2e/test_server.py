"""What scripts rely on: the ready line, logs, exit statuses, signals, the plugin list, metrics and administration."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from e2e.client import ask, lookup, upload
from e2e.processes import PATIENCE, PLUGINS, PUBLISHERS, ServerProcess, command, eventually, running
from wasmpuck.config import HTTPSettings
from wasmpuck.demo import CERTIFICATES
from wasmpuck.http import serve
from wasmpuck.http.admin import build_admin
from wasmpuck.metrics import Metrics
from wasmpuck.plugins import Lifecycle, Outcome
from zoo.guest import Guest
from zoo.keeper import artifact, trust
from zoo.text import forever

PLUGIN = """\
[plugins]
directory = "plugins"
keyring = "publishers"
watchInterval = "0s"

[plugins.security]
allowDemonstrationKeys = true

[plugins.ratelimit-window]
grants = ["clock", "log", "metrics", "storage", "tasks"]
config.window = 60
config.limits = { default = 1_000_000 }
"""
DEMONSTRATION = f'[server]\nprofile = "demonstration"\n\n{PLUGIN}'
ADA = "9995B6768320D1AB5DCC81476B225DA53FCD128E"
LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.-]+: .+|    \| .*)")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the demonstration's rate limiter and a plugin that fails on every request."""
    prepared = ServerProcess(tmp_path_factory.mktemp("server"))
    trust(prepared.publishers)
    for each in PUBLISHERS.glob("*.toml"):
        (prepared.publishers / each.name).write_bytes(each.read_bytes())
    (prepared.plugins / "ratelimit-window.wasm").write_bytes((PLUGINS / "ratelimit-window.wasm").read_bytes())
    broken = Guest("broken", bodies={"middleware.on-request": "(unreachable)"})
    (prepared.plugins / "broken.wasm").write_bytes(artifact(broken))
    (prepared.plugins / "note.wasm").write_text("not a plugin")
    with running(prepared.folder, DEMONSTRATION) as server:
        yield server


@pytest.fixture
def plain(tmp_path: Path) -> ServerProcess:
    """A server without plugins that does not run yet."""
    server = ServerProcess(tmp_path)
    server.config.write_text("[plugins]\nenabled = false\n")
    return server


# --- the process ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_one_line_on_standard_output(tmp_path: Path, log_format: str) -> None:
    """The ready line is all of standard output; everything else is logged on standard error, line by line."""
    server = ServerProcess(tmp_path)
    trust(server.publishers)
    (server.plugins / "quiet.wasm").write_bytes(artifact(Guest("quiet")))
    server.config.write_text(
        f'[server]\nlogFormat = "{log_format}"\nlogLevel = "debug"\n'
        '[plugins]\ndirectory = "plugins"\nkeyring = "publishers"\n'
    )
    try:
        server.start()  # which reads the line and holds it to its form
        assert lookup(server.url, "index", "nobody@example.org").status == 404
        assert ask(server.admin, "GET", "/health").json == {"status": "ok", "plugins": 1}
        assert ask(server.metrics_url, "GET", "/metrics").status == 200
        assert server.stop() == ""
    finally:
        server.kill()
    lines = server.log.splitlines()
    assert lines
    if log_format == "text":
        assert [line for line in lines if not LINE.fullmatch(line)] == []
        assert any("plugin quiet 1.0.0 is in service" in line and "plugin=quiet" in line for line in lines)
    else:
        entries = [json.loads(line) for line in lines]
        assert all({"time", "level", "logger", "message"} <= set(entry) for entry in entries)
        assert any(entry.get("plugin") == "quiet" and "is in service" in entry["message"] for entry in entries)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nbnid = ':1'\n", "wasmpuck.toml:2: server.bnid: "),
        ("[server]\nbnid = ':1'\n", "bind"),
        ("[server\n", "wasmpuck.toml:1"),
        ("[plugins]\nenabled = 'yes'\n", "wasmpuck.toml:2: plugins.enabled: "),
        ("[plugins]\nloadTimeout = '5 parsecs'\n", "wasmpuck.toml:2: plugins.loadTimeout: "),
        ("[plugins.a]\nenabled = true\n[plugins.config.a]\nenabled = false\n", "enabled"),
        ("[plugins.security]\nallowDemonstrationKeys = true\n", "production"),
        ("[server]\nprofile = 'production'\n[plugins.a]\nlimits = { fule = 3 }\n", "fuel"),
    ],
)
def test_a_bad_configuration_ends_with_2(plain: ServerProcess, text: str, words: str) -> None:
    """A mistake in the configuration ends the process with status 2 and is told with its place."""
    plain.config.write_text(text)
    status, out, log = plain.refused()
    assert (status, out) == (2, "")
    assert words in log
    assert "Traceback" not in log


def test_sigterm_lets_a_request_in_flight_end(plain: ServerProcess) -> None:
    """After SIGTERM nobody new is served, an upload that has begun is answered, and a second one changes nothing."""
    body = b"keytext=" + b"x" * 1000
    with running(plain.folder, plain.config.read_text()) as server:
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        connection.putrequest("POST", "/pks/add")
        connection.putheader("Content-Type", "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:100])
        eventually(lambda: server.sample("wasmpuck_http_requests_in_flight") == 1, "the request has begun")
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)

        def nobody_new() -> bool:
            try:
                socket.create_connection((address.hostname or "", address.port or 0), timeout=5).close()
            except ConnectionError:
                return True
            return False

        eventually(nobody_new, "no connection is accepted any more")
        connection.send(body[100:])
        answer = connection.getresponse()
        assert answer.status == 400
        assert b"OpenPGP" in answer.read()
        connection.close()
    assert not (server.data / "server.json").exists()
    assert not (server.data / "admin.token").exists()


def test_sigterm_during_the_start(tmp_path: Path) -> None:
    """A server that is told to end while a plugin takes its time to start ends with status 0 and was never ready."""
    server = ServerProcess(tmp_path)
    trust(server.publishers)
    (server.plugins / "slow.wasm").write_bytes(artifact(Guest("slow", bodies={"lifecycle.init": forever()})))
    limits = 'startupFuel = 1_000_000_000_000_000, startupDeadline = "9m"'
    server.config.write_text(
        '[plugins]\ndirectory = "plugins"\nkeyring = "publishers"\nloadTimeout = "9m"\n'
        f"[plugins.slow]\nlimits = {{ {limits} }}\n"
    )
    process = server.launch()
    try:
        eventually(lambda: "compiled slow" in server.log, "the plugin begins to start")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
    finally:
        server.kill()
    assert (process.returncode, out) == (0, ""), server.log
    assert "Traceback" not in server.log


def test_a_killed_server_leaves_nothing_behind(plain: ServerProcess) -> None:
    """The processes that check uploads end with a server that is killed, and the next one starts on its data."""
    plain.start()
    assert plain.process is not None
    pid = plain.process.pid
    assert upload(plain.url, CERTIFICATES.read_text()).status == 200
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert children
    plain.kill()
    eventually(lambda: not any(_runs(child) for child in children), "its processes end")
    with running(plain.folder, plain.config.read_text()) as server:
        assert lookup(server.url, "get", f"0x{ADA}").status == 200


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_data_folder_belongs_to_one_server(plain: ServerProcess) -> None:
    """A second server on the same data folder ends with status 1 and says why; the first is not disturbed."""
    with running(plain.folder, plain.config.read_text()) as server:
        state = (server.data / "server.json").read_text()
        second = ServerProcess(plain.folder)
        status, out, log = second.refused()
        assert (status, out) == (1, "")
        assert f"another server uses the data folder {server.data}" in log
        assert "--data" in log
        assert (server.data / "server.json").read_text() == state
        assert server.administer("GET", "/admin/plugins").status == 200


def test_sighup_with_a_bad_configuration_changes_nothing(plain: ServerProcess) -> None:
    """A configuration that does not hold is reported, by SIGHUP in the log and by the administration with 422."""
    with running(plain.folder, plain.config.read_text()) as server:
        server.config.write_text("[plugins]\nenabled = 'perhaps'\n")
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "not reloaded, everything stays as it was" in server.log, "SIGHUP is refused")
        answer = server.administer("POST", "/admin/reload")
        assert answer.status == 422
        assert "plugins.enabled" in answer.json["message"]
        assert lookup(server.url, "index", "nobody@example.org").status == 404


# --- commands beside a running server --------------------------------------------------------------------------------


def test_the_plugin_list(server: ServerProcess) -> None:
    """`plugins list --json` has a row for each plugin with exactly the documented fields."""
    done = command("plugins", "list", "--json", "--data", str(server.data))
    assert (done.returncode, done.stderr) == (0, "")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert list(rows) == ["broken", "note", "ratelimit-window"]
    assert rows["ratelimit-window"] == {
        "name": "ratelimit-window",
        "version": "0.1.0",
        "kind": "component",
        "runtime": "",
        "state": "running",
        "generation": 1,
        "signer": "Wasmpuck demonstration (public key pair)",
        "worlds": ["lifecycle", "middleware", "task-handler"],
        "reason": "",
        "health": "healthy",
    }
    assert rows["note"]["state"] == "failed"
    assert rows["note"]["reason"].startswith("not-a-component: note.wasm: this is a text file")


def test_loading_beside_a_server(server: ServerProcess) -> None:
    """`wasmpuck load` puts certificates into the database of a running server, which finds them at once."""
    assert lookup(server.url, "get", f"0x{ADA}").status == 404
    done = command("load", "--config", str(server.config), "--data", str(server.data), str(CERTIFICATES))
    assert done.returncode == 0, done.stderr
    found = lookup(server.url, "get", f"0x{ADA}")
    assert found.status == 200
    assert found.text.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert found.headers["ratelimit-limit"] == "1000000"


# --- administration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic Og==", "Bearer ", "bearer", "Bearer é"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/admin/plugins"), ("POST", "/admin/reload"), ("POST", "/admin/plugins/ratelimit-window/swap")],
)
def test_administration_needs_the_token(server: ServerProcess, method: str, path: str, header: str | None) -> None:
    """Without the token, or with another one, everything under /admin/ is answered 401 and nothing happens."""
    before = {name: (row["state"], row["generation"]) for name, row in server.rows().items()}
    headers = {} if header is None else {"Authorization": header.encode().decode("latin-1")}
    answer = ask(server.admin, method, path, headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "admin.token" in answer.json["hint"]
    assert {name: (row["state"], row["generation"]) for name, row in server.rows().items()} == before


def test_administration_is_not_on_the_public_listener(server: ServerProcess) -> None:
    """The public address knows neither /admin/ nor /metrics."""
    for path in ("/admin/plugins", "/metrics"):
        answer = ask(server.url, "GET", path, headers={"Authorization": f"Bearer {server.token}"})
        assert answer.status == 404


def test_what_administration_does_not_know(server: ServerProcess) -> None:
    """An unknown plugin or path is 404 and a wrong method 405, each as JSON with a message."""
    assert server.swap("nobody").status == 404
    assert "nobody" in server.swap("nobody").json["message"]
    assert server.administer("GET", "/admin/elsewhere").json["message"]
    assert server.administer("GET", "/admin/elsewhere").status == 404
    assert server.administer("DELETE", "/admin/plugins").status == 405


def test_a_swap_that_takes_its_time() -> None:
    """A request to the administration may take longer to answer than its headers may take to arrive."""

    async def reload() -> list[Outcome]:
        await asyncio.sleep(2.5)
        return [Outcome("slow", "published")]

    async def scene() -> tuple[int, object]:
        # Only the reload is asked for, which needs nothing of the lifecycle.
        application = build_admin(cast("Lifecycle", None), Metrics(), "token", reload)
        async with serve(application, HTTPSettings(header_timeout=1.0)) as listener, ClientSession() as session:
            url = await listener.bind("127.0.0.1", 0)
            headers = {"Authorization": "Bearer token"}
            async with session.post(f"{url}/admin/reload", headers=headers) as answer:
                return answer.status, (await answer.json())[0]["what"]

    assert asyncio.run(scene()) == (200, "published")


# --- metrics ---------------------------------------------------------------------------------------------------------


def test_the_metrics_page(server: ServerProcess) -> None:
    """The page parses, names nothing twice, and has requests, the store, and each plugin's calls, costs and state."""
    assert lookup(server.url, "index", "nobody@example.org").status == 404
    page = ask(server.metrics_url, "GET", "/metrics")
    assert page.headers["Content-Type"].startswith("text/plain")
    families = list(text_string_to_metric_families(page.text))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    samples = [(sample.name, *sorted(sample.labels.items())) for family in families for sample in family.samples]
    assert len(set(samples)) == len(samples)
    assert {
        "wasmpuck_http_requests",
        "wasmpuck_http_request_duration_seconds",
        "wasmpuck_store_keys",
        "wasmpuck_plugin_calls",
        "wasmpuck_plugin_call_duration_seconds",
        "wasmpuck_plugin_fuel",
        "wasmpuck_plugin_memory_bytes",
        "wasmpuck_plugin_swaps",
        "wasmpuck_plugin_state",
        "wasmpuck_plugin_info",
        "wasmpuck_plugin_refusals",
        "wasmpuck_plugin_ratelimit_window_requests",
    } <= set(names), names
    assert server.calls("broken")["unreachable"] >= 1
    assert server.calls("ratelimit-window")["ok"] >= 1
    assert server.sample("wasmpuck_plugin_state", plugin="ratelimit-window", state="running") == 1
    assert server.sample("wasmpuck_plugin_state", plugin="note", state="failed") == 1
    assert server.sample("wasmpuck_plugin_info", plugin="ratelimit-window", generation="1", version="0.1.0") == 1
