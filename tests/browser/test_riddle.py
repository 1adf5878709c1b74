"""A riddle in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser.chromium import Chromium
from browser.test_flows import arrive
from e2e.plugged import Plugged
from runtime.guests import Guest
from wasmpuck.runtime.values import Case


@pytest.mark.parametrize("bits", [1, 13])
def test_the_page_solves_its_riddle(browser: Chromium, tmp_path: Path, bits: int) -> None:
    """Who opens a page that a plugin guards sees it after a moment, and the next one at once."""
    challenge = {"bits": bits, "valid": 60_000, "text": "Many ask at this time."}
    guest = Guest(
        name=f"gate-{bits}",
        worlds=("lifecycle", "middleware"),
        results={"middleware.on-request": {"verdict": Case("challenge", challenge), "reuse": None}},
    )
    with Plugged(tmp_path, guest) as server:
        browser.driver.get(server.url)
        arrive(browser, "Find a key")
        browser.driver.get(f"{server.url}/submit")
        arrive(browser, "Submit a key")
        browser.driver.delete_all_cookies()
