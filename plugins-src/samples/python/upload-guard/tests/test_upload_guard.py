"""The plugin on this machine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from wasmpuck_plugin import admission, events, testing

SOURCE = Path(__file__).parents[1] / "plugin.py"
IMPORTS = ("events", "log", "storage")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def submission(*user_ids: str) -> admission.Submission:
    """An upload."""
    primary = admission.Key("ab" * 20, 4, 22, 256, NOW)
    return admission.Submission("upload", "192.0.2.7", "", primary, (), user_ids, 900, 2, known=False)


def test_words_are_refused_in_any_case() -> None:
    """With an event that says which."""
    plugin = testing.load(SOURCE, imports=IMPORTS, config={"words": ["Spam"]})
    verdict = plugin.judge(submission("sPAM <s@example.org>"))
    assert verdict == admission.Reject("forbidden-word", "The user id contains the word Spam.")
    ((topic, payload),) = plugin.host.published
    assert (topic, json.loads(payload)) == ("upload-guard.rejected", {"fingerprint": "ab" * 20, "word": "Spam"})


def test_crowds_are_put_aside() -> None:
    """More user ids than the setting."""
    plugin = testing.load(SOURCE, imports=IMPORTS, config={"max-user-ids": 1})
    assert plugin.judge(submission("a")) == admission.Accept()
    assert isinstance(plugin.judge(submission("a", "b")), admission.Quarantine)


def test_it_counts_what_comes_in() -> None:
    """Only what it subscribed to."""
    plugin = testing.load(SOURCE, imports=IMPORTS)
    assert plugin.host.subscriptions == {"key.inserted"}
    for topic in ("key.inserted", "key.deleted"):
        plugin.handle_event(events.Event(topic, "", "{}", NOW))
    assert plugin.host.storage == {"inserted": "1"}
