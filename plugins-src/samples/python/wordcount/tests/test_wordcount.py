"""The plugin on this machine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from wasmpuck_plugin import keys, routes, testing

SOURCE = Path(__file__).parents[1] / "plugin.py"
IMPORTS = ("clock", "keys", "log", "storage", "tasks")
FINGERPRINT = "ab" * 20
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def visit(path: str, **query: str) -> routes.Request:
    """A request for a path of the plugin's."""
    return routes.Request("192.0.2.7", "GET", f"/plugins/wordcount/{path}", query=tuple(query.items()))


def load() -> testing.Loaded:
    """The plugin with one certificate to read."""
    plugin = testing.load(SOURCE, name="wordcount", imports=IMPORTS, config={"interval": 90})
    primary = keys.Key(FINGERPRINT, 4, 22, 256, NOW)
    user_ids = (keys.UserID("Alice <alice@example.org>"), keys.UserID("Alice B. Example"))
    plugin.host.keys[FINGERPRINT] = keys.Summary(primary, (), user_ids, 900, NOW)
    return plugin


def test_it_counts_words() -> None:
    """The words of all user ids."""
    answer = load().handle(visit("words", fingerprint=FINGERPRINT))
    assert isinstance(answer, routes.Response)
    assert isinstance(answer.body, str)
    assert json.loads(answer.body) == {"fingerprint": FINGERPRINT, "words": 5, "user_ids": 2}


def test_what_is_missing_is_a_404() -> None:
    """Neither a certificate nor a total that is not there, nor a path."""
    plugin = load()
    for request in (visit("words", fingerprint="cd"), visit("words"), visit("total")):
        answer = plugin.handle(request)
        assert isinstance(answer, routes.Response)
        assert answer.status == 404
    assert plugin.handle(visit("elsewhere")) is None


def test_it_refreshes_when_its_time_has_come() -> None:
    """The task runs every interval and leaves the total with the time."""
    plugin = load()
    assert plugin.host.tasks == {"refresh": ("every", 90_000)}
    assert plugin.run_task("refresh") is None
    answer = plugin.handle(visit("total"))
    assert isinstance(answer, routes.Response)
    assert answer.body == json.dumps({"total": 1, "at": round(plugin.host.now.timestamp() * 1000)})
