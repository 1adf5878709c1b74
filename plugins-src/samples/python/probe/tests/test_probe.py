"""The plugin on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wasmpuck_plugin import services, testing

SOURCE = Path(__file__).parents[1] / "plugin.py"


def ask(plugin: testing.Loaded, topic: str, *arguments: Any) -> Any:
    """What a function answers."""
    return json.loads(plugin.serve(services.Request("somebody", topic, json.dumps(arguments))))


def test_results_and_errors_come_as_json() -> None:
    """Also bytes, as numbers."""
    plugin = testing.load(SOURCE)
    assert ask(plugin, "storage.set-bytes", "a", [0, 255], None) is None
    assert ask(plugin, "storage.get-bytes", "a") == [0, 255]
    error = ask(plugin, "storage.set", "", "x", None)
    assert error == {"error": "too-large", "detail": None, "type": "StorageError.TooLarge"}


def test_every_import_has_a_service() -> None:
    """And each of its functions a topic."""
    offered = testing.load(SOURCE).describe_services()
    assert len(offered) == 16
    assert {service.kind.removeprefix("probe-") for service in offered} >= {"log", "key-admin", "responder"}
    assert all(topic.startswith(one.kind.removeprefix("probe-")) for one in offered for topic in one.topics)


def test_what_is_not_granted_is_told() -> None:
    """With the name of the import."""
    plugin = testing.load(SOURCE, imports=["events"])
    assert ask(plugin, "clock.now") == {"error": "not-granted", "detail": "clock", "type": "NotGranted"}
