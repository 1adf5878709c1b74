"""The built rate limiter on the test stand. Its arithmetic has tests of its own in Rust."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from plugins_src.stand import SOURCES, Instance, Plugin, Stand, record
from wasmpuck_signing.manifest import Manifest

STAND = Stand()
MEMORY = 4 << 20


@pytest.fixture(scope="module")
def plugin() -> Plugin:
    """The artifact in plugins-dist/, compiled."""
    return Plugin("ratelimit-window", STAND)


@pytest.fixture
def stand() -> Stand:
    """The stand, as new."""
    STAND.reset()
    return STAND


@pytest.fixture
def guest(plugin: Plugin, stand: Stand) -> Iterator[Instance]:
    """An instance, not configured yet."""
    with plugin.instance(MEMORY) as instance:
        yield instance


def configure(guest: Instance, **settings: Any) -> None:
    """Runs `init`, which has to succeed."""
    assert guest.call("lifecycle", "init", json.dumps(settings)) is None


def ask(guest: Instance, client: str = "192.0.2.7", operation: str = "get") -> Any:
    """The decision on one request."""
    request = record(
        client=client, operation=operation, method="GET", path="/pks/lookup", query=[], headers=[], body=None
    )
    return guest.call("middleware", "on-request", request)


def headers(decision: Any) -> dict[str, str]:
    """The headers of an allowed request or of a refusal."""
    said = decision.verdict.payload
    return dict(said if isinstance(said, list) else said.headers)


def allowed(decision: Any) -> bool:
    """Whether the request may go on."""
    return str(decision.verdict.tag) == "next"


def test_requests_pass_up_to_the_limit_and_are_told_how_many_are_left(guest: Instance) -> None:
    """Three of three pass with falling numbers, the fourth is refused with a time at which the next one passes."""
    configure(guest, window=10, limits={"get": 3})
    left = [headers(ask(guest))["ratelimit-remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = ask(guest)
    assert refused.verdict.payload.status == 429
    found = headers(refused)
    assert found["ratelimit-limit"] == "3"
    assert found["ratelimit-policy"] == "3;w=10"
    assert found["content-type"] == "text/plain; charset=utf-8"
    assert f"Try again in {found['retry-after']} seconds." in refused.verdict.payload.body
    STAND.now += (int(found["retry-after"]) - 1) * 1000 - 100
    assert not allowed(ask(guest))
    STAND.now += 1100
    assert allowed(ask(guest))


def test_clients_and_operations_count_apart(guest: Instance) -> None:
    """Another client, another operation and another /64 have counts of their own; the same /64 shares one."""
    configure(guest, limits={"default": 1})
    assert allowed(ask(guest))
    assert not allowed(ask(guest))
    assert not allowed(ask(guest, client="::ffff:192.0.2.7"))
    assert allowed(ask(guest, client="192.0.2.8"))
    assert allowed(ask(guest, operation="index"))
    assert allowed(ask(guest, client="2001:db8::1"))
    assert not allowed(ask(guest, client="2001:db8::2"))
    assert allowed(ask(guest, client="2001:db8:0:1::2"))
    assert allowed(ask(guest, client="not an address"))
    assert not allowed(ask(guest, client=""))


def test_exempt_clients_and_unlimited_operations_are_not_counted(guest: Instance, stand: Stand) -> None:
    """They pass without headers and leave nothing in storage."""
    configure(guest, limits={"default": 1, "stats": "unlimited"}, exempt=["10.0.0.0/8", "2001:db8::/32"])
    for _ in range(3):
        assert ask(guest, client="10.1.2.3").verdict.payload == []
        assert ask(guest, client="2001:db8::1").verdict.payload == []
        assert ask(guest, operation="stats").verdict.payload == []
    assert stand.entries == {}
    assert stand.metrics == {("requests", "get", "exempt"): 6.0, ("requests", "stats", "exempt"): 3.0}


def test_instances_share_their_counts(plugin: Plugin, stand: Stand) -> None:
    """Two instances allow together what one would."""
    with plugin.instance(MEMORY) as one, plugin.instance(MEMORY) as other:
        for instance in (one, other):
            configure(instance, limits={"get": 3})
        assert [allowed(ask(instance)) for instance in (one, other, one, other, one)] == [True] * 3 + [False] * 2


def test_a_rival_that_counts_at_the_same_moment_is_not_lost(plugin: Plugin, stand: Stand) -> None:
    """A request that another instance counts between reading and writing is counted, too."""
    with plugin.instance(MEMORY) as one, plugin.instance(MEMORY) as other:
        for instance in (one, other):
            configure(instance, limits={"get": 10})

        def rival() -> None:
            stand.rivals.clear()
            ask(other)

        stand.rivals.append(rival)
        assert headers(ask(one))["ratelimit-remaining"] == "8"


def test_a_request_takes_two_storage_calls_and_a_refusal_one(guest: Instance, stand: Stand) -> None:
    """An allowed request is read and written, a refused one only read."""
    configure(guest, limits={"get": 1})
    ask(guest)
    assert stand.calls == 2
    ask(guest)
    assert stand.calls == 3


def test_metrics_count_by_operation_and_outcome(guest: Instance, stand: Stand) -> None:
    """Each judged request is counted once."""
    configure(guest, limits={"get": 2})
    for _ in range(5):
        ask(guest)
    assert stand.metrics == {("requests", "get", "allowed"): 2.0, ("requests", "get", "limited"): 3.0}
    declared = {metric.name: metric.labels for metric in guest.call("lifecycle", "describe").metrics}
    assert declared["requests"] == ["operation", "outcome"]


def test_without_a_lease_every_request_is_asked(guest: Instance) -> None:
    """By default neither permissions nor refusals may be reused."""
    configure(guest, limits={"get": 2})
    assert [ask(guest).reuse for _ in range(3)] == [None] * 3


def test_a_lease_is_counted_in_advance_and_never_exceeds_the_limit(guest: Instance, stand: Stand) -> None:
    """Requests asked and leased together are exactly the limit, each lease within the running slice."""
    configure(guest, window=16, limits={"get": 50}, lease=8)
    asked, leased = 0, 0
    while allowed(decision := ask(guest)):
        asked += 1
        if decision.reuse is not None:
            assert decision.reuse.scope == "client-operation"
            assert 0 < decision.reuse.milliseconds <= 1000
            leased += decision.reuse.requests
    assert asked + leased == 50
    assert leased > asked
    assert stand.metrics["leased", "get"] == leased
    assert decision.reuse.milliseconds == 1000
    assert ask(guest, client="192.0.2.9").reuse is None


def test_full_storage_lets_requests_pass_and_says_so(guest: Instance, stand: Stand) -> None:
    """A limiter that cannot count must not stop the server; log, metrics and health tell."""
    configure(guest, limits={"get": 1})
    stand.refusal = "quota-exceeded"
    assert [ask(guest).verdict.payload for _ in range(3)] == [[], [], []]
    assert stand.metrics == {("requests", "get", "uncounted"): 3.0}
    assert [level for level, _, _ in stand.logs] == ["warn"]
    condition = guest.call("lifecycle", "health")
    assert (condition.tag, "grant more storageBytes" in condition.payload) == ("failing", True)
    stand.refusal = None
    assert guest.call("lifecycle", "health").tag == "degraded"
    ask(guest)
    assert guest.call("lifecycle", "health").tag == "healthy"


def test_the_cleaning_task_removes_what_no_longer_counts(guest: Instance, stand: Stand) -> None:
    """Entries of other windows and finished ones go page by page, living ones stay."""
    configure(guest, window=10, cleaningInterval=60)
    assert guest.call("lifecycle", "start") is None
    assert stand.tasks == {"clean": ("every", 60_000)}
    ask(guest)
    (living,) = stand.entries
    stand.entries |= {f"w/10000/get/10.0.{number}.1": ("1:1", None) for number in range(250)}
    stand.entries |= {"w/99/get/10.0.0.1": ("1:1", None), "w/10000/get/10.1.1.1": ("garbled", None)}
    for _ in range(4):
        assert guest.call("task-handler", "run", "clean") is None
    stand.now += 1
    assert [key for key in stand.entries if key.startswith("w/") and stand.value(key) is not None] == [living]
    assert stand.metrics["cleaned",] == 252.0
    assert "no task `x`" in guest.call("task-handler", "run", "x")


def test_a_bad_configuration_is_named_and_refused(guest: Instance) -> None:
    """`validate-config` and `init` name the same problems."""
    text = '{"windw": 1, "limits": {"gte": 5}, "exempt": ["10.0.0.1/8"]}'
    found = [(problem.path, problem.message) for problem in guest.call("lifecycle", "validate-config", text)]
    assert [path for path, _ in found] == ["windw", "limits.gte", "exempt.0"]
    assert "did you mean `window`?" in found[0][1]
    assert "did you mean `get`?" in found[1][1]
    assert "10.0.0.0/8" in found[2][1]
    failure = guest.call("lifecycle", "init", text)
    assert failure.tag == "configuration"
    assert [(problem.path, problem.message) for problem in failure.payload] == found
    assert guest.call("lifecycle", "validate-config", "{}") == []


def test_it_says_who_it_is_and_passes_its_self_test(guest: Instance) -> None:
    """`describe` agrees with the manifest, the scope asks for no header and no query, the self-test passes."""
    manifest = Manifest.from_toml((SOURCES / "ratelimit-window" / "plugin.toml").read_text())
    info = guest.call("lifecycle", "describe")
    assert (info.name, info.version, info.description) == (manifest.name, str(manifest.version), manifest.description)
    assert guest.call("lifecycle", "self-test") is None
    configure(guest)
    scope = guest.call("middleware", "describe-scope")
    assert (scope.paths, scope.headers) == (["/pks/*"], [])
    assert not any(getattr(scope, f"wants-{part}") for part in ("query", "body", "response"))


def test_a_request_takes_a_small_part_of_the_fuel(guest: Instance) -> None:
    """Even with every slice of the window filled a request needs under a hundredth of the granted fuel."""
    manifest = Manifest.from_toml((SOURCES / "ratelimit-window" / "plugin.toml").read_text())
    configure(guest, window=16, limits={"get": 1_000_000})
    most = 0
    for _ in range(40):
        STAND.now += 500
        ask(guest, client="2001:db8:1:2:3:4:5:6")
        most = max(most, guest.fuel)
    assert most * 100 < manifest.limits["fuel"]
