"""From the operator's limits to what the runtime needs: budgets of calls, limits of stores, sizes of pools."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wasmpuck.config import PluginLimits
from wasmpuck.runtime import capi

__all__ = [
    "CallBudget",
    "PoolSettings",
    "StoreLimits",
    "call_budget",
    "effective_limits",
    "pool_settings",
    "startup_budget",
    "store_limits",
]

_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class CallBudget:
    """What one call into a guest may use.

    fuel: units, about one an instruction, host calls charged besides.
    deadline: seconds of wall-clock time, waiting in host functions included.
    host_calls: calls out of the guest.
    host_deadline: seconds that one call out of the guest may take.
    """

    fuel: int = 50_000_000
    deadline: float = 1.0
    host_calls: int = 10_000
    host_deadline: float = 1.0


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What one instance may hold.

    memory: bytes of each linear memory.
    memories: linear memories; one, because the library limits each and not their sum. Modules can share it.
    tables, instances: counts inside the component (language runtimes link several modules).
    table_elements: entries of each table.
    handles: resources of the host that the guest holds.
    """

    memory: int = 64 * _MIB
    memories: int = 1
    tables: int = 16
    instances: int = 64
    table_elements: int = 20_000
    handles: int = 1_000

    def apply(self, store: int) -> None:
        """Sets the limits of a store, given by address.

        Growth beyond them fails inside the guest, a start beyond them fails the instantiation.
        """
        capi.store_limiter(store, self.memory, self.table_elements, self.instances, self.tables, self.memories)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many instances there are and how long they live.

    mode: `warm`, `fresh` or `pinned`.
    size: instances at the same time.
    floor: instances kept ready in mode `warm`.
    queue: calls that may wait; `queue_wait`: seconds that one may.
    retire_after: calls that an instance serves.
    memory: bytes of linear memory that an instance may hold.
    """

    mode: str = "warm"
    size: int = 4
    floor: int = 1
    queue: int = 256
    queue_wait: float = 1.0
    retire_after: int = 10_000
    memory: int = 64 << 20


#: Names of the limits in a manifest, those in the configuration, and how many of the one are one of the other.
_ASKED: Final[dict[str, tuple[str, float]]] = {
    "fuel": ("fuel", 1),
    "deadline-ms": ("deadline", 1000),
    "memory-mb": ("memory_mb", 1),
    "instances": ("instances", 1),
    "storage-bytes": ("storage_bytes", 1),
    "log-rate": ("log_rate", 1),
}


def effective_limits(limits: PluginLimits, given: Collection[str], asked: Mapping[str, int]) -> PluginLimits:
    """The operator's limits, lowered to what the manifest asks for where the operator gave no number of his own.

    Args:
        limits: the operator's, defaults resolved.
        given: which of them stand in the plugin's own table.
        asked: the signed manifest's, by its names.
    """
    changes: dict[str, float] = {}
    for name, number in asked.items():
        field, unit = _ASKED.get(name, ("", 1))
        if field and field not in given:
            changes[field] = min(getattr(limits, field), number if unit == 1 else number / unit)
    return replace(limits, **changes)  # type: ignore[arg-type]  # each number has its field's type


def call_budget(limits: PluginLimits) -> CallBudget:
    """The budget of a call in service."""
    return CallBudget(limits.fuel, limits.deadline, limits.host_calls, limits.host_deadline)


def startup_budget(limits: PluginLimits) -> CallBudget:
    """The budget of `describe`, `validate-config`, `init`, `start`, `self-test` and `shutdown`."""
    return CallBudget(limits.startup_fuel, limits.startup_deadline, limits.host_calls, limits.host_deadline)


def store_limits(limits: PluginLimits) -> StoreLimits:
    """The limits of one instance."""
    return StoreLimits(memory=limits.memory_mb * _MIB)


def pool_settings(limits: PluginLimits, max_memory_mb: int) -> PoolSettings:
    """The pool's size and habits: as many instances as the limit says and fit into the plugin's memory together."""
    return PoolSettings(
        mode=limits.instance_mode,
        size=max(1, min(limits.instances, max_memory_mb // max(1, limits.memory_mb))),
        floor=limits.warm_instances,
        queue=limits.queue,
        queue_wait=limits.queue_wait,
        retire_after=limits.retire_after,
        memory=limits.memory_mb * _MIB,
    )
