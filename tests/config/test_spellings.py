"""A plugin's table in both of the roadmap's spellings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import tomltext
from config.test_loading import only_problem, problems_of
from wasmpuck.config import GRANTS, BreakerSettings, FailureClasses, PluginLimits, parse

ROADMAP_FIRST = """\
[plugins]
enabled = true
directory = "/etc/hockeypuck/plugins"
loadOrder = ["security", "ratelimit-ml", "monitoring"]

[plugins.security-enhanced]
enabled = true
type = "security"
config.authProvider = "ldap"
config.auditLevel = "detailed"

[plugins.ratelimit-ml]
enabled = false  # Optional deployment
type = "ratelimit"
config.modelPath = "/var/lib/hockeypuck/ml-models"
config.threshold = 0.85

[plugins.prometheus-extended]
enabled = true
type = "monitoring"
config.endpoint = "/extended-metrics"
"""

ROADMAP_SECOND = """\
[server]
bind = ":11371"

[plugins]
enabled = true
directory = "/etc/hockeypuck/plugins"
autoLoad = true
loadTimeout = "30s"

[plugins.security]
verifySignatures = true
allowUnsigned = false
maxMemoryMB = 256
maxCPUPercent = 50

[plugins.config.ratelimit-ml]
enabled = true
modelPath = "/var/lib/hockeypuck/models/anomaly-detection.model"
threshold = 0.85
updateInterval = "1h"

[plugins.config.storage-cockroachdb]
enabled = false
connectionString = "postgres://user:pass@localhost:26257/hockeypuck"
maxConnections = 100
"""


def test_the_first_sample_of_the_roadmap_loads_as_it_stands() -> None:
    """`[plugins.NAME]` with `config.…` keys gives the host's keys and the plugin's own settings."""
    configuration = parse(ROADMAP_FIRST)
    plugin = configuration.plugin("ratelimit-ml")
    assert not plugin.enabled
    assert plugin.type == "ratelimit"
    assert plugin.settings == {"modelPath": "/var/lib/hockeypuck/ml-models", "threshold": 0.85}
    assert configuration.plugin("prometheus-extended").settings_json == '{"endpoint":"/extended-metrics"}'
    assert str(configuration.plugins.directory) == "/etc/hockeypuck/plugins"


def test_the_second_sample_of_the_roadmap_loads_as_it_stands() -> None:
    """`[plugins.config.NAME]` mixes the host's keys and the plugin's own settings."""
    configuration = parse(ROADMAP_SECOND)
    assert configuration.plugin("storage-cockroachdb").enabled is False
    assert configuration.plugin("ratelimit-ml").settings == {
        "modelPath": "/var/lib/hockeypuck/models/anomaly-detection.model",
        "threshold": 0.85,
        "updateInterval": "1h",
    }
    assert configuration.plugins.security.max_cpu_percent == 50


def test_both_spellings_of_one_table_are_equal() -> None:
    """The same keys in either spelling make the same settings."""
    host = (
        'grants = ["storage", "log"]\nfailure = "closed"\npriority = -5\nlimits = { fuel = 20000, deadline = "5s" }\n'
        'failures = { trap = "quarantine", guest-error = "reload" }\nbreaker = { failures = 3, backoff = "250ms" }\n'
    )
    first = parse(f"[plugins.x]\n{host}config.a = 1\nconfig.b.c = [true]\n")
    second = parse(f"[plugins.config.x]\n{host}a = 1\nb = {{ c = [true] }}\n")
    assert first.plugins == second.plugins
    plugin = first.plugin("x")
    assert plugin.grants == ("log", "storage")
    assert plugin.fail_closed
    assert plugin.priority == -5
    assert (plugin.limits.fuel, plugin.limits.deadline, plugin.limits.instances) == (20_000, 5.0, 4)
    assert plugin.limits_given == {"fuel", "deadline"}
    assert plugin.failures == FailureClasses(trap="quarantine", guest_error="reload")
    assert plugin.breaker == BreakerSettings(failures=3, backoff=0.25)
    assert plugin.settings_json == '{"a":1,"b":{"c":[true]}}'


def test_the_two_spellings_may_share_a_plugin() -> None:
    """Tables of both spellings are merged as long as no key is in both."""
    plugin = parse(
        "[plugins.x]\nenabled = true\nlimits.fuel = 20000\nconfig.d.allow = 1\n"
        '[plugins.config.x]\nlimits.instances = 2\npriority = 1\nd = { deny = 2 }\ne = "f"\n'
    ).plugin("x")
    assert (plugin.enabled, plugin.priority, plugin.limits.fuel, plugin.limits.instances) == (True, 1, 20_000, 2)
    assert plugin.settings == {"d": {"allow": 1, "deny": 2}, "e": "f"}


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("enabled = true", "enabled = true", "enabled"),
        ("limits.fuel = 20000", "limits.fuel = 20000", "limits.fuel"),
        ('failures.trap = "open"', 'failures.trap = "open"', "failures.trap"),
        ("breaker.of = 9", "breaker.of = 9", "breaker.of"),
        ("config.threshold = 1", "threshold = 2", "threshold"),
        ("config.a.b = 1", "a.b = 1", "a.b"),
        ("config.a.b = 1", "a = 1", "a"),
        ("config.a = 1", "a.b = 1", "a"),
    ],
)
def test_a_key_in_both_spellings_is_an_error_with_both_lines(first: str, second: str, key: str) -> None:
    """A key that is given twice names its two lines, whichever comes first in the file."""
    problem = only_problem(f"[plugins.x]\n{first}\n\n[plugins.config.x]\n{second}\n")
    assert problem.line == 5
    assert problem.key == f"plugins.config.x.{key}"
    assert "on line 2 and on line 5" in problem.message
    turned = only_problem(f"[plugins.config.x]\n{second}\n\n[plugins.x]\n{first}\n")
    assert "on line 2 and on line 5" in turned.message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[plugins.x]\ngrants = ["log", "storag"]', 2, ["unknown grant 'storag'", 'did you mean "storage"?']),
        ('[plugins.x]\ngrants = ["log", "log"]', 2, ["twice"]),
        ("[plugins.x]\nthreshold = 1", 2, ["plugins.x.threshold: unknown key", "own settings go under config"]),
        ("[plugins.x]\nenabeld = true", 2, ["did you mean enabled?"]),
        ("[plugins.x]\nfuel = 20000", 2, ["it belongs into [plugins.x.limits]"]),
        ("[plugins.x]\nlimits.fule = 20000", 2, ["did you mean fuel?"]),
        ('[plugins.x]\nlimits.failure = "open"', 2, ["it belongs into [plugins.x]"]),
        ('[plugins.config.x]\nlimits.failure = "open"', 2, ["it belongs into [plugins.config.x]"]),
        ("[plugins.x]\nlimits = 3", 2, ["expected a table"]),
        ("[plugins.x]\nconfig = 3", 2, ["expected a table"]),
        ("[plugins.config]\nx = 3", 2, ["expected a table"]),
        ("[plugins]\nconfig = 3", 2, ["expected a table"]),
        ("[plugins.x]\nlimits.memoryMB = 257", 2, ["plugins.x.limits.memoryMB", "maxMemoryMB, 256 MB"]),
        ('[plugins.x]\nfailure = "close"', 2, ['did you mean "closed"?']),
        (
            '[plugins.x]\nfailures = {\n  trap = "open",\n  guest-errors = "open" }',
            4,
            ["unknown key", "did you mean guest-error?"],
        ),
        ('[plugins.x]\nfailures.unreachable = "open"', 2, ["valid: trap, fuel,", "unreachable, stack-overflow"]),
        ('[plugins.config.x]\nfailures.trap = "quarantined"', 2, ['did you mean "quarantine"?', 'valid: "open", ']),
        ("[plugins.x]\nfailures.trap = true", 2, ['expected one of "open", "closed", "reload", "quarantine"']),
        ('[plugins.x]\nfailures = "open"', 2, ["expected a table"]),
        ('[plugins.x]\nfailures.failure = "open"', 2, ["it belongs into [plugins.x]"]),
        ('[plugins.x]\nguest-error = "open"', 2, ["it belongs into [plugins.x.failures]"]),
        ("[plugins.x]\nbackoff = 3", 2, ["it belongs into [plugins.x.breaker]"]),
        ("[plugins.x]\nbreaker.backof = 3", 2, ["did you mean backoff?"]),
        ("[plugins.x]\nbreaker.backoff = 3", 2, ["has no unit"]),
        ("[plugins.x]\n\nbreaker.failures = 21", 3, ["plugins.x.breaker.failures", "21 failures of 20 calls"]),
        ('[plugins.x]\nbreaker.longest = "10ms"', 2, ["plugins.x.breaker.longest", "begins longer"]),
        ('[plugins.defaults]\nfailures.fule = "open"', 2, ["plugins.defaults.failures.fule", "did you mean fuel?"]),
        ("[plugins.defaults]\nbreaker.queue = 3", 2, ["it belongs into [plugins.defaults]"]),
        ("[plugins.defaults.breaker]\nfailures = 1001", 2, ["a whole number of calls, 0 to 1,000"]),
        ("[plugins.x]\ntype = 3", 2, ["expected a string"]),
        ("[plugins.securty]\nverifySignatures = true", 2, ["did you mean the table [plugins.security]?"]),
        ("[plugins.Security]", 1, ["is not a plugin's name", "did you mean [plugins.security]?"]),
        ("[plugins.Qwerty]", 1, ["is not a plugin's name", "lower case"]),
        ("[plugins.config.security]", 1, ["cannot be called security"]),
        ("[plugins.x]\nconfig.day = 2020-01-01", 2, ["plugins.x.config.day", "which has no date", "string"]),
        ("[plugins.config.x]\na = [1,\n[inf]]", 3, ["plugins.config.x.a[1][0]", "not finite"]),
        ("[plugins.x]\nconfig.a = 9007199254740993", 2, ["2^53"]),
        ('[plugins.x]\nconfig."a b".c = nan', 2, ['plugins.x.config."a b".c']),
    ],
)
def test_a_mistake_in_a_plugins_table_is_named(text: str, line: int, words: list[str]) -> None:
    """Each mistake is one problem at its own line, whose text holds what helps."""
    problem = only_problem(text)
    assert problem.line == line
    for word in words:
        assert word in str(problem)


def test_reserved_tables_are_never_plugins() -> None:
    """The host's tables make no plugin."""
    assert parse("[plugins.security]\n[plugins.defaults]\n[plugins.config]\n").plugins.tables == ()


def test_mistakes_in_several_plugins_are_all_reported() -> None:
    """One plugin's mistakes do not hide another's."""
    problems = problems_of("[plugins.b]\nenabled = 1\n[plugins.config.a]\nenabled = 2\n")
    assert [problem.key for problem in problems] == ["plugins.b.enabled", "plugins.config.a.enabled"]


def test_a_plugin_without_a_table_is_loaded_by_auto_load_and_granted_nothing() -> None:
    """A plugin that the file does not name gets defaults, no grants, and is enabled only with `autoLoad`."""
    plugin = parse('[plugins.defaults]\nfuel = 30000\nfailure = "closed"\n').plugin("stranger")
    assert (plugin.enabled, plugin.grants, plugin.settings, plugin.failure) == (True, (), {}, "closed")
    assert plugin.limits == PluginLimits(fuel=30_000)
    assert not parse("[plugins]\nautoLoad = false\n").plugin("stranger").enabled


def test_settings_are_a_fresh_copy() -> None:
    """Changing what `settings` returned changes nothing."""
    plugin = parse("[plugins.x]\nconfig.a = [1]\n").plugin("x")
    plugin.settings.clear()
    assert plugin.settings == {"a": [1]}


def test_failure_policies_and_breaker_come_key_by_key_from_the_defaults() -> None:
    """A plugin's own `failures` and `breaker` change single keys of everybody's, also of a plugin without a table."""
    plugins = parse(
        '[plugins.defaults]\nfailures = { trap = "reload", fuel = "closed" }\nbreaker = { of = 30, longest = "2m" }\n'
        '[plugins.x]\nfailures.fuel = "open"\n[plugins.config.x]\nbreaker.failures = 0\n'
    )
    assert plugins.plugin("x").failures == FailureClasses(trap="reload", fuel="open")
    assert plugins.plugin("x").breaker == BreakerSettings(failures=0, of=30, longest=120.0)
    assert plugins.plugin("stranger").failures == FailureClasses(trap="reload", fuel="closed")
    assert plugins.plugin("stranger").breaker == BreakerSettings(of=30, longest=120.0)


JSON_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
OWN_KEYS = st.text(max_size=8).filter(
    lambda name: name not in ("enabled", "type", "grants", "failure", "priority", "limits", "failures", "breaker")
)


@given(st.dictionaries(OWN_KEYS, JSON_VALUES, max_size=4), st.sets(st.sampled_from(GRANTS)))
def test_any_settings_arrive_unchanged_in_both_spellings(settings: dict[str, object], grants: set[str]) -> None:
    """Whatever a plugin's settings are, both spellings give them, as one canonical JSON text."""
    host: dict[str, object] = {"grants": sorted(grants)}
    first = parse(tomltext.write({"plugins": {"x": {**host, "config": settings}}}))
    second = parse(tomltext.write({"plugins": {"config": {"x": {**host, **settings}}}}))
    assert first.plugin("x") == second.plugin("x")
    assert first.plugin("x").settings == settings
    assert json.loads(first.plugin("x").settings_json) == settings
    assert set(first.plugin("x").grants) == grants
