"""Every function of every import, called by a plugin in each SDK on the host itself.

The table in docs/reference/imports.md is made of the marks `covers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from runtime.guests import run
from sdk.probes import IMPORTS, RUNTIMES, SDKS, Probe, Probed, artifact, compiler, probed
from wasmpuck.errors import ArtifactRefused, CallReason, Refusal
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.neighbours import Neighbour
from wasmpuck.kit.peers import Peer
from wasmpuck.kit.stand import PluginFailed, Stand
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.capabilities.responder import answering
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case, Err, Function, Result, Tuple, Variant

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
ALICE, BOB = ((VECTORS / f"{name}.asc").read_text() for name in ("alice", "bob"))


@pytest.fixture(params=SDKS)
def on_probe(request: pytest.FixtureRequest) -> Probed:
    """Runs a body with the probe of each SDK."""
    return probed(request.param)


@pytest.mark.covers("log.use", "log.quota.logRate", "log.quota.logLineBytes")
def test_log(on_probe: Probed) -> None:
    """Levels, message and fields arrive; a line is cut to its length, and lines above the rate are dropped."""

    async def body(probe: Probe) -> None:
        for level in ("trace", "debug", "info", "warn", "error", "critical"):
            assert await probe.ask("log.write", level, f"said {level}", [["who", "probe"]]) is None
        lines = [line for line in probe.log if line.source == "plugin"]
        assert [line.level for line in lines] == ["debug", "debug", "info", "warn", "error", "critical"]
        assert lines[2].message == "said info"
        assert lines[2].fields == {"who": "probe"}
        await probe.ask("log.write", "info", "x" * 200, [])
        assert probe.log[-1].message == "x" * 61 + "…"
        for _ in range(40):
            await probe.ask("log.write", "info", "again", [])
        assert len([line for line in probe.log if line.message == "again"]) == 13

    on_probe(body, limits={"log_rate": 2, "log_line_bytes": 64})


@pytest.mark.covers("settings.use")
def test_settings(on_probe: Probed) -> None:
    """One by a dotted key, nothing for one that is not set, and all of them."""
    table = {"a": {"b": [1, "two"]}, "c": True}

    async def body(probe: Probe) -> None:
        assert await probe.ask("settings.get", "a.b") == [1, "two"]
        assert await probe.ask("settings.get", "a.x") is None
        assert await probe.ask("settings.get-all") == table

    on_probe(body, settings=table)


@pytest.mark.covers("clock.use")
def test_clock(on_probe: Probed) -> None:
    """Both clocks go with the host's."""

    async def body(probe: Probe) -> None:
        before = await probe.ask("clock.monotonic")
        assert await probe.ask("clock.now") == pytest.approx(probe.clock.wall() * 1000, abs=1)
        await probe.advance(90)
        assert await probe.ask("clock.now") == pytest.approx(probe.clock.wall() * 1000, abs=1)
        assert await probe.ask("clock.monotonic") - before == pytest.approx(90_000, abs=1)

    on_probe(body)


@pytest.mark.covers("random.use", "random.quota.fixed")
def test_random(on_probe: Probed) -> None:
    """As many bytes as were asked for and other ones each time; what the SDKs get in one call are 4,096 at most."""

    async def body(probe: Probe) -> None:
        some, others = await probe.ask("random.bytes", 32), await probe.ask("random.bytes", 32)
        assert len(some) == len(others) == 32
        assert some != others
        assert max(await probe.ask("random.bytes", 4096)) == 255
        assert len(await probe.ask("random.bytes", 5000)) == (4096 if probe.sdk == "rust" else 5000)
        numbers = [await probe.ask("random.number") for _ in range(3)]
        assert len(set(numbers)) == 3
        assert all(0 <= number < 2**32 for number in numbers)

    on_probe(body)


@pytest.mark.covers("storage.use", "storage.error.too-large", "storage.error.wrong-type", "storage.error.other")
def test_storage(on_probe: Probed) -> None:
    """Texts, bytes and counts are written, read, listed, swapped and removed, and expire."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("storage.get", "a") is None
        assert await probe.ask("storage.set", "a", "ä", None) is None
        assert await probe.ask("storage.get", "a") == "ä"
        assert await probe.ask("storage.get-bytes", "a") == list("ä".encode())
        assert await probe.ask("storage.get-bytes", "b") is None
        assert await probe.ask("storage.set-bytes", "b", [0, 255], None) is None
        assert await probe.ask("storage.get-bytes", "b") == [0, 255]
        assert await probe.ask("storage.increment", "c", 2, 1000) == 2
        assert await probe.ask("storage.increment", "c", -5, None) == -3
        assert await probe.ask("storage.list-keys", "") == ["a", "b", "c"]
        assert await probe.ask("storage.compare-and-swap", "a", "ä", "new", None) is True
        assert await probe.ask("storage.compare-and-swap", "a", "ä", "newer", None) is False
        assert await probe.ask("storage.compare-and-swap", "d", None, "first", None) is True
        assert await probe.ask("storage.delete", "a") is None
        await probe.advance(1)
        assert probe.storage == {"b": b"\0\xff", "d": "first"}
        assert await probe.fails("storage.set", "", "x", None) == ("too-large", None)
        assert await probe.fails("storage.set-bytes", "k" * 257, [1], None) == ("too-large", None)
        assert await probe.fails("storage.get", "b") == ("wrong-type", None)
        assert await probe.fails("storage.increment", "d", 1, None) == ("wrong-type", None)
        assert await probe.fails("storage.compare-and-swap", "b", None, "x", None) == ("wrong-type", None)
        assert await probe.fails("storage.increment", "e", 0.5, None) == ("other", "a count is a whole number")

    on_probe(body)


@pytest.mark.covers(
    "storage.quota.storageBytes",
    "storage.quota.storageKeys",
    "storage.quota.storageWrites",
    "storage.error.quota-exceeded",
    "storage.error.rate-limited",
)
def test_storage_quotas(on_probe: Probed) -> None:
    """Bytes, keys and writes a second end where they are granted."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("storage.set", "a", "x", None) is None
        assert await probe.fails("storage.set", "a", "x" * 1000, None) == ("quota-exceeded", None)
        assert await probe.ask("storage.set", "b", "x", None) is None
        assert await probe.fails("storage.increment", "c", 1, None) == ("quota-exceeded", None)
        for _ in range(6):
            await probe.ask("storage.delete", "a")
        assert await probe.fails("storage.delete", "a") == ("rate-limited", None)
        assert await probe.fails("storage.compare-and-swap", "z", None, "x", None) == ("rate-limited", None)
        await probe.advance(1)
        assert await probe.ask("storage.set", "c", "x", None) is None

    on_probe(body, limits={"storage_bytes": 512, "storage_keys": 2, "storage_writes": 1})


@pytest.mark.covers("metrics.use", "metrics.quota.seriesLimit", "metrics.error.bad-value")
def test_metrics(on_probe: Probed) -> None:
    """Counters, gauges and histograms count in their way; values of labels above the limit are counted together."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("metrics.add", "one", 2) is None
        assert await probe.ask("metrics.add", "one", 1) is None
        assert await probe.ask("metrics.set", 7.5) is None
        assert await probe.ask("metrics.observe", 3) is None
        assert await probe.fails("metrics.add", "one", -1) == ("bad-value", None)
        for purpose in ("two", "three"):
            assert await probe.ask("metrics.add", purpose, 1) is None
        assert probe.metrics == {
            "calls{purpose=one}": 3,
            "calls{purpose=other}": 2,
            "level": 7.5,
            "sizes_count": 1,
            "sizes_sum": 3,
        }

    on_probe(body, limits={"series_limit": 3})


@pytest.mark.covers(
    "tasks.use",
    "tasks.quota.tasksLimit",
    "tasks.quota.leastTaskInterval",
    "tasks.error.too-many",
    "tasks.error.too-often",
    "tasks.error.bad-name",
)
def test_tasks(on_probe: Probed) -> None:
    """A task runs when its time has come, however it was scheduled; names, intervals and number are bounded."""

    async def body(probe: Probe) -> None:
        for kind in ("every", "after", "at"):
            time = probe.clock.wall() * 1000 + 2000 if kind == "at" else 2000
            assert await probe.ask("tasks.schedule", "tick", kind, time) is None
            await probe.advance(1.9)
            assert probe.storage == {}
            await probe.advance(0.2)
            assert probe.storage == {"task": "tick"}
            await probe.ask("storage.delete", "task")
            assert await probe.ask("tasks.cancel", "tick") is (kind == "every")
        assert await probe.ask("tasks.cancel", "tick") is False
        assert await probe.fails("tasks.schedule", "tick", "every", 100) == ("too-often", None)
        assert await probe.ask("tasks.schedule", "tick", "every", 1000) is None
        if probe.sdk == "js":  # its tasks have names that the plugin registers
            return
        assert await probe.fails("tasks.schedule", "tock", "every", 1000) == ("too-many", None)
        assert await probe.fails("tasks.schedule", "", "every", 1000) == ("bad-name", None)

    on_probe(body, limits={"tasks_limit": 1})


@pytest.mark.covers("events.use", "events.error.bad-topic", "events.error.reserved")
def test_events(on_probe: Probed) -> None:
    """What is published is told to others, what was subscribed is heard until it is ended."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("events.publish", "probe.said", '{"a":1}') is None
        told = [(event.topic, event.payload, event.source) for event in probe.published]
        assert told == [("probe.said", '{"a":1}', "probe")]
        assert await probe.ask("events.subscribe", "probe.*") is None
        await probe.deliver("probe.asked", "what?", source="other")
        assert probe.storage == {"event": '["probe.asked","other","what?"]'}
        assert await probe.ask("events.unsubscribe", "probe.*") is True
        assert await probe.ask("events.unsubscribe", "probe.*") is False
        await probe.ask("storage.delete", "event")
        await probe.deliver("probe.asked", "what?", source="other")
        assert probe.storage == {}
        assert await probe.fails("events.publish", "Not a topic", "") == ("bad-topic", None)
        assert await probe.fails("events.subscribe", "") == ("bad-topic", None)
        assert await probe.fails("events.publish", "key.inserted", "{}") == ("reserved", None)

    on_probe(body)


@pytest.mark.covers(
    "events.quota.eventRate",
    "events.quota.eventBytes",
    "events.quota.eventPatterns",
    "events.error.too-large",
    "events.error.rate-limited",
    "events.error.too-many",
)
def test_events_quotas(on_probe: Probed) -> None:
    """Payloads, events a second and patterns end where they are granted."""

    async def body(probe: Probe) -> None:
        assert await probe.fails("events.publish", "probe.said", "123456789") == ("too-large", None)
        for _ in range(10):
            assert await probe.ask("events.publish", "probe.said", "12345678") is None
        assert await probe.fails("events.publish", "probe.said", "") == ("rate-limited", None)
        await probe.ask("events.subscribe", "probe.*")
        assert await probe.fails("events.subscribe", "other.*") == ("too-many", None)

    on_probe(body, limits={"event_bytes": 8, "event_rate": 1, "event_patterns": 1})


FRIEND = Neighbour(
    name="friend",
    services=("echo",),
    answers={"say": "said"},
    errors={name: name for name in ("cycle", "timed-out", "refused", "failed", "other")},
)


@pytest.mark.covers("messaging.use")
def test_messaging(on_probe: Probed) -> None:
    """A peer is asked by name and by service, and found; each error has a case in the SDK."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("messaging.call", "friend", "say", "hello") == "said"
        assert await probe.ask("messaging.call", "service:echo", "say", "") == "said"
        assert await probe.ask("messaging.find", "echo") == ["friend"]
        assert await probe.ask("messaging.find", "other") == []
        assert [tuple(one) for one in probe.neighbours.asked] == [("friend", "say", "hello"), ("friend", "say", "")]
        assert await probe.fails("messaging.call", "service:other", "say", "") == ("no-such-peer", None)
        assert await probe.fails("messaging.call", "stranger", "say", "") == ("not-allowed", None)
        assert await probe.fails("messaging.call", "friend", "sing", "") == ("unknown-topic", None)
        for name in ("cycle", "timed-out", "refused", "failed", "other"):
            assert (await probe.fails("messaging.call", "friend", name, ""))[0] == name

    on_probe(body, neighbours=(FRIEND,))


@pytest.mark.covers(
    "messaging.quota.messageRate",
    "messaging.quota.messageBytes",
    "messaging.error.too-large",
    "messaging.error.rate-limited",
)
def test_messaging_quotas(on_probe: Probed) -> None:
    """Payloads, replies and calls a second end where they are granted."""

    async def body(probe: Probe) -> None:
        assert await probe.fails("messaging.call", "friend", "say", "hello") == ("too-large", None)
        assert await probe.fails("messaging.call", "friend", "tell", "") == ("too-large", None)
        for _ in range(9):
            assert await probe.ask("messaging.call", "friend", "say", "") == "said"
        assert await probe.fails("messaging.call", "friend", "say", "") == ("rate-limited", None)

    friend = Neighbour(name="friend", answers={"say": "said", "tell": "a long story"})
    on_probe(body, neighbours=(friend,), limits={"message_bytes": 4, "message_rate": 1})


@pytest.mark.covers(
    "shared.use",
    "shared.error.wrong-kind",
    "shared.error.too-large",
    "shared.error.not-allowed",
    "shared.error.bad-value",
)
def test_shared(on_probe: Probed) -> None:
    """Each structure counts in its way."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("shared.counter-add", "c", 2.5) == 2.5
        assert await probe.ask("shared.counter-add", "ours/c", 1) == 1
        assert await probe.ask("shared.window-add", "w", "k", 3, 16_000) == 3
        await probe.advance(8)
        assert await probe.ask("shared.window-add", "w", "k", 1, 16_000) == 4
        await probe.advance(60)
        assert await probe.ask("shared.window-add", "w", "k", 0, 16_000) == 0
        assert await probe.ask("shared.set-add", "s", "m", None) is True
        assert await probe.ask("shared.set-add", "s", "m", None) is False
        assert await probe.ask("shared.set-add", "s", "n", 1000) is True
        assert await probe.ask("shared.set-size", "s") == 2
        await probe.advance(2)
        assert await probe.ask("shared.set-has", "s", "n") is False
        assert await probe.ask("shared.set-has", "s", "m") is True
        assert await probe.ask("shared.set-remove", "s", "m") is True
        assert await probe.ask("shared.set-size", "s") == 0
        for member, weight in (("light", 1), ("heavy", 5), ("light", 2)):
            assert await probe.ask("shared.top-add", "t", member, weight, 2) is None
        assert await probe.ask("shared.top-list", "t", 9) == [["heavy", 5], ["light", 3]]
        assert await probe.ask("shared.top-list", "t", 1) == [["heavy", 5]]
        for member in ("a", "b", "a"):
            assert await probe.ask("shared.distinct-add", "d", member) is None
        assert await probe.ask("shared.distinct-count", "d") == pytest.approx(2, abs=0.1)
        assert await probe.ask("shared.remove", "c") is True
        assert await probe.ask("shared.remove", "c") is False
        assert await probe.fails("shared.counter-add", "s", 1) == ("wrong-kind", None)
        assert await probe.fails("shared.set-add", "s", "", None) == ("too-large", None)
        assert await probe.fails("shared.counter-add", "theirs/c", 1) == ("not-allowed", None)
        assert await probe.fails("shared.top-add", "t", "m", -1, 2) == ("bad-value", None)

    on_probe(body, table={"shared_scopes": ("ours",)})


@pytest.mark.covers("shared.quota.sharedStructures", "shared.quota.sharedBytes", "shared.error.quota-exceeded")
def test_shared_quotas(on_probe: Probed) -> None:
    """Structures and bytes end where they are granted."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("shared.set-add", "s", "m", None) is True
        assert await probe.fails("shared.counter-add", "c", 1) == ("quota-exceeded", None)
        answers = [await probe.ask("shared.set-add", "s", f"member {number}", None) for number in range(40)]
        assert answers[0] is True
        assert answers[-1]["error"] == "quota-exceeded"

    on_probe(body, limits={"shared_structures": 1, "shared_bytes": 2048})


@pytest.mark.covers("keys.use", "keys.error.bad-query")
def test_keys(on_probe: Probed) -> None:
    """What anybody may know of certificates."""

    async def body(probe: Probe) -> None:
        everything = await probe.ask("keys.changes", "", 10)
        assert len(everything) == 2
        (found,) = await probe.ask("keys.search", "email", "alice@openpgp.example")
        summary = await probe.ask("keys.summarize", found.upper())
        assert summary["primary"]["fingerprint"] == found
        assert (summary["primary"]["version"], summary["primary"]["algorithm"]) == (4, 22)
        assert (summary["primary"]["expires"], summary["primary"]["revoked"]) == (None, False)
        assert summary["primary"]["created"] == 1_548_158_185_000
        assert summary["user-ids"] == [["Alice Lovelace <alice@openpgp.example>", "alice@openpgp.example", False]]
        assert len(summary["subkeys"]) == 1
        assert summary["size"] > 400
        assert summary["updated"] > 0
        for kind, text in (("fingerprint", found), ("key-id", found[-16:])):
            assert await probe.ask("keys.search", kind, text) == [found]
        armor = await probe.ask("keys.armored", found)
        assert armor.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
        assert await probe.ask("keys.armored", "0" * 40) is None
        assert await probe.ask("keys.summarize", "0" * 40) is None
        assert (await probe.ask("keys.count"))["total"] == 2
        assert (await probe.fails("keys.search", "fingerprint", "x"))[0] == "bad-query"
        assert (await probe.fails("keys.armored", "x"))[0] == "bad-query"

    on_probe(body, keys=(VECTORS / "alice.asc", VECTORS / "bob.asc"))


@pytest.mark.covers("keys.quota.keysRate", "keys.quota.keysResults", "keys.error.rate-limited")
def test_keys_quotas(on_probe: Probed) -> None:
    """A question lists as many certificates as granted, and as many questions may be asked."""

    async def body(probe: Probe) -> None:
        assert len(await probe.ask("keys.changes", "", 10)) == 1
        for _ in range(9):
            await probe.ask("keys.count")
        assert await probe.fails("keys.count") == ("rate-limited", None)
        assert await probe.fails("keys.summarize", "0" * 40) == ("rate-limited", None)

    files = (VECTORS / "alice.asc", VECTORS / "bob.asc")
    on_probe(body, keys=files, limits={"keys_rate": 1, "keys_results": 1})


ALL_ACTS = frozenset({"submit", "replace", "delete", "quarantine", "release"})


@pytest.mark.covers("key-admin.use", "key-admin.error.missing", "key-admin.error.unusable", "key-admin.error.refused")
def test_key_admin(on_probe: Probed) -> None:
    """A certificate's whole life in a plugin's hand."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("key-admin.submit", ALICE, "found") == "inserted"
        assert await probe.ask("key-admin.submit", ALICE, "again") == "unchanged"
        (alice,) = await probe.ask("keys.search", "email", "alice@openpgp.example")
        assert await probe.ask("key-admin.replace", ALICE, "same") in ("updated", "unchanged")
        assert await probe.ask("key-admin.quarantine", alice, "doubts") is None
        assert await probe.ask("keys.armored", alice) is None
        ((fingerprint, source, reason, at),) = await probe.ask("key-admin.list-quarantine")
        assert (fingerprint, source, reason) == (alice, "probe", "doubts")
        assert at > 0
        assert await probe.ask("key-admin.release", alice, "no doubts") == "inserted"
        assert await probe.ask("key-admin.list-quarantine") == []
        assert await probe.ask("key-admin.delete", alice, "unwanted") is None
        assert await probe.ask("keys.armored", alice) is None
        assert await probe.fails("key-admin.delete", alice, "") == ("missing", None)
        assert (await probe.fails("key-admin.submit", "no armor", ""))[0] == "unusable"
        name, (code, text) = await probe.fails("key-admin.submit", ALICE, "again")
        assert (name, bool(code), "unwanted" in text) == ("refused", True, True)

    on_probe(body, table={"key_admin": tuple(sorted(ALL_ACTS))})


@pytest.mark.covers("key-admin.quota.keyAdminRate", "key-admin.error.not-allowed", "key-admin.error.rate-limited")
def test_key_admin_leave(on_probe: Probed) -> None:
    """Each verb is granted apart, and as many acts as granted may be done."""

    async def body(probe: Probe) -> None:
        assert await probe.fails("key-admin.delete", "0" * 40, "") == ("not-allowed", None)
        for _ in range(10):
            assert await probe.ask("key-admin.submit", BOB, "") in ("inserted", "unchanged")
        assert await probe.fails("key-admin.submit", BOB, "") == ("rate-limited", None)

    on_probe(body, table={"key_admin": ("submit",)}, limits={"key_admin_rate": 1})


HOST = "https://api.example"
ERRORS = (
    "unresolvable",
    "private-address",
    "unreachable",
    "untrusted",
    "timed-out",
    "too-large",
    "bad-redirect",
    "broken",
    "rate-limited",
    "other",
)
PEERS = (
    Peer(url=f"{HOST}/text", status=201, headers=(("x-a", "1"), ("x-a", "2")), body="grüß".encode()),
    Peer(url=f"{HOST}/there", status=302, headers=(("location", "/text"),)),
    Peer(url=f"{HOST}/echo", method="POST", status=404, body=b"\0\xff"),
    *(Peer(url=f"{HOST}/{error}", error=error) for error in ERRORS),
)


@pytest.mark.covers("http-client.use")
def test_http_client(on_probe: Probed) -> None:
    """A request goes out with its headers, secrets and body, and each part of the answer comes back."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("http-client.send", "GET", f"{HOST}/text", {}) is None
        assert await probe.ask("http-client.response.status", "GET", f"{HOST}/text", {}) == 201
        headers = await probe.ask("http-client.response.headers", "GET", f"{HOST}/text", {})
        assert headers == [["x-a", "1"], ["x-a", "2"]]
        assert await probe.ask("http-client.response.url", "GET", f"{HOST}/there", {}) == f"{HOST}/text"
        assert await probe.ask("http-client.response.status", "GET", f"{HOST}/there", {"follow": False}) == 302
        assert await probe.ask("http-client.response.read-text", "GET", f"{HOST}/text", {}) == "grüß"
        options = {
            "headers": [["x-b", "3"]],
            "secrets": [["authorization", "Bearer ", "token"]],
            "bytes": [1, 0, 254],
            "timeout": 500,
        }
        assert await probe.ask("http-client.response.read-bytes", "POST", f"{HOST}/echo", options) == [0, 255]
        asked = probe.asked[-1]
        assert (asked.method, asked.body) == ("POST", b"\1\0\xfe")
        assert {("x-b", "3"), ("authorization", "Bearer s3cret")} <= set(asked.headers)
        await probe.ask("http-client.send", "POST", f"{HOST}/echo", {"body": "ä"})
        assert probe.asked[-1].body == "ä".encode()
        for error in ERRORS:
            assert (await probe.fails("http-client.send", "GET", f"{HOST}/{error}", {}))[0] == error
        assert (await probe.fails("http-client.send", "LOOK", f"{HOST}/text", {}))[0] == "bad-request"
        hidden = {"secrets": [["x-c", "", "unknown"]]}
        assert await probe.fails("http-client.send", "GET", f"{HOST}/text", hidden) == ("no-such-secret", "unknown")

    on_probe(body, peers=PEERS, secrets={"token": "s3cret"}, limits={"http_rate": 100})


@pytest.mark.covers(
    "http-client.quota.httpRate",
    "http-client.quota.httpRequestBytes",
    "http-client.quota.httpAnswerBytes",
    "http-client.error.not-allowed",
)
def test_http_client_bounds(on_probe: Probed) -> None:
    """Where nothing is allowed nothing is sent; bodies, answers and requests a second end where they are granted."""

    async def refused(probe: Probe) -> None:
        assert (await probe.fails("http-client.send", "GET", f"{HOST}/text", {}))[0] == "not-allowed"
        assert probe.asked == []

    on_probe(refused, peers=PEERS, table={"http_allow": ()})

    async def bounded(probe: Probe) -> None:
        assert (await probe.fails("http-client.send", "POST", f"{HOST}/echo", {"body": "12345"}))[0] == "bad-request"
        assert (await probe.fails("http-client.response.read-text", "GET", f"{HOST}/text", {}))[0] == "too-large"
        for _ in range(8):
            assert await probe.ask("http-client.send", "POST", f"{HOST}/echo", {"body": "1234"}) is None
        assert await probe.fails("http-client.send", "GET", f"{HOST}/text", {}) == ("rate-limited", None)

    limits = {"http_rate": 1, "http_request_bytes": 4, "http_answer_bytes": 4}
    on_probe(bounded, peers=PEERS, limits=limits)


@pytest.mark.covers("files.use", "files.error.no-such-file", "files.error.unreadable", "files.error.other")
def test_files(on_probe: Probed, tmp_path: Path) -> None:
    """A named file is described and read in ranges."""
    path = tmp_path / "words"
    path.write_bytes("grüß\nGott".encode())

    async def body(probe: Probe) -> None:
        assert await probe.ask("files.names") == ["gone", "words"]
        assert await probe.ask("files.open", "words", 7, 4) == "Gott"
        assert await probe.ask("files.data-file.size", "words", 0, 0) == 11
        assert await probe.ask("files.data-file.modified", "words", 0, 0) == path.stat().st_mtime_ns // 1_000_000
        assert await probe.ask("files.data-file.replaced", "words", 0, 0) is False
        assert await probe.ask("files.data-file.read", "words", 2, 4) == list("üß".encode())
        assert await probe.ask("files.data-file.read-text", "words", 0, 100) == "grüß\nGott"
        assert await probe.ask("files.data-file.read", "words", 11, 4) == []
        assert await probe.fails("files.open", "other", 0, 0) == ("no-such-file", None)
        assert (await probe.fails("files.open", "gone", 0, 0))[0] == "unreadable"
        if probe.sdk != "rust":  # where an offset is a whole number by its type
            assert (await probe.fails("files.data-file.read-text", "words", 0.5, 4))[0] == "other"

    on_probe(body, table={"files": (("gone", tmp_path / "gone"), ("words", path))})


def test_files_are_read_as_a_whole(on_probe: Probed, tmp_path: Path) -> None:
    """What is longer than one call to the host gives, with no character cut in two."""
    path = tmp_path / "faces"
    path.write_text("x" + "😀😀é\n" * 110_000)

    async def body(probe: Probe) -> None:
        assert await probe.ask("files.whole", "faces") == [440_001, 110_000]

    on_probe(body, table={"files": (("faces", path),)}, limits={"memory_mb": 128, "fuel": 10**11})


@pytest.mark.covers("files.quota.fileRate", "files.error.rate-limited")
def test_files_quota(on_probe: Probed, tmp_path: Path) -> None:
    """As many bytes a second are read as granted."""
    path = tmp_path / "words"
    path.write_bytes(b"x" * 1000)

    async def body(probe: Probe) -> None:
        assert await probe.ask("files.data-file.read-text", "words", 0, 100) == "x" * 100
        assert await probe.fails("files.data-file.read-text", "words", 0, 100) == ("rate-limited", None)
        assert await probe.fails("files.data-file.read", "words", 0, 100) == ("rate-limited", None)

    on_probe(body, table={"files": (("words", path),)}, limits={"file_rate": 10})


@pytest.mark.covers("secrets.use", "secrets.error.no-such-secret", "secrets.error.not-allowed")
def test_secrets(on_probe: Probed) -> None:
    """Secrets are named and compared, and seen where the operator allows it."""

    async def body(probe: Probe) -> None:
        assert await probe.ask("secrets.names") == ["hidden", "shown"]
        assert await probe.ask("secrets.reveal", "shown") == "yes"
        assert await probe.ask("secrets.equals", "hidden", "yes") is False
        assert await probe.ask("secrets.equals", "hidden", "no") is True
        assert await probe.fails("secrets.reveal", "hidden") == ("not-allowed", None)
        assert await probe.fails("secrets.reveal", "other") == ("no-such-secret", None)
        assert await probe.fails("secrets.equals", "other", "") == ("no-such-secret", None)

    on_probe(body, secrets={"hidden": "no", "shown": "yes"}, table={"reveal_secrets": ("shown",)})


class Wire:
    """A request that the probe is answering; `problem` is why nothing gets through."""

    plugin = "probe"

    def __init__(self) -> None:
        self.problem: str | None = None
        self.sent: list[Any] = []
        self.ended = False

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> str | None:
        self.sent.append((status, *map(tuple, headers)))
        return None

    async def write(self, data: bytes) -> str | None:
        if self.problem is None:
            self.sent.append(data)
        return self.problem

    def end(self) -> None:
        self.ended = True


async def visit(probe: Probe, function: str, payload: str) -> Any:
    """The outcome of a request for the probe's route."""
    request = {
        "client": "192.0.2.1",
        "method": "GET",
        "path": "/plugins/probe/stream",
        "rest": "",
        "query": [["function", function], ["payload", payload]],
        "headers": [],
        "body": "empty",
    }
    return await probe.call("routes.handle", request)


@pytest.mark.covers(
    "responder.use",
    "responder.quota.responseBytes",
    "responder.error.not-now",
    "responder.error.gone",
    "responder.error.too-large",
    "responder.error.bad-status",
)
def test_responder(on_probe: Probed) -> None:
    """An answer goes out piece by piece while a route is handled, within the bytes granted, and at no other time."""

    async def body(probe: Probe) -> None:
        assert await probe.fails("responder.begin", 200, [], []) == ("not-now", None)
        wire = Wire()
        answering.set(wire)
        assert await visit(probe, "begin", '[201, [["x-a", "1"]], []]') == "streamed"
        assert (wire.sent, wire.ended) == ([(201, ("x-a", "1"))], True)
        wire.sent.clear()
        assert await visit(probe, "outgoing.write", '[200, [], ["ä", "b"]]') == "streamed"
        assert await visit(probe, "outgoing.write-bytes", '[200, [], ["c"]]') == "streamed"
        assert wire.sent == [(200,), "ä".encode(), b"b", (200,), b"c"]
        assert await probe.fails("responder.begin", 99, [], []) == ("bad-status", None)
        assert await probe.fails("responder.outgoing.write", 200, [], ["12345678", "9"]) == ("too-large", None)
        wire.problem = "gone"
        assert await probe.fails("responder.outgoing.write-bytes", 200, [], ["x"]) == ("gone", None)

    on_probe(body, limits={"response_bytes": 8})


# --- what is not granted ----------------------------------------------------------------------------


@pytest.mark.covers(
    "log.refusal",
    "settings.refusal",
    "clock.refusal",
    "random.refusal",
    "storage.refusal",
    "metrics.refusal",
    "tasks.refusal",
    "events.refusal",
    "messaging.refusal",
    "shared.refusal",
    "keys.refusal",
    "key-admin.refusal",
    "http-client.refusal",
    "files.refusal",
    "secrets.refusal",
    "responder.refusal",
)
@pytest.mark.parametrize("name", IMPORTS)
@pytest.mark.parametrize("sdk", SDKS)
def test_a_plugin_that_is_not_granted_what_it_imports_is_refused(sdk: str, name: str) -> None:
    """At load, with the name of what is missing."""
    grants = tuple(each for each in IMPORTS if each != name)
    probe = artifact(sdk)

    async def main() -> None:
        stand = Stand(probe, Circumstances(grants=grants, runtimes=RUNTIMES), compiler=compiler())
        with pytest.raises(ArtifactRefused, match=f"needs {name}, which it is not granted") as caught:
            async with stand:
                pass
        assert caught.value.reason is Refusal.IMPORTS_NOT_GRANTED

    run(main())


USES: dict[str, tuple[str, list[Any]]] = {
    "log": ("write", ["info", "x", []]),
    "settings": ("get-all", []),
    "clock": ("now", []),
    "random": ("number", []),
    "storage": ("get", ["a"]),
    "metrics": ("set", [1]),
    "tasks": ("cancel", ["tick"]),
    "events": ("publish", ["probe.said", ""]),
    "messaging": ("find", ["echo"]),
    "shared": ("counter-add", ["c", 1]),
    "keys": ("count", []),
    "key-admin": ("submit", ["", ""]),
    "http-client": ("send", ["GET", HOST, {}]),
    "files": ("names", []),
    "secrets": ("names", []),
    "responder": ("begin", [200, [], []]),
}


@pytest.mark.covers(
    "log.refusal",
    "settings.refusal",
    "clock.refusal",
    "random.refusal",
    "storage.refusal",
    "metrics.refusal",
    "tasks.refusal",
    "events.refusal",
    "messaging.refusal",
    "shared.refusal",
    "keys.refusal",
    "key-admin.refusal",
    "http-client.refusal",
    "files.refusal",
    "secrets.refusal",
    "responder.refusal",
)
@pytest.mark.parametrize("sdk", ["python", "js"])
def test_a_script_that_does_not_ask_for_an_import_is_told_so_by_its_sdk(sdk: str) -> None:
    """The name of the import is in the error; the call does not reach the host."""

    async def body(probe: Probe) -> None:
        for name, (function, arguments) in USES.items():
            if name == "events":
                continue
            answer = await probe.ask(f"{name}.{function}", *arguments)
            assert (answer["error"], answer["detail"]) == ("not-granted", name)
            assert answer["type"] == {"python": "NotGranted", "js": "NotGrantedError"}[sdk]

    async def nothing(probe: Probe) -> None:
        raise AssertionError("it listens to events and went into service without the import")

    assert list(USES) == list(IMPORTS)
    probed(sdk)(body, only=("events",))
    with pytest.raises(ArtifactRefused, match=r"start: .*events"):
        probed(sdk)(nothing, only=())


@pytest.mark.covers(
    "log.refusal",
    "settings.refusal",
    "clock.refusal",
    "random.refusal",
    "storage.refusal",
    "metrics.refusal",
    "tasks.refusal",
    "messaging.refusal",
    "shared.refusal",
    "keys.refusal",
    "key-admin.refusal",
    "http-client.refusal",
    "files.refusal",
    "secrets.refusal",
    "responder.refusal",
)
@pytest.mark.parametrize("name", [name for name in IMPORTS if name != "events"])
def test_a_script_that_gets_around_its_sdk_is_stopped_by_the_host(name: str) -> None:
    """The call ends, though the runtime has the import. (Without `events` the probe would not go into service.)"""
    function, arguments = USES[name]

    async def body(probe: Probe) -> None:
        with pytest.raises(PluginFailed, match="which it was not granted") as caught:
            await probe.ask(f"{name}.{function}", *arguments)
        assert caught.value.reason is CallReason.DENIED_IMPORT

    trick = "from wasmpuck_plugin import _seam\n    _seam._Connection.granted = None\n    try:"
    probed("python")(body, only=("events",), changed=("try:", trick))


def test_every_function_of_the_contract_is_called_here() -> None:
    """The texts of this file hold each function's topic."""
    text = Path(__file__).read_text()
    for name in IMPORTS:
        wit = (
            ROOT / "wit" / f"{'routes' if name == 'responder' else 'keys' if name == 'keys' else name}.wit"
        ).read_text()
        found = re.search(rf"^interface {name} \{{$(.*?)^\}}$", wit, re.MULTILINE | re.DOTALL)
        assert found is not None
        resource = ""
        for line in found.group(1).splitlines():
            if opening := re.match(r"    resource ([a-z-]+) \{", line):
                resource = f"{opening.group(1)}."
            elif line == "    }":
                resource = ""
            elif function := re.match(r"\s+([a-z-]+): func\(", line):
                topic = f"{name}.{resource}{function.group(1)}"
                assert f'"{topic}"' in text, topic


# --- errors in the SDKs' types --------------------------------------------------------------------------


FALLIBLE: dict[str, tuple[str, list[Any]]] = {
    "storage": ("set", ["a", "b", None]),
    "metrics": ("set", [1]),
    "tasks": ("schedule", ["tick", "every", 1000]),
    "events": ("publish", ["probe.said", ""]),
    "messaging": ("call", ["friend", "say", ""]),
    "shared": ("counter-add", ["c", 1]),
    "keys": ("count", []),
    "key-admin": ("submit", ["", ""]),
    "http-client": ("send", ["GET", HOST, {}]),
    "files": ("open", ["words", 0, 0]),
    "secrets": ("reveal", ["shown"]),
    "responder": ("begin", [200, [], []]),
}
"""Of every import that has errors, a function that answers with them."""


class Refusing(Tap):
    """A host that answers `error` instead of doing something, once it is set."""

    error: Err | None = None

    def wrap(self, name: str, kind: Function, implementation: Callable[..., Any]) -> Callable[..., Any]:
        """Functions that are in `FALLIBLE`."""
        interface, _, function = name.partition(".")
        if FALLIBLE.get(interface, ("", []))[0] != function:
            return implementation
        return lambda *values: self.error


@pytest.mark.covers(
    "storage.error.*",
    "metrics.error.*",
    "tasks.error.*",
    "events.error.*",
    "messaging.error.*",
    "shared.error.*",
    "keys.error.*",
    "key-admin.error.*",
    "http-client.error.*",
    "files.error.*",
    "secrets.error.*",
    "responder.error.*",
)
def test_every_error_is_of_a_type_of_the_sdk(on_probe: Probed) -> None:
    """Each case that the contract has, those included that the host answers to nothing today (`other` of some)."""
    tap = Refusing()
    contract = load_contract()

    async def body(probe: Probe) -> None:
        for name, (function, arguments) in FALLIBLE.items():
            result = contract[name].functions[function].result
            assert isinstance(result, Result)
            assert isinstance(result.err, Variant)
            for case, kind in result.err.cases:
                detail: Any = None if kind is None else ("a", "b") if isinstance(kind, Tuple) else "words"
                tap.error = Err(Case(case, detail))
                shown = list(detail) if isinstance(detail, tuple) else detail
                assert await probe.fails(f"{name}.{function}", *arguments) == (case, shown)

    on_probe(body, tap=tap)
