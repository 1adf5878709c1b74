"""The contract's imports on an ordinary machine, as plain values that a test can set and read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from .. import keys as _keys
from .._seam import Case, Refused
from .._times import since_1970
from .counting import Counting
from .transfer import Reading

__all__ = ["Simulation"]

_KEY_BYTES = 256
_VALUE_BYTES = 65_536


@dataclass
class Simulation(Counting, Reading):
    """What a plugin sees of a server.

    now: the time; `pass_time` moves it on.
    storage: entries as text or bytes; life times are kept in `expires`.
    metrics: values by metric and label values. logs: level, message, fields. tasks: name to kind and milliseconds.
    published: topics and payloads. subscriptions: patterns.
    peers: plugin name to what answers topic and payload. kinds: kind of service to plugin names.
    keys: summaries by fingerprint. armors: certificates in ASCII armor by fingerprint.
    admin: the acts of `key_admin` (verb, certificate or fingerprint, note). admit: the outcome of each.
    answers: address to what `http_client` gets. requests: what it sent.
    files: name to content. secrets: name to value. revealed: names of those that may be read.
    written: the pieces that `responder` sent. refusals: function (`storage.set`) to the case with which it refuses.
    """

    name: str = ""
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    settings: dict[str, Any] = field(default_factory=dict)
    storage: dict[str, str | bytes] = field(default_factory=dict)
    expires: dict[str, datetime] = field(default_factory=dict)
    metrics: dict[tuple[str, ...], float] = field(default_factory=dict)
    logs: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    tasks: dict[str, tuple[str, float]] = field(default_factory=dict)
    published: list[tuple[str, str]] = field(default_factory=list)
    subscriptions: set[str] = field(default_factory=set)
    peers: dict[str, Callable[[str, str], str]] = field(default_factory=dict)
    kinds: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, _keys.Summary] = field(default_factory=dict)
    armors: dict[str, str] = field(default_factory=dict)
    admin: list[tuple[str, str, str]] = field(default_factory=list)
    admit: str = "inserted"
    secrets: dict[str, str] = field(default_factory=dict)
    revealed: set[str] = field(default_factory=set)
    refusals: dict[str, str] = field(default_factory=dict)

    def pass_time(self, seconds: float) -> None:
        """Moves the clock on."""
        self.now += timedelta(seconds=seconds)

    def call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        """As the seam wants it."""
        if function in self.refusals:
            raise Refused(self.refusals[function], "simulated")
        return getattr(self, "_" + function.replace(".", "_").replace("-", "_"))(*arguments)

    # --- small ones ------------------------------------------------------------------------------

    def _log_write(self, level: str, message: str, fields: list[tuple[str, str]]) -> None:
        self.logs.append((level, message, dict(fields)))

    def _settings_get(self, key: str) -> str | None:
        value: Any = self.settings
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return json.dumps(value)

    def _settings_get_all(self) -> str:
        return json.dumps(self.settings)

    def _clock_now(self) -> float:
        return since_1970(self.now)

    _clock_monotonic = _clock_now

    def _random_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def _random_number(self) -> int:
        return int.from_bytes(os.urandom(4))

    def _metrics_add(self, name: str, labels: list[str], value: float) -> None:
        self.metrics[name, *labels] = self.metrics.get((name, *labels), 0.0) + value

    _metrics_observe = _metrics_add

    def _metrics_set(self, name: str, labels: list[str], value: float) -> None:
        self.metrics[name, *labels] = value

    def _tasks_schedule(self, name: str, when: Case) -> None:
        self.tasks[name] = (when.tag, when.value)

    def _tasks_cancel(self, name: str) -> bool:
        return self.tasks.pop(name, None) is not None

    def _events_publish(self, topic: str, payload: str) -> None:
        self.published.append((topic, payload))

    def _events_subscribe(self, pattern: str) -> None:
        self.subscriptions.add(pattern)

    def _events_unsubscribe(self, pattern: str) -> bool:
        known = pattern in self.subscriptions
        self.subscriptions.discard(pattern)
        return known

    def _messaging_call(self, peer: str, topic: str, payload: str) -> str:
        if peer.startswith("service:"):
            peer = next(iter(sorted(self.kinds.get(peer.removeprefix("service:"), []))), "")
        if peer not in self.peers:
            raise Refused("no-such-peer")
        return self.peers[peer](topic, payload)

    def _messaging_find(self, kind: str) -> list[str]:
        return sorted(self.kinds.get(kind, []))

    def _secrets_names(self) -> list[str]:
        return sorted(self.secrets)

    def _secrets_reveal(self, name: str) -> str:
        if name not in self.secrets:
            raise Refused("no-such-secret")
        if name not in self.revealed:
            raise Refused("not-allowed")
        return self.secrets[name]

    def _secrets_equals(self, name: str, candidate: str) -> bool:
        if name not in self.secrets:
            raise Refused("no-such-secret")
        return self.secrets[name] == candidate

    # --- storage ---------------------------------------------------------------------------------

    def _living(self, key: str) -> str | bytes | None:
        if key in self.expires and self.expires[key] <= self.now:
            self.storage.pop(key, None)
            del self.expires[key]
        return self.storage.get(key)

    def _storage_get(self, key: str) -> Case:
        found = self._living(key)
        if isinstance(found, bytes):
            return Case("failed", Case("wrong-type"))
        return Case("missing") if found is None else Case("found", found)

    def _storage_get_bytes(self, key: str) -> Case:
        found = self._living(key)
        if found is None:
            return Case("missing")
        return Case("found", found if isinstance(found, bytes) else found.encode())

    def _storage_set(self, key: str, value: str | bytes, ttl: int | None) -> None:
        size = len(value if isinstance(value, bytes) else value.encode())
        if not 0 < len(key.encode()) <= _KEY_BYTES or size > _VALUE_BYTES:
            raise Refused("too-large")
        self.storage[key] = value
        self.expires.pop(key, None)
        if ttl is not None:
            self.expires[key] = self.now + timedelta(milliseconds=ttl)

    _storage_set_bytes = _storage_set

    def _storage_delete(self, key: str) -> None:
        self.storage.pop(key, None)
        self.expires.pop(key, None)

    def _storage_list_keys(self, prefix: str, cursor: str, limit: int) -> Any:
        living = (key for key in sorted(self.storage) if key.startswith(prefix) and key > cursor)
        found = [key for key in living if self._living(key) is not None]
        return SimpleNamespace(keys=found[:limit], cursor=found[limit - 1] if len(found) > limit else "")

    def _storage_increment(self, key: str, delta: float, ttl: int | None) -> float:
        found = self._living(key)
        try:
            total = float(found or 0) + delta
        except ValueError:
            raise Refused("wrong-type") from None
        text = str(int(total)) if total == int(total) else str(total)
        if found is None:
            self._storage_set(key, text, ttl)
        else:
            self.storage[key] = text
        return total

    def _storage_compare_and_swap(self, key: str, expected: str | None, value: str, ttl: int | None) -> Case:
        if self._living(key) != expected:
            return Case("changed")
        self._storage_set(key, value, ttl)
        return Case("swapped")

    # --- certificates ----------------------------------------------------------------------------

    def _keys_search(self, query: Case, cursor: str, limit: int) -> Any:
        wanted = query.value.lower()
        found = [fingerprint for fingerprint, one in sorted(self.keys.items()) if _fits(one, query.tag, wanted)]
        return SimpleNamespace(fingerprints=found, cursor="")

    def _keys_summarize(self, fingerprint: str) -> Case:
        found = self.keys.get(fingerprint.lower())
        return Case("missing") if found is None else Case("found", found)

    def _keys_armored(self, fingerprint: str) -> Case:
        found = self.armors.get(fingerprint.lower())
        return Case("missing") if found is None else Case("found", found)

    def _keys_changes(self, cursor: str, limit: int) -> Any:
        order = sorted((one.updated.isoformat() + " " + name, name) for name, one in self.keys.items())
        found = [(place, name) for place, name in order if place > cursor][:limit]
        return SimpleNamespace(fingerprints=[name for _, name in found], cursor=found[-1][0] if found else cursor)

    def _keys_count(self) -> Any:
        return SimpleNamespace(total=float(len(self.keys)), hour=0.0, day=0.0)

    def _act(self, verb: str, what: str, note: str) -> str:
        self.admin.append((verb, what, note))
        return self.admit

    def _key_admin_submit(self, armored: str, note: str) -> str:
        return self._act("submit", armored, note)

    def _key_admin_replace(self, armored: str, note: str) -> str:
        return self._act("replace", armored, note)

    def _key_admin_delete(self, fingerprint: str, note: str) -> None:
        self._act("delete", fingerprint, note)

    def _key_admin_quarantine(self, fingerprint: str, note: str) -> None:
        self._act("quarantine", fingerprint, note)

    def _key_admin_release(self, fingerprint: str, note: str) -> str:
        return self._act("release", fingerprint, note)

    def _key_admin_list_quarantine(self, cursor: str, limit: int) -> Any:
        held = {what: note for verb, what, note in self.admin if verb == "quarantine"}
        for verb, what, _ in self.admin:
            if verb == "release":
                held.pop(what, None)
        at = since_1970(self.now)
        entries = [
            SimpleNamespace(fingerprint=what, source=self.name, reason=note, at=at)
            for what, note in sorted(held.items())
        ]
        return SimpleNamespace(entries=entries, cursor="")


def _fits(one: _keys.Summary, kind: str, wanted: str) -> bool:
    prints = [key.fingerprint for key in (one.primary, *one.subkeys)]
    if kind == "fingerprint":
        return wanted in prints
    if kind == "key-id":
        return any(text.endswith(wanted) for text in prints)
    if kind == "email":
        return any(user_id.email == wanted for user_id in one.user_ids)
    if kind == "domain":
        return any(user_id.email.endswith("@" + wanted) for user_id in one.user_ids)
    return any(wanted in user_id.text.lower() for user_id in one.user_ids)
