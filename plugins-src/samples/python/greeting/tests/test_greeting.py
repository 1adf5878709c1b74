"""The plugin on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from wasmpuck_plugin import lifecycle, middleware, testing

SOURCE = Path(__file__).parents[1] / "plugin.py"
IMPORTS = ("clock", "log", "metrics", "storage")
REQUEST = middleware.Request("192.0.2.7", "get", "GET", "/pks/lookup")


def test_it_greets_and_counts() -> None:
    """Each request gets the header and is counted."""
    plugin = testing.load(SOURCE, imports=IMPORTS, config={"text": "hi"})
    assert plugin.on_request(REQUEST).verdict == middleware.Next({"x-greeting": "hi"})
    plugin.on_request(REQUEST)
    assert plugin.host.storage == {"count:get": "2"}
    assert plugin.host.metrics == {("requests", "get"): 2.0}


def test_it_turns_away() -> None:
    """A blocked address gets 403."""
    plugin = testing.load(SOURCE, imports=IMPORTS, config={"block": ["192.0.2.7"]})
    verdict = plugin.on_request(REQUEST).verdict
    assert isinstance(verdict, middleware.Response)
    assert verdict.status == 403


@pytest.mark.parametrize("text", ["x" * 81, "a\nb", 7])
def test_it_refuses_what_is_no_greeting(text: object) -> None:
    """A text that is no header is named."""
    with pytest.raises(lifecycle.BadSettings) as caught:
        testing.load(SOURCE, imports=IMPORTS, config={"text": text})
    assert [problem.path for problem in caught.value.problems] == ["text"]
