"""The plugins' part of the metrics page."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from runtime.abi import Image
from runtime.guests import Guest, QuickCompiler, engine, keyring_text, refusal, run
from wasmpuck.config import parse
from wasmpuck.plugins import Lifecycle, Plugin, Registry, State
from wasmpuck.plugins.series import PluginCollector
from wasmpuck.runtime.capabilities import Namespaces
from wasmpuck.runtime.capabilities.metrics import Metrics
from wasmpuck.storage import SQLitePluginStore

METRICS = [
    {"name": "hits", "kind": "counter", "help": "Hits.", "labels": ["op"]},
    {"name": "level", "kind": "gauge", "help": "Level \\ with\nodd help."},
    {"name": "took", "kind": "histogram", "help": "Time.", "buckets": [1.0, 1.0000001, 2.5]},
]


def adding(image: Image) -> str:
    """`health`: adds to a metric that was not declared."""
    name, place = image.put(b"unheard-of"), image.put(bytes(16), 8)
    call = f"(call $metrics.add (i32.const {name}) (i32.const 10) (i32.const 0) (i32.const 0) (f64.const 1)"
    return f"{call} (i32.const {place})) i32.const {image.put(bytes(16), 8)}"


GUEST = Guest(
    name="my-plugin",
    imports={"metrics": ["add"]},
    results={"lifecycle.describe": {"name": "my-plugin", "version": "1.0.0", "metrics": METRICS}},
    bodies={"lifecycle.shutdown": "unreachable", "lifecycle.health": adding},
)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Page:
    """A lifecycle with one plugin and what a scrape of it says."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lifecycle = lifecycle

    @property
    def plugin(self) -> Plugin:
        return self.lifecycle.registry.current.plugins["my-plugin"]

    @property
    def metrics(self) -> Metrics:
        found = self.plugin._capabilities["metrics"]
        assert isinstance(found, Metrics)
        return found

    def samples(self) -> Samples:
        """Every sample; fails if the page has one twice or cannot be parsed."""
        collected = CollectorRegistry()
        collected.register(PluginCollector(self.lifecycle))
        found: Samples = {}
        for family in text_string_to_metric_families(generate_latest(collected).decode()):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in found, key
                found[key] = sample.value
        return found

    def value(self, name: str, **labels: str) -> float:
        return self.samples()[name, tuple(sorted(labels.items()))]


@contextlib.asynccontextmanager
async def opened(folder: Path, table: str = 'grants = ["metrics"]') -> AsyncIterator[Page]:
    (folder / "tests.toml").write_text(keyring_text())
    (folder / "my-plugin.wasm").write_bytes(GUEST.artifact())
    store = SQLitePluginStore(folder / "plugins.sqlite")
    await store.open()
    text = (
        f'[plugins]\ndirectory = "{folder}"\nkeyring = "{folder}"\nwatchInterval = "0s"\n[plugins.my-plugin]\n{table}\n'
    )
    lifecycle = Lifecycle(
        parse(text),
        QuickCompiler(engine()),
        store,
        Namespaces(store, wall=time.time),
        Registry(),
        lambda snapshot: None,
    )
    try:
        await lifecycle.start()
        yield Page(lifecycle)
    finally:
        await lifecycle.stop()
        await store.close()


def test_a_plugin_s_own_series(tmp_path: Path) -> None:
    """Each kind appears under the plugin's prefix with its labels, buckets in order and the sum of observations."""

    async def main() -> None:
        async with opened(tmp_path) as page:
            page.metrics.add("hits", ["get"], 2)
            page.metrics.add("hits", ['a"b\\c\nd'], 1)
            page.metrics.set("level", [], -1.5)
            for value in (0.5, 1.00000005, 2.0, 50.0):
                page.metrics.observe("took", [], value)
            prefix = "wasmpuck_plugin_my_plugin"
            assert page.value(f"{prefix}_hits_total", op="get") == 2
            assert page.value(f"{prefix}_hits_total", op='a"b\\c\nd') == 1
            assert page.value(f"{prefix}_level") == -1.5
            buckets = {
                dict(labels)["le"]: value
                for (name, labels), value in page.samples().items()
                if name == f"{prefix}_took_bucket"
            }
            assert list(buckets.values()) == [1, 2, 3, 4]
            assert [float(bound) for bound in buckets] == [1.0, 1.0000001, 2.5, float("inf")]
            assert (page.value(f"{prefix}_took_count"), page.value(f"{prefix}_took_sum")) == (4, 53.50000005)

    run(main())


def test_what_a_plugin_s_imports_are_used_for(tmp_path: Path) -> None:
    """Calls of each import are counted with their bytes and time, and those that were refused."""

    async def main() -> None:
        async with opened(tmp_path) as page:
            for _ in range(2):
                await page.plugin.call("lifecycle.health")  # the third: it was asked before it went into service
            where = {"plugin": "my-plugin", "import": "metrics"}
            assert page.value("wasmpuck_plugin_import_calls_total", **where) == 3
            assert page.value("wasmpuck_plugin_import_errors_total", **where) == 3
            assert page.value("wasmpuck_plugin_import_bytes_total", **where) == 3 * len("unheard-of")
            assert page.value("wasmpuck_plugin_import_seconds_total", **where) > 0

    run(main())


def test_what_calls_cost(tmp_path: Path) -> None:
    """Calls are counted by export and outcome, with fuel and time; failures by reason and policy."""

    async def main() -> None:
        async with opened(tmp_path) as page:
            for _ in range(3):
                await page.plugin.call("lifecycle.validate-config", "{}")
            await refusal(page.plugin.call("lifecycle.shutdown", "disabled"))
            where = {"plugin": "my-plugin", "export": "lifecycle.validate-config"}
            assert page.value("wasmpuck_plugin_calls_total", outcome="ok", **where) == 3
            assert page.value("wasmpuck_plugin_fuel_total", **where) > 0
            assert page.value("wasmpuck_plugin_call_duration_seconds_count", **where) == 3
            assert page.value("wasmpuck_plugin_call_duration_seconds_bucket", le="+Inf", **where) == 3
            where["export"] = "lifecycle.shutdown"
            assert page.value("wasmpuck_plugin_calls_total", outcome="unreachable", **where) == 1
            assert page.value("wasmpuck_plugin_instances_discarded_total", plugin="my-plugin") == 1

    run(main())


def test_the_state_of_a_plugin(tmp_path: Path) -> None:
    """Exactly one state is 1, the generation in service is named, and memory and instances are those of now."""

    async def main() -> None:
        async with opened(tmp_path) as page:
            states = {
                dict(labels)["state"]: value
                for (name, labels), value in page.samples().items()
                if name == "wasmpuck_plugin_state"
            }
            assert [state for state, value in states.items() if value] == ["running"]
            assert set(states) == {str(state) for state in State} | {"disabled"}
            facts: dict[str, Any] = {"plugin": "my-plugin", "version": "1.0.0", "signer": "tests", "generation": "1"}
            assert page.value("wasmpuck_plugin_info", **facts) == 1
            assert page.value("wasmpuck_plugin_instances", plugin="my-plugin") == 1
            assert page.value("wasmpuck_plugin_memory_bytes", plugin="my-plugin") == 2 << 16
            await page.lifecycle.swap("my-plugin")
            assert page.value("wasmpuck_plugin_info", **facts | {"generation": "2"}) == 1
            assert page.value("wasmpuck_plugin_swaps_total", plugin="my-plugin", outcome="published") == 2

    run(main())


@pytest.mark.parametrize("table", ["", "enabled = false"])
def test_a_plugin_that_does_not_run(tmp_path: Path, table: str) -> None:
    """A refused and a disabled plugin are on the page with their state."""

    async def main() -> None:
        async with opened(tmp_path, table) as page:
            state = "disabled" if table else "failed"
            assert page.value("wasmpuck_plugin_state", plugin="my-plugin", state=state) == 1
            assert page.value("wasmpuck_plugin_state", plugin="my-plugin", state="running") == 0

    run(main())
