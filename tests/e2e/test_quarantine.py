"""A plugin keeps an upload back; gpg finds it once the operator has released it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.certificates import armored, generate
from e2e.client import lookup, upload
from e2e.gnupg import GnuPG
from e2e.processes import ServerProcess, command, eventually, running
from runtime.abi import Image
from runtime.guests import Guest, keyring_text
from wasmpuck.runtime.values import Case

ED25519 = "Key-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519"
GOOD = "i32.const 40"
"""The address of a good result: there everything is zero."""


TOPICS = ("key.quarantined", "key.released")


def _subscribed(image: Image, topic: str) -> str:
    """Code that asks for a topic."""
    return f"""(call $events.subscribe (i32.const {image.put(topic.encode())}) (i32.const {len(topic)})
        (i32.const {image.put(bytes(32), 8)}))"""


GUARD = Guest(
    name="guard",
    worlds=("lifecycle", "admission"),
    results={"admission.judge": Case("quarantine", {"code": "not-seen", "text": "Somebody has to look at it."})},
)
LISTENER = Guest(
    name="listener",
    worlds=("lifecycle", "event-handler"),
    imports={"events": ["subscribe"], "metrics": ["add"]},
    results={
        "lifecycle.describe": {
            "name": "listener",
            "version": "1.0.0",
            "metrics": [{"name": "heard", "help": "What happened in quarantine."}],
        }
    },
    bodies={
        "lifecycle.start": lambda image: " ".join(_subscribed(image, topic) for topic in TOPICS) + f" {GOOD}",
        "event-handler.handle": lambda image: (
            f"""
            (call $metrics.add (i32.const {image.put(b"heard")}) (i32.const 5) (i32.const 0) (i32.const 0) (f64.const 1)
            (i32.const {image.put(bytes(64), 8)})) {GOOD}"""
        ),
    },
)
CONFIGURATION = """\
[plugins]
directory = "plugins"
keyring = "publishers"
watchInterval = "0s"

[plugins.listener]
grants = ["events", "metrics"]

[plugins.guard]
failure = "closed"
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with a plugin that puts everything into quarantine, and one that hears of it."""
    prepared = ServerProcess(tmp_path)
    (prepared.plugins / "guard.wasm").write_bytes(GUARD.artifact())
    (prepared.plugins / "listener.wasm").write_bytes(LISTENER.artifact())
    (prepared.publishers / "tests.toml").write_text(keyring_text())
    with running(tmp_path, CONFIGURATION) as server:
        yield server


def keys(server: ServerProcess, *arguments: str) -> str:
    """`wasmpuck keys quarantine …`, which has to succeed."""
    done = command(
        "keys", "quarantine", *arguments, "--config", str(server.config), "--data", str(server.data), cwd=server.folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_gpg_finds_it_once_it_is_released(server: ServerProcess, gnupg: None) -> None:
    """To gpg the status 202 is a failure; receiving finds nothing, and after the release a friend gets the key."""
    with GnuPG(server.url) as owner, GnuPG(server.url) as friend:
        fingerprint = owner.generate(ED25519, "Waiting <waiting@quarantine.example>")
        sent = owner.attempt("--send-keys", fingerprint)
        assert (sent.returncode, b"keyserver send failed" in sent.stderr) == (2, True), sent.stderr
        assert friend.attempt("--recv-keys", fingerprint).returncode != 0
        assert lookup(server.url, "get", "waiting@quarantine.example").status == 404
        (row,) = json.loads(keys(server, "list", "--json"))
        assert (row["fingerprint"], row["source"]) == (fingerprint.lower(), "guard")
        shown = keys(server, "show", fingerprint)
        imported = friend.attempt("--show-keys", data=shown.encode())
        assert b"waiting@quarantine.example" in imported.stdout
        assert keys(server, "release", fingerprint) == f"{fingerprint.lower()}: published\n"
        friend.run("--recv-keys", fingerprint)
        assert b"waiting@quarantine.example" in friend.run("--list-keys", fingerprint)
        eventually(lambda: server.sample("wasmpuck_plugin_listener_heard_total") == 2, "a plugin heard of both")
        assert server.sample("wasmpuck_store_quarantine_total", change="quarantined") == 1
        assert server.sample("wasmpuck_store_quarantine_total", change="released") == 1


def test_what_the_operator_says_without_a_server(server: ServerProcess) -> None:
    """The same commands change the database of a server that is stopped."""
    certificate = generate("Offline <offline@quarantine.example>").extract_certificate()
    assert upload(server.url, armored(certificate)).status == 202
    server.stop()
    fingerprint = certificate.fingerprint
    assert fingerprint in keys(server, "list")
    assert "BEGIN PGP PUBLIC KEY BLOCK" in keys(server, "show", fingerprint)
    assert keys(server, "release", fingerprint) == f"{fingerprint}: published\n"
    assert keys(server, "list") == "nothing is in quarantine\n"
    assert keys(server, "add", fingerprint, "--reason", "again") == f"{fingerprint}: is in quarantine\n"
    assert keys(server, "discard", fingerprint) == f"{fingerprint}: what was in quarantine is gone\n"
    failed = command(
        "keys", "quarantine", "release", fingerprint, "--config", str(server.config), "--data", str(server.data)
    )
    assert failed.returncode == 1
    assert "is not in quarantine" in failed.stderr
    server.start()
