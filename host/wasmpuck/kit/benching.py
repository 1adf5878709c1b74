"""What calls cost: fuel, which is the same on every machine, and time, which is not. Fuel is compared with a file."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wasmpuck.kit.acts import Act, perform
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.kit.samples import request
from wasmpuck.kit.stand import Stand
from wasmpuck.runtime.compile import Compiler
from wasmpuck.trust import VerifiedArtifact

__all__ = ["Baseline", "Cost", "measure", "usual_acts"]

_KEY: Final = "wasmpuck-bench"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs: `budget` is the fuel that it may use, `seconds` the median of several runs."""

    export: str
    fuel: int
    budget: int
    seconds: float

    @property
    def percent(self) -> float:
        """Fuel in per cent of the budget."""
        return 100 * self.fuel / self.budget


def usual_acts(artifact: VerifiedArtifact) -> list[Act]:
    """Calls for a plugin whose author gives none: its self-test, its health, and a request if it is middleware."""
    acts = [Act(call="lifecycle.self-test"), Act(call="lifecycle.health")]
    if "middleware" in artifact.manifest.worlds:
        acts.append(Act(call="middleware.on-request", arguments=(request(),)))
    return acts


async def measure(
    artifact: VerifiedArtifact, around: Circumstances, acts: Sequence[Act], compiler: Compiler, *, rounds: int
) -> list[Cost]:
    """Does the acts in order, `rounds` times; the fuel is that of the first round. Raises as `Stand`."""
    fuel: list[int] = []
    seconds: list[list[float]] = [[] for act in acts if act.call]
    async with Stand(artifact, around, compiler=compiler) as stand:
        for turn in range(rounds):
            calls = 0
            for act in acts:
                await perform(stand, [act])
                if act.call:
                    if turn == 0:
                        fuel.append(stand.fuel)
                    seconds[calls].append(stand.seconds)
                    calls += 1
        budget = stand.plugin.limits.fuel
    names = [act.call for act in acts if act.call]
    return [
        Cost(name, used, budget, statistics.median(taken))
        for name, used, taken in zip(names, fuel, seconds, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What calls cost before: export and fuel of each, in order."""

    plugin: str
    version: str
    calls: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def of(cls, artifact: VerifiedArtifact, costs: Sequence[Cost]) -> Baseline:
        """What they cost now."""
        return cls(artifact.name, str(artifact.version), [(cost.export, cost.fuel) for cost in costs])

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Raises `UnusableFile` when the file is no baseline."""
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if found[_KEY] != _FORMAT:
                raise ValueError(f"format {found[_KEY]!r} is not known")
            calls = [(str(one["export"]), int(one["fuel"])) for one in found["calls"]]
            return cls(str(found["plugin"]), str(found["version"]), calls)
        except (OSError, ValueError, LookupError, TypeError) as problem:
            raise UnusableFile(
                f"{path} is no baseline: {type(problem).__name__}: {problem}", hint="write it anew with --write"
            ) from None

    def write(self, path: Path) -> None:
        """Replaces the file."""
        calls = [{"export": export, "fuel": fuel} for export, fuel in self.calls]
        entries = {_KEY: _FORMAT, "plugin": self.plugin, "version": self.version, "calls": calls}
        path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")

    def changes(self, costs: Sequence[Cost]) -> list[float]:
        """By how many per cent each call needs more fuel than before, less as a negative number.

        Raises:
            UnusableFile: other calls were measured then.
        """
        if [export for export, _ in self.calls] != [cost.export for cost in costs]:
            raise UnusableFile("the baseline is of other calls", hint="write it anew with --write")
        return [100 * (cost.fuel - fuel) / max(1, fuel) for cost, (_, fuel) in zip(costs, self.calls, strict=True)]
