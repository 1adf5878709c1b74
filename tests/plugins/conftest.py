"""A place for plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An empty folder of artifacts with a keyring that trusts the tests' key."""
    return House(tmp_path)
