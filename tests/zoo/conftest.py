"""The server that the whole zoo is let loose on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.processes import running
from zoo.guest import Guest
from zoo.keeper import CONFIGURATION, Zoo, trust
from zoo.registry import Inhabitant


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """A running server without plugins that has had one."""
    folder = tmp_path_factory.mktemp("zoo")
    trust(folder / "publishers")
    with running(folder, CONFIGURATION) as server:
        zoo = Zoo(server)
        assert zoo.admit(Inhabitant("harmless", lambda: Guest("harmless")))["harmless"]["what"] == "published"
        assert zoo.ask().status == 404
        zoo.dismiss()
        zoo.usual = server.memory()
        yield zoo
