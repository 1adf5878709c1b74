"""A pytest plugin: the fixtures `plugin` and `load_plugin` run the project's plugin in the real runtime.

    from wasmpuck.kit.testing import request

    def test_strangers_are_let_in(plugin):
        assert plugin.call("middleware.on-request", request(path="/pks/lookup"))["verdict"] == {"next": []}

    @pytest.mark.plugin(settings={"block": ["192.0.2.1"]})
    def test_others_are_not(plugin):
        assert "respond" in plugin.call("middleware.on-request", request(client="192.0.2.1"))["verdict"]

The artifact is that of the folder with the nearest `plugin.toml`, or the one that `--plugin-artifact` names. The
mark's arguments are those of `wasmpuck.kit.circumstances.Circumstances`. Everything is synchronous.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from wasmpuck.kit.samples import request

if TYPE_CHECKING:
    from wasmpuck.events import Event
    from wasmpuck.kit.neighbours import Message
    from wasmpuck.kit.peers import Asked
    from wasmpuck.kit.simulated import LogLine
    from wasmpuck.kit.stand import Stand

__all__ = ["TestedPlugin", "load_plugin", "plugin", "request"]


class TestedPlugin:
    """A plugin in service, for code that is not asynchronous. What it does is described at `wasmpuck.kit.stand.Stand`.

    Calls return and take JSON and raise `PluginFailed` with reason, backtrace and log.
    """

    __test__ = False

    def __init__(self, stand: Stand, runner: asyncio.Runner) -> None:
        self._stand = stand
        self._runner = runner

    def call(self, export: str, *arguments: Any) -> Any:
        """Calls an export (`interface.function`) with one JSON value for each parameter."""
        return self._runner.run(self._stand.call(export, *arguments))

    def advance(self, seconds: float) -> None:
        """Lets simulated time pass; tasks that become due run."""
        self._runner.run(self._stand.advance(seconds))

    def deliver(self, topic: str, payload: str = "", *, source: str = "") -> None:
        """Publishes an event and waits until it was handled."""
        self._runner.run(self._stand.deliver(topic, payload, source=source))

    def put(self, key: str, value: str | bytes | float) -> None:
        """Puts something into the plugin's storage."""
        self._stand.put(key, value)

    @property
    def storage(self) -> dict[str, str | bytes | float]:
        """What lies in its storage: texts, bytes and counts."""
        return self._stand.storage

    @property
    def metrics(self) -> dict[str, float]:
        """Its metrics as `name` or `name{label=value,…}`."""
        return self._stand.metrics

    @property
    def log(self) -> list[LogLine]:
        """Lines that it wrote (`source` is `plugin`), and what the host had to say about it."""
        return self._stand.log

    @property
    def published(self) -> list[Event]:
        """Events that it published."""
        return self._stand.published

    @property
    def asked(self) -> list[Asked]:
        """Requests that it sent to simulated peers."""
        return self._stand.asked

    @property
    def messages(self) -> list[Message]:
        """What it asked of simulated plugins."""
        return self._stand.neighbours.asked

    @property
    def fuel(self) -> int:
        """What the last call used."""
        return self._stand.fuel


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--plugin-artifact`."""
    parser.getgroup("wasmpuck").addoption(
        "--plugin-artifact", metavar="FILE", help="The artifact that the fixture `plugin` loads."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known, and in a plugin's folder the library for plugins in Python, for unit tests."""
    config.addinivalue_line("markers", "plugin(settings, grants, limits, seed, peers, …): what a plugin finds.")
    from wasmpuck.kit.artifacts import MANIFEST, manifest_near
    from wasmpuck.kit.resources import sdk_folder

    if manifest_near(config.rootpath / MANIFEST) is not None:
        sys.path.append(str(sdk_folder("python")))


def _artifact(asking: pytest.FixtureRequest) -> Path:
    from wasmpuck.kit.artifacts import manifest_near
    from wasmpuck.kit.building import current

    given = asking.config.getoption("--plugin-artifact")
    if given:
        return Path(given)
    manifest = manifest_near(asking.path)
    if manifest is None:
        pytest.fail(f"there is no plugin.toml above {asking.path}: name an artifact with --plugin-artifact", False)
    return current(manifest.parent)


@pytest.fixture
def load_plugin(request: pytest.FixtureRequest) -> Iterator[Callable[..., TestedPlugin]]:
    """A function that loads the project's plugin; its arguments are those of `Circumstances`."""
    from wasmpuck.kit.artifacts import read_artifact
    from wasmpuck.kit.circumstances import Circumstances
    from wasmpuck.kit.stand import Stand

    with asyncio.Runner() as runner:
        stands: list[Stand] = []

        def load(**around: Any) -> TestedPlugin:
            stand = Stand(read_artifact(_artifact(request)), Circumstances(**around))
            runner.run(stand.__aenter__())
            stands.append(stand)
            return TestedPlugin(stand, runner)

        try:
            yield load
        finally:
            for stand in reversed(stands):
                runner.run(stand.__aexit__(None, None, None))


@pytest.fixture
def plugin(request: pytest.FixtureRequest, load_plugin: Callable[..., TestedPlugin]) -> TestedPlugin:
    """The project's plugin in service, in the circumstances that the mark `plugin` gives."""
    mark = request.node.get_closest_marker("plugin")
    return load_plugin(**(mark.kwargs if mark is not None else {}))
