"""What a plugin may use, as the runtime needs it: from the operator's `PluginLimits` to budgets of calls and limits
of stores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import wasmtime

from wasmpuck.config import PluginLimits

__all__ = ["CallBudget", "StoreLimits", "call_budget", "startup_budget", "store_limits"]

_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class CallBudget:
    """What one call into a guest may use.

    fuel: units, about one an instruction, host calls charged besides.
    deadline: seconds of wall-clock time, waiting in host functions included.
    host_calls: calls out of the guest.
    """

    fuel: int = 50_000_000
    deadline: float = 1.0
    host_calls: int = 10_000


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What one instance may hold.

    memory: bytes of each linear memory.
    memories, tables, instances: counts inside the component (language runtimes link several modules).
    table_elements: entries of each table.
    """

    memory: int = 64 * _MIB
    memories: int = 4
    tables: int = 16
    instances: int = 64
    table_elements: int = 20_000

    def apply(self, store: wasmtime.Store) -> None:
        """Sets the limits; growth beyond them fails inside the guest, a start beyond them fails the instantiation."""
        store.set_limits(
            memory_size=self.memory,
            table_elements=self.table_elements,
            instances=self.instances,
            tables=self.tables,
            memories=self.memories,
        )


def call_budget(limits: PluginLimits) -> CallBudget:
    """The budget of a call in service."""
    return CallBudget(limits.fuel, limits.deadline, limits.host_calls)


def startup_budget(limits: PluginLimits) -> CallBudget:
    """The budget of `describe`, `validate-config`, `init`, `start`, `self-test` and `shutdown`."""
    return CallBudget(limits.startup_fuel, limits.startup_deadline, limits.host_calls)


def store_limits(limits: PluginLimits) -> StoreLimits:
    """The limits of one instance."""
    return StoreLimits(memory=limits.memory_mb * _MIB)
