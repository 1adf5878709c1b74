"""What belongs to a plugin and outlives its generations."""

from __future__ import annotations

import time
from collections import Counter

from wasmpuck.errors import CallReason
from wasmpuck.events import Bus
from wasmpuck.plugins.guard import Ledger
from wasmpuck.plugins.incidents import Incidents
from wasmpuck.runtime.accounting import Account, RateBucket
from wasmpuck.runtime.capabilities import Commons, Namespace, PluginSeries

__all__ = ["PluginData"]


class PluginData:
    """What belongs to a plugin and not to one generation of it: storage, metrics, costs, share of the processor,
    failures.
    """

    def __init__(
        self,
        name: str,
        namespace: Namespace,
        processor_percent: int,
        bus: Bus | None = None,
        commons: Commons | None = None,
    ) -> None:
        self.name = name
        self.commons = commons or Commons()
        self.bus = bus or Bus()
        self.namespace = namespace
        self.series = PluginSeries(name)
        self.account = Account(name)
        self.processor = RateBucket(processor_percent / 100, time.monotonic())
        #: Failed calls by reason and by the policy that applied.
        self.failures: Counter[tuple[CallReason, str]] = Counter()
        self.ledger = Ledger(self.account, Incidents(name, time.monotonic), self.failures, self._tell)
        self.generations = 0
        self.swaps: dict[str, int] = {"published": 0, "failed": 0}

    def _tell(self, topic: str, reason: str) -> None:
        self.bus.tell(topic, plugin=self.name, reason=reason)

    def ration(self, processor_percent: int) -> None:
        """Sets the share of the processor, for all generations: the operator may have changed it."""
        if processor_percent / 100 != self.processor.rate:
            self.processor.regulate(processor_percent / 100, time.monotonic())
