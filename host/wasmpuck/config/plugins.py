"""`[plugins]`: the plugin system as a whole, and what one plugin may do and use."""

# ruff: noqa: RUF009 - `setting` makes a dataclass field, it is not called once for all instances

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmpuck.config.durations import Duration
from wasmpuck.config.failures import FAILURE, FAILURE_SENTENCE, BreakerSettings, FailureClasses
from wasmpuck.config.fields import setting, settings_of
from wasmpuck.config.kinds import Choice, Flag, ListOf, MappingOf, Name, Number, PathKind, RoutePath, Text
from wasmpuck.config.origins import Origin, OriginKind

__all__ = [
    "GRANTS",
    "KEY_ACTS",
    "RESERVED_NAMES",
    "PluginDefaults",
    "PluginLimits",
    "PluginSecuritySettings",
    "PluginSettings",
    "PluginTable",
    "PluginsSettings",
    "canonical_json",
]

GRANTS = (
    "log",
    "settings",
    "clock",
    "random",
    "storage",
    "metrics",
    "tasks",
    "events",
    "messaging",
    "shared",
    "http-client",
    "files",
    "secrets",
    "responder",
    "keys",
    "key-admin",
)
"""What a plugin can be granted: the import interfaces of `wit/`."""

KEY_ACTS = ("submit", "replace", "delete", "quarantine", "release")
"""What a plugin with the grant `key-admin` can be allowed to do with certificates."""

RESERVED_NAMES = frozenset({"config", "defaults", "security"})
"""Tables of `[plugins]` that are the host's: no plugin can have these names."""

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLimits:
    """The budget of one plugin. `[plugins.defaults]` is everybody's; a plugin's `limits` table changes its own."""

    fuel: int = setting(
        Number(10_000, 10**15, "fuel"),
        50_000_000,
        "For one call; about one WebAssembly instruction each. Python needs some hundred times what Rust needs.",
    )
    deadline: float = setting(
        Duration("1ms", "10m"), 1.0, "For one call, by the clock on the wall, waiting in the host included."
    )
    host_calls: int = setting(
        Number(0, 10**9, "calls"), 10_000, "Calls out of the guest into the host during one call."
    )
    host_deadline: float = setting(Duration("1ms", "10m"), 1.0, "For one call out of the guest that has to wait.")
    startup_fuel: int = setting(
        Number(10_000, 10**15, "fuel"),
        5_000_000_000,
        "The same for the calls before service: describe, validate, init, start, self-test.",
    )
    startup_deadline: float = setting(Duration("1ms", "10m"), 10.0, "The same for each call before service.")
    memory_mb: int = setting(Number(1, 4096, "MB"), 64, "Linear memory of one instance (1 MB is 1,048,576 bytes).")
    instances: int = setting(Number(1, 1024, "instances"), 4, "Instances that work at the same time.")
    queue: int = setting(
        Number(0, 100_000, "calls"), 256, "Calls that wait for an instance; a further one fails as `overloaded`."
    )
    queue_wait: float = setting(
        Duration("1ms", "10m"), 1.0, "How long a call waits for an instance before it fails as `overloaded`."
    )
    instance_mode: str = setting(
        Choice("warm", "fresh", "pinned", noun="instance mode"),
        "warm",
        "`warm`: instances are kept and used again; `fresh`: one for each call; `pinned`: a single one, for ever.",
    )
    warm_instances: int = setting(
        Number(1, 1024, "instances"), 1, "Instances that are kept ready, made anew in the background when one is lost."
    )
    retire_after: int = setting(
        Number(1, 10**12, "calls"),
        10_000,
        "Calls after which an instance is replaced; also when its memory is three quarters full. Guests may leak.",
    )
    storage_bytes: int = setting(
        Number(0, 2**40, "bytes"), 16 * _MIB, "Keys and values together in the plugin's storage."
    )
    storage_keys: int = setting(Number(0, 10**9, "keys"), 100_000, "Entries in the plugin's storage.")
    storage_writes: int = setting(
        Number(0, 10**6, "writes a second"), 20_000, "Writes to the plugin's storage, as an average over ten seconds."
    )
    log_rate: int = setting(
        Number(0, 100_000, "lines a second"),
        20,
        "Log lines, as an average over ten seconds; what is above is dropped and counted.",
    )
    log_line_bytes: int = setting(
        Number(64, _MIB, "bytes"), 4096, "Length of one log line; what is longer is cut and marked."
    )
    series_limit: int = setting(
        Number(0, 100_000, "series"), 200, "Metric series; label values beyond it are counted as `other`."
    )
    tasks_limit: int = setting(Number(0, 10_000, "tasks"), 8, "Tasks that are scheduled at the same time.")
    event_rate: int = setting(
        Number(0, 100_000, "events a second"), 100, "Events that it publishes, as an average over ten seconds."
    )
    event_bytes: int = setting(Number(0, _MIB, "bytes"), 16_384, "Length of the payload of an event that it publishes.")
    event_patterns: int = setting(Number(0, 10_000, "patterns"), 32, "Patterns of events that it listens to.")
    event_queue: int = setting(
        Number(1, 100_000, "events"), 256, "Events that wait for it; the oldest is dropped and counted beyond that."
    )
    message_rate: int = setting(
        Number(0, 100_000, "calls a second"), 100, "Calls to other plugins, as an average over ten seconds."
    )
    message_bytes: int = setting(
        Number(0, 16 * _MIB, "bytes"), 262_144, "Length of what it sends to another plugin, and of the reply."
    )
    http_rate: int = setting(
        Number(0, 100_000, "requests a second"), 10, "Requests to other servers, as an average over ten seconds."
    )
    http_connections: int = setting(
        Number(1, 1_000, "requests"), 4, "Requests at the same time: from sending to the end of the answer."
    )
    http_request_bytes: int = setting(Number(0, 2**30, "bytes"), _MIB, "Body of a request.")
    http_answer_bytes: int = setting(Number(0, 2**32, "bytes"), 8 * _MIB, "Body of an answer.")
    http_timeout: float = setting(
        Duration("10ms", "10m"), 10.0, "For a request with its answer; `hostDeadline` bounds each wait besides."
    )
    file_rate: int = setting(
        Number(0, 2**40, "bytes a second"), 64 * _MIB, "Reading of data files, as an average over ten seconds."
    )
    keys_rate: int = setting(
        Number(0, 100_000, "calls a second"), 200, "Questions about certificates, as an average over ten seconds."
    )
    keys_results: int = setting(
        Number(1, 1_000, "certificates"), 1_000, "Certificates that one such question may list."
    )
    key_admin_rate: int = setting(
        Number(0, 100_000, "calls a second"), 10, "Changes of certificates, as an average over ten seconds."
    )
    shared_structures: int = setting(
        Number(0, 10_000, "structures"), 64, "Counting structures in the server's memory, its own or in one scope."
    )
    shared_bytes: int = setting(
        Number(0, 2**34, "bytes"),
        4 * _MIB,
        "What they take; a scope's are counted together, whoever fills them, against the limit of who adds.",
    )
    least_task_interval: float = setting(Duration("100ms", "1d"), 1.0, "The shortest interval of a task that repeats.")
    longest_delay: float = setting(
        Duration("0s", "10m"), 30.0, "How long a request may wait because the plugin said `delay`."
    )
    delays: int = setting(
        Number(0, 1_000_000, "requests"),
        1000,
        "Requests that wait for that reason at the same time; a further one is answered 503 at once, or goes on at "
        'once with `failure = "open"`.',
    )
    longest_drip: float = setting(Duration("0s", "1d"), 600.0, "How long a slow answer (`drip`) may last.")
    drips: int = setting(
        Number(0, 1_000_000, "connections"), 1000, "Slow answers at the same time; the oldest is closed beyond that."
    )
    drips_per_client: int = setting(
        Number(0, 1_000_000, "connections"),
        32,
        "The same for one client, which is an IPv4 address or a /64 network of IPv6.",
    )
    body_bytes: int = setting(
        Number(0, 2**30, "bytes"),
        65_536,
        "The longest body of a request that a plugin that wants bodies is shown; a longer one is judged unseen.",
    )
    response_bytes: int = setting(
        Number(0, 2**40, "bytes"), 16 * _MIB, "The longest answer that it gives piece by piece (`responder`)."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginDefaults(PluginLimits):
    """`[plugins.defaults]`: the budget and the failure policy of plugins that do not say otherwise."""

    failure: str = setting(FAILURE, "open", FAILURE_SENTENCE)
    failures: FailureClasses = FailureClasses()
    breaker: BreakerSettings = BreakerSettings()

    def limits(self, **changes: object) -> PluginLimits:
        """The budget of a plugin whose own table gives `changes` (by Python name)."""
        own = {each.field: changes.get(each.field, getattr(self, each.field)) for each in settings_of(PluginLimits)}
        return PluginLimits(**own)  # type: ignore[arg-type]  # each value was read by its field's kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSecuritySettings:
    """`[plugins.security]`: what is loaded at all, and the caps that no plugin's own table can pass."""

    verify_signatures: bool = setting(
        Flag(), True, "Check each artifact's signature before it is compiled; `false` is for development only."
    )
    allow_unsigned: bool = setting(Flag(), False, "Load artifacts that carry no signature; for development only.")
    allow_demonstration_keys: bool = setting(
        Flag(),
        False,
        "Trust publisher keys that are marked as demonstration keys; refused in the `production` profile.",
    )
    max_memory_mb: int = setting(
        Number(1, 4096, "MB"), 256, "The most that any plugin's `memoryMB` may be (1 MB is 1,048,576 bytes)."
    )
    max_cpu_percent: int = setting(
        Number(1, 10_000, "% of one CPU"), 50, "What one plugin may use over time; bursts are averaged."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTable:
    """The keys that the host reads from a plugin's table, in either spelling; None is "not given"."""

    enabled: bool | None = setting(Flag(), None, "Whether the plugin is loaded.", shown="true")
    type: str | None = setting(
        Text(64), None, "The roadmap's category, for people; the worlds come from the artifact.", shown="none"
    )
    grants: tuple[str, ...] = setting(
        ListOf(Choice(*GRANTS, noun="grant"), "grants"),
        (),
        "The host interfaces that the plugin may import: " + ", ".join(f"`{grant}`" for grant in GRANTS) + ".",
    )
    peers: tuple[str, ...] = setting(ListOf(Name(), "plugins"), (), "Plugins that this one may ask (`messaging`).")
    secrets: tuple[str, ...] = setting(
        ListOf(Name("a secret's name"), "secrets"), (), "Secrets that it may use without seeing them."
    )
    reveal_secrets: tuple[str, ...] = setting(
        ListOf(Name("a secret's name"), "secrets"), (), "Those of `secrets` that it may see."
    )
    files: tuple[tuple[str, Path], ...] = setting(
        MappingOf(Name("a file's name"), PathKind(), "files"),
        (),
        "Data files that it may read, by the names under which it knows them.",
    )
    http_allow: tuple[Origin, ...] = setting(
        ListOf(OriginKind(), "origins"),
        (),
        "Where its requests may go: `https://api.example.org`, `https://*.example.org`, `http://127.0.0.1:4318`.",
    )
    http_private: bool = setting(
        Flag(), False, "Whether names may lead its requests to private, local and other special addresses."
    )
    http_authorities: Path | None = setting(
        PathKind(), None, "Certificates (PEM) that its requests trust besides the system's.", shown="none"
    )
    shared_scopes: tuple[str, ...] = setting(
        ListOf(Name("a scope's name"), "scopes"),
        (),
        "Scopes of `shared` that the plugin shares with others that list them too.",
    )
    key_admin: tuple[str, ...] = setting(
        ListOf(Choice(*KEY_ACTS, noun="act"), "acts"),
        (),
        "What the plugin may do with certificates (`key-admin`): " + ", ".join(f"`{act}`" for act in KEY_ACTS) + ".",
    )
    failure: str | None = setting(FAILURE, None, FAILURE_SENTENCE, shown="`failure` of `[plugins.defaults]`")
    priority: int | None = setting(
        Number(-(2**31), 2**31 - 1),
        None,
        "Overrides the plugin's own priority; lower runs first.",
        shown="the plugin's",
    )
    routes: tuple[str, ...] = setting(
        ListOf(RoutePath(), "paths"),
        (),
        "Paths that it may answer besides those below `/plugins/NAME/`; with `/*` at its end everything below one.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSettings:
    """Everything that is configured for one plugin, defaults resolved.

    Two are equal exactly when a plugin that runs with the one needs no reload to run with the other.
    """

    name: str
    enabled: bool
    type: str = ""
    grants: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    reveal_secrets: tuple[str, ...] = ()
    files: tuple[tuple[str, Path], ...] = ()
    http_allow: tuple[Origin, ...] = ()
    http_private: bool = False
    http_authorities: Path | None = None
    shared_scopes: tuple[str, ...] = ()
    key_admin: tuple[str, ...] = ()
    limits: PluginLimits = PluginLimits()
    limits_given: frozenset[str] = frozenset()
    """The limits (by Python name) that the plugin's own table gives; the others are everybody's defaults."""
    failure: str = "open"
    failures: FailureClasses = FailureClasses()
    breaker: BreakerSettings = BreakerSettings()
    priority: int | None = None
    routes: tuple[str, ...] = ()
    settings_json: str = "{}"
    """The plugin's own settings: one JSON object in canonical text (sorted keys, no blanks), for `lifecycle.init`."""

    @property
    def settings(self) -> dict[str, object]:
        """The plugin's own settings; a fresh copy."""
        decoded: dict[str, object] = json.loads(self.settings_json)
        return decoded

    @property
    def fail_closed(self) -> bool:
        """Whether the server refuses to start without this plugin."""
        return self.failure == "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginsSettings:
    """`[plugins]`: where plugins come from and how they are loaded. `tables` are the plugins' own, by name."""

    enabled: bool = setting(Flag(), True, "Whether plugins are loaded at all.")
    directory: Path = setting(PathKind(), Path("plugins"), "Folder of the signed artifacts (`NAME.wasm`).")
    keyring: Path = setting(
        PathKind(), Path("publishers"), "Folder of the publishers' public keys whose signatures are trusted."
    )
    secrets_directory: Path = setting(
        PathKind(), Path("secrets"), "Folder of the secrets that plugins may use: a file for each, named as the secret."
    )
    runtimes: Path | None = setting(
        PathKind(),
        None,
        "Folder of the signed language runtimes that execute scripts.",
        shown="`runtimes` in the folder of the artifacts",
    )
    load_order: tuple[str, ...] = setting(
        ListOf(Name(), "plugin names"), (), "Plugins that are loaded first, in this order; the others follow by name."
    )
    auto_load: bool = setting(
        Flag(), True, "Load artifacts of the folder that have no table here; without one they are granted nothing."
    )
    load_timeout: float = setting(
        Duration("100ms", "1h"), 30.0, "For preparing one plugin: verify, compile, instantiate, test."
    )
    watch_interval: float = setting(
        Duration("0s", "1h"), 1.0, "How often the folder is looked at for changed files; `0s` is never."
    )
    health_interval: float = setting(
        Duration("0s", "1h"), 10.0, "How often each plugin in service is asked how it is; `0s` is never."
    )
    drain_timeout: float = setting(
        Duration("0s", "10m"), 10.0, "How long calls of a replaced plugin may take to end before they are cancelled."
    )
    security: PluginSecuritySettings = PluginSecuritySettings()
    defaults: PluginDefaults = PluginDefaults()
    tables: tuple[PluginSettings, ...] = ()

    @property
    def runtimes_directory(self) -> Path:
        """The folder of language runtimes."""
        return self.runtimes or self.directory / "runtimes"

    def plugin(self, name: str) -> PluginSettings:
        """The settings of one plugin; for a plugin without a table the defaults, enabled by `autoLoad`, no grants."""
        for table in self.tables:
            if table.name == name:
                return table
        return PluginSettings(
            name=name,
            enabled=self.auto_load,
            limits=self.defaults.limits(),
            failure=self.defaults.failure,
            failures=self.defaults.failures,
            breaker=self.defaults.breaker,
        )


def canonical_json(settings: Mapping[str, object]) -> str:
    """One text for equal settings: sorted keys, no blanks, no needless escapes. Raises ValueError for NaN."""
    return json.dumps(settings, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
