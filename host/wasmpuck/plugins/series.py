"""The plugins' part of the metrics page: what calls cost, what generations do, and the plugins' own series."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from wasmpuck.plugins.breaker import Phase
from wasmpuck.plugins.data import PluginData
from wasmpuck.plugins.health import WORDS
from wasmpuck.plugins.lifecycle import Lifecycle
from wasmpuck.plugins.states import State
from wasmpuck.runtime.accounting import BUCKETS

__all__ = ["PluginCollector"]


class PluginCollector(Collector):
    """Made into samples only when the page is read; nothing here is on a call's path."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    def collect(self) -> Iterable[Metric]:
        """All series of all plugins. What a plugin reports under a name that is taken is left out: a page with a name
        twice is refused as a whole by those who read it.
        """
        data = self._lifecycle.data
        taken: set[str] = set()
        for metric in (
            *self._costs(data.values()),
            *self._imports(data.values()),
            *self._service(data.values()),
        ):
            taken |= _names(metric)
            yield metric
        for each in data.values():
            for metric in _own(each):
                names = _names(metric)
                if not names & taken:
                    taken |= names
                    yield metric

    def _costs(self, plugins: Iterable[PluginData]) -> Iterable[Metric]:
        labels = ["plugin", "export"]
        calls = CounterMetricFamily(
            "wasmpuck_plugin_calls", "Calls into the plugin, by how they ended.", labels=[*labels, "outcome"]
        )
        fuel = CounterMetricFamily("wasmpuck_plugin_fuel", "Fuel used by calls.", labels=labels)
        most = GaugeMetricFamily("wasmpuck_plugin_fuel_most", "The most fuel that a single call used.", labels=labels)
        busy = CounterMetricFamily(
            "wasmpuck_plugin_guest_seconds", "Time in guest code and its host calls, waiting left out.", labels=labels
        )
        host = CounterMetricFamily("wasmpuck_plugin_host_calls", "Calls from the guest into the host.", labels=labels)
        size = CounterMetricFamily("wasmpuck_plugin_host_bytes", "Bytes carried by those.", labels=labels)
        queue = CounterMetricFamily(
            "wasmpuck_plugin_queue_seconds", "Time that calls waited for an instance.", labels=labels
        )
        share = GaugeMetricFamily(
            "wasmpuck_plugin_fuel_most_ratio",
            "The most fuel of one call as a share of its budget.",
            labels=labels,
        )
        duration = HistogramMetricFamily(
            "wasmpuck_plugin_call_duration_seconds", "Time of calls, waiting included.", labels=labels
        )
        for plugin in plugins:
            for export, statistics in plugin.account.exports.items():
                if not statistics.outcomes:
                    continue
                where = [plugin.name, export]
                for outcome, count in statistics.outcomes.items():
                    calls.add_metric([*where, str(outcome)], count)
                fuel.add_metric(where, statistics.fuel)
                most.add_metric(where, statistics.most_fuel)
                queue.add_metric(where, statistics.queue_seconds)
                serving = self._lifecycle.registry.current.plugins.get(plugin.name)
                if serving is not None:
                    budget = serving.limits.startup_fuel if export.startswith("lifecycle.") else serving.limits.fuel
                    share.add_metric(where, statistics.most_fuel / budget)
                busy.add_metric(where, statistics.guest_seconds)
                host.add_metric(where, statistics.host_calls)
                size.add_metric(where, statistics.host_bytes)
                sums = list(accumulate(statistics.buckets))
                bounds = [*(f"{bound:g}" for bound in BUCKETS), "+Inf"]
                duration.add_metric(where, list(zip(bounds, sums, strict=True)), statistics.seconds)
        yield from (calls, fuel, most, share, queue, busy, host, size, duration)

    @staticmethod
    def _imports(plugins: Iterable[PluginData]) -> Iterable[Metric]:
        labels = ["plugin", "import"]
        calls = CounterMetricFamily(
            "wasmpuck_plugin_import_calls", "Calls of an imported interface of the contract.", labels=labels
        )
        size = CounterMetricFamily("wasmpuck_plugin_import_bytes", "Bytes carried by those, both ways.", labels=labels)
        time = CounterMetricFamily(
            "wasmpuck_plugin_import_seconds", "Time in the host for those, waiting included.", labels=labels
        )
        errors = CounterMetricFamily(
            "wasmpuck_plugin_import_errors",
            "Those that ended with an error: refused by a quota or a rule, failed, or not granted.",
            labels=labels,
        )
        for plugin in plugins:
            for interface, tally in sorted(plugin.account.imports.items()):
                where = [plugin.name, interface]
                calls.add_metric(where, tally.calls)
                size.add_metric(where, tally.bytes)
                time.add_metric(where, tally.seconds)
                errors.add_metric(where, tally.errors)
        yield from (calls, size, time, errors)

    def _service(self, plugins: Iterable[PluginData]) -> Iterable[Metric]:
        state = GaugeMetricFamily(
            "wasmpuck_plugin_state", "1 for the state that the plugin is in.", labels=["plugin", "state"]
        )
        breaker = GaugeMetricFamily(
            "wasmpuck_plugin_breaker_state",
            "1 for the state that the breaker of the generation in service is in.",
            labels=["plugin", "state"],
        )
        failures = CounterMetricFamily(
            "wasmpuck_plugin_failures",
            "Calls that failed or were not made, and the policy that applied.",
            labels=["plugin", "reason", "policy"],
        )
        info = GaugeMetricFamily(
            "wasmpuck_plugin_info", "The generation in service.", labels=["plugin", "version", "signer", "generation"]
        )
        instances = GaugeMetricFamily("wasmpuck_plugin_instances", "Instances that exist now.", labels=["plugin"])
        waiting = GaugeMetricFamily(
            "wasmpuck_plugin_waiting_calls", "Calls that wait for an instance.", labels=["plugin"]
        )
        memory = GaugeMetricFamily(
            "wasmpuck_plugin_memory_bytes", "Linear memory that the instances hold together.", labels=["plugin"]
        )
        allowed = GaugeMetricFamily(
            "wasmpuck_plugin_memory_limit_bytes", "Linear memory that one instance may hold.", labels=["plugin"]
        )
        swaps = CounterMetricFamily(
            "wasmpuck_plugin_swaps", "Attempts to put a generation into service.", labels=["plugin", "outcome"]
        )
        made = CounterMetricFamily("wasmpuck_plugin_instances_made", "Instances ever made.", labels=["plugin"])
        discarded = CounterMetricFamily(
            "wasmpuck_plugin_instances_discarded", "Instances closed because a call failed.", labels=["plugin"]
        )
        reused = CounterMetricFamily(
            "wasmpuck_plugin_reused_verdicts", "Requests answered from a kept verdict.", labels=["plugin"]
        )
        used = GaugeMetricFamily("wasmpuck_plugin_storage_bytes", "Bytes in the plugin's storage.", labels=["plugin"])
        keys = GaugeMetricFamily("wasmpuck_plugin_storage_keys", "Entries in the plugin's storage.", labels=["plugin"])
        dropped = CounterMetricFamily(
            "wasmpuck_plugin_dropped_log_lines", "Log lines above the plugin's rate.", labels=["plugin"]
        )
        events = CounterMetricFamily(
            "wasmpuck_plugin_events",
            "Events that the plugin published, and that were delivered to it or dropped because too many waited.",
            labels=["plugin", "what"],
        )
        refusals = CounterMetricFamily(
            "wasmpuck_plugin_refusals", "Artifacts that were not loaded, by reason.", labels=["reason"]
        )
        health = GaugeMetricFamily(
            "wasmpuck_plugin_health", "1 for how the plugin in service says it is.", labels=["plugin", "condition"]
        )
        rows = {row["name"]: row for row in self._lifecycle.report()}
        for name, row in rows.items():
            for each in State:
                state.add_metric([name, str(each)], float(row["state"] == each))
            state.add_metric([name, "disabled"], float(row["state"] == "disabled"))
        for plugin in self._lifecycle.registry.current.plugins.values():
            for word in WORDS:
                health.add_metric([plugin.name, word], float(plugin.health.word == word))
            for phase in Phase:
                breaker.add_metric([plugin.name, str(phase)], float(plugin.guard.phase is phase))
            info.add_metric([plugin.name, plugin.version, plugin.artifact.signer, str(plugin.generation)], 1)
            instances.add_metric([plugin.name], plugin.pool.instances)
            waiting.add_metric([plugin.name], plugin.pool.waiting)
            memory.add_metric([plugin.name], plugin.pool.memory())
            allowed.add_metric([plugin.name], plugin.limits.memory_mb << 20)
        for data in plugins:
            for (ending, policy), count in data.failures.items():
                failures.add_metric([data.name, str(ending), policy], count)
            for outcome, count in data.swaps.items():
                swaps.add_metric([data.name, outcome], count)
            made.add_metric([data.name], data.account.instances_made)
            discarded.add_metric([data.name], data.account.instances_discarded)
            reused.add_metric([data.name], data.account.reused_verdicts)
            used.add_metric([data.name], data.namespace.used)
            keys.add_metric([data.name], len(data.namespace.entries))
            dropped.add_metric([data.name], data.series.dropped_log_lines)
            for what, count in data.series.events.items():
                events.add_metric([data.name, what], count)
        for reason, count in self._lifecycle.refusals.items():
            refusals.add_metric([str(reason)], count)
        yield from (
            state,
            health,
            breaker,
            failures,
            info,
            instances,
            waiting,
            memory,
            allowed,
            swaps,
            made,
            discarded,
            reused,
            used,
            keys,
            dropped,
            events,
            refusals,
        )


_SUFFIXES: Final = {"counter": ("_total", "_created"), "histogram": ("_bucket", "_count", "_sum", "_created")}


def _names(metric: Metric) -> set[str]:
    """Every name that a metric has on the page."""
    return {metric.name, *(metric.name + suffix for suffix in _SUFFIXES.get(metric.type, ()))}


def _own(plugin: PluginData) -> Iterable[Metric]:
    """The series that a plugin reports itself, as `wasmpuck_plugin_<plugin>_<name>`."""
    for declaration in plugin.series.declared.values():
        name = f"wasmpuck_plugin_{plugin.name.replace('-', '_')}_{declaration.name}"
        labels = list(declaration.labels)
        if declaration.kind == "histogram":
            histogram = HistogramMetricFamily(name, declaration.help, labels=labels)
            bounds = [*map(repr, declaration.buckets), "+Inf"]  # rounded ones might be the same
            for values, counts in declaration.values.items():
                sums = list(accumulate(counts[:-1]))
                histogram.add_metric(values, list(zip(bounds, sums, strict=True)), counts[-1])
            yield histogram
            continue
        family = CounterMetricFamily if declaration.kind == "counter" else GaugeMetricFamily
        metric = family(name, declaration.help, labels=labels)
        for values, counts in declaration.values.items():
            metric.add_metric(values, counts[0])
        yield metric
