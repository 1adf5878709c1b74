"""The built admission policy on the test stand, and its own tests, which try the rules without a component."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import python
from builders.recipe import Recipe
from plugins_src.stand import SOURCES, Instance, Plugin, Stand, record

STAND = Stand()
MEMORY = 32 << 20  # half of what its manifest asks for


@pytest.fixture(scope="module")
def plugin() -> Plugin:
    """The artifact in plugins-dist/, compiled."""
    return Plugin("admission-policy", STAND)


@pytest.fixture
def guest(plugin: Plugin) -> Iterator[Instance]:
    """An instance, not configured yet, on a stand as new."""
    STAND.reset()
    with plugin.instance(MEMORY) as instance:
        yield instance


def configure(guest: Instance, **settings: Any) -> None:
    """Runs `init`, which has to succeed."""
    assert guest.call("lifecycle", "init", json.dumps(settings)) is None


def judge(guest: Instance, **changes: Any) -> Any:
    """The verdict on a certificate: `None` or the reason."""
    key = record(fingerprint="ab" * 20, version=4, algorithm=22, bits=256, created=STAND.now - 1000.0)
    fields: dict[str, Any] = {
        "origin": "upload",
        "client": "192.0.2.7",
        "source": "",
        "primary": key,
        "subkeys": [key],
        "user_ids": ["Alice <alice@example.org>"],
        "size": 1000,
        "signatures": 2,
        "known": False,
        "armored": None,
    }
    verdict = guest.call("admission", "judge", record(**(fields | changes)))
    assert verdict.tag in ("accept", "reject")
    return verdict.payload


def test_its_own_tests_pass(tmp_path: Path) -> None:
    """The tests in the plugin's folder pass on this machine's Python."""
    python.test(Recipe(SOURCES.parent, "admission-policy"), tmp_path)


def test_a_certificate_is_accepted_or_rejected_with_reason_log_and_metric(guest: Instance) -> None:
    """What fits is accepted; what does not gets a code and a sentence, and the operator sees both outcomes."""
    configure(guest, domains={"allow": ["example.org"]}, maxUserIds=2)
    assert judge(guest) is None
    assert judge(guest, origin="bulk") is None
    rejected = judge(guest, user_ids=["Mallory <m@example.com>"])
    assert rejected.code == "domain-not-allowed"
    assert rejected.text.endswith("then upload the certificate again.")
    assert judge(guest, user_ids=["a@example.org"] * 3).code == "too-many-user-ids"
    assert STAND.metrics == {
        ("accepted", "upload"): 1.0,
        ("accepted", "bulk"): 1.0,
        ("rejected", "domain-not-allowed"): 1.0,
        ("rejected", "too-many-user-ids"): 1.0,
    }
    level, _, fields = STAND.logs[0]
    assert (level, dict(fields)) == (
        "info",
        {"rule": "domain-not-allowed", "fingerprint": "ab" * 20, "origin": "upload"},
    )


def test_every_way_in_is_judged_without_the_armor(guest: Instance) -> None:
    """Its scope names no way in, which means all."""
    scope = guest.call("admission", "describe-scope")
    assert (scope.origins, getattr(scope, "wants-armor")) == ([], False)


def test_age_is_measured_by_the_servers_clock(guest: Instance) -> None:
    """A key grows too old as the host's clock moves on."""
    configure(guest, age={"maxDays": 1})
    key = record(fingerprint="ab" * 20, version=4, algorithm=22, bits=256, created=STAND.now)
    assert judge(guest, primary=key) is None
    STAND.now += 86_400_001
    assert judge(guest, primary=key).code == "too-old"


def test_a_bad_configuration_is_named_and_refused(guest: Instance) -> None:
    """`validate-config` and `init` name the same problems."""
    text = '{"maxSiz": 1, "algorithms": {"deny": ["rza"]}}'
    found = [(problem.path, problem.message) for problem in guest.call("lifecycle", "validate-config", text)]
    assert sorted(path for path, _ in found) == ["algorithms.deny.0", "maxSiz"]
    failure = guest.call("lifecycle", "init", text)
    assert failure.tag == "configuration"
    assert [(problem.path, problem.message) for problem in failure.payload] == found
    assert guest.call("lifecycle", "validate-config", "{}") == []


def test_it_says_who_it_is_passes_its_self_test_and_is_healthy(guest: Instance) -> None:
    """`describe` agrees with the manifest; the self-test passes before and health after the configuration."""
    manifest = Recipe(SOURCES.parent, "admission-policy").manifest()
    info = guest.call("lifecycle", "describe")
    assert (info.name, info.version, info.description) == (manifest.name, str(manifest.version), manifest.description)
    assert guest.call("lifecycle", "self-test") is None
    assert guest.call("lifecycle", "health").tag == "failing"
    configure(guest)
    assert guest.call("lifecycle", "start") is None
    assert [level for level, _, _ in STAND.logs] == ["warn"]
    assert guest.call("lifecycle", "health").tag == "healthy"


def test_a_large_certificate_takes_a_part_of_the_fuel(guest: Instance) -> None:
    """A hundred subkeys and a thousand user ids need under half of the granted fuel."""
    manifest = Recipe(SOURCES.parent, "admission-policy").manifest()
    configure(guest, domains={"allow": ["example.org"]}, algorithms={"deny": ["dsa"]})
    key = record(fingerprint="ab" * 20, version=4, algorithm=22, bits=256, created=STAND.now)
    assert judge(guest, subkeys=[key] * 100, user_ids=["Alice <alice@example.org>"] * 1000) is None
    assert guest.fuel * 2 < manifest.limits["fuel"]


def test_an_unexpected_error_is_logged_with_its_place_before_it_traps(plugin: Plugin) -> None:
    """A call before `init` traps, and the log says which function failed and why."""
    STAND.reset()
    with plugin.instance(MEMORY) as instance, pytest.raises(Exception, match="unreachable"):
        judge(instance)
    ((level, text, fields),) = STAND.logs
    assert (level, text) == ("error", "admission.judge failed: RuntimeError: judge was called before init")
    assert dict(fields)["at"].startswith("plugin.py:")
    assert 'raise RuntimeError("judge was called before init")' in dict(fields)["traceback"]
