"""The operator who does not leave the server alone: swaps, reloads, and artifacts that are refused again and again."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable
from itertools import cycle

from e2e.processes import ServerProcess, eventually
from soak.inhabitants import HONEST, LIMITS, configuration, in_service, refused
from soak.tally import Tally

__all__ = ["Operator"]

_PAUSE = 1.0
"""Seconds between two changes."""


class Operator:
    """Makes one change after the other on a thread of its own until `stop` is set; each outcome is checked."""

    def __init__(self, server: ServerProcess, tally: Tally) -> None:
        self.server = server
        self.stop = threading.Event()
        self.published: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self._tally = tally
        self._edition = 0
        self._limit = LIMITS[0]
        self._hostile = cycle([each.name for each in in_service()])
        self._never = cycle(refused())

    def run(self) -> None:
        """Until `stop` is set."""
        changes: list[tuple[str, Callable[[], str | None]]] = [
            ("swap of an honest plugin", lambda: self._swap("ratelimit-window")),
            ("swap of a hostile plugin", self._swap_hostile),
            ("swap of a refused artifact", self._swap_refused),
            ("reload with new settings", self._reconfigure),
            ("swap of a hostile plugin", self._swap_hostile),
            ("swap of an honest plugin", lambda: self._swap("admission-policy")),
            ("swap of a refused artifact", self._swap_refused),
            ("swap of a hostile plugin", self._swap_hostile),
            ("SIGHUP with new settings", self._hang_up),
            ("swap of an honest plugin", lambda: self._swap("clockwork")),
        ]
        for kind, change in cycle(changes):
            if self.stop.wait(_PAUSE):
                return
            try:
                self._tally.count(kind, change())
            except (AssertionError, OSError) as error:
                self._tally.count(kind, f"{type(error).__name__}: {error}"[:500])

    def _swap(self, name: str) -> str | None:
        before = int(self.server.rows()[name]["generation"])
        answer = self.server.swap(name)
        if answer.status != 200 or answer.json["generation"] != before + 1:
            return f"{name}: {answer.status} {answer.text[:300]}"
        self.published[name] += 1
        return None

    def _swap_hostile(self) -> str | None:
        name = next(self._hostile)
        if name == "only-once":  # refuses a second instance by design
            answer = self.server.swap(name)
            self.refusals[name] += answer.status == 409
            return None if answer.status == 409 else f"{name}: {answer.status} {answer.text[:300]}"
        return self._swap(name)

    def _swap_refused(self) -> str | None:
        """Tries to load an artifact that must not be loaded; the answer has to name the same reason each time."""
        inhabitant = next(self._never)
        answer = self.server.swap(inhabitant.name)
        if answer.status != 409 or not answer.json["reason"].startswith(f"{inhabitant.refused}: "):
            return f"{inhabitant.name}: {answer.status} {answer.text[:300]}"
        self.refusals[inhabitant.name] += 1
        return None

    def _write(self) -> None:
        """Other settings for the rate limiter, the admission policy and the witness."""
        self._edition += 1
        self._limit = LIMITS[self._edition % 2]
        self.server.config.write_text(configuration(self._limit, 50 + self._edition, self._edition))

    def _reconfigure(self) -> str | None:
        """Every file is looked at, so every artifact that is refused is tried once more."""
        self._write()
        outcomes = self.server.reload()
        for each in refused():
            outcome = outcomes[each.name]
            if outcome["what"] != "refused" or not outcome["reason"].startswith(f"{each.refused}: "):
                return f"{each.name}: {outcome}"
            self.refusals[each.name] += 1
        late = [name for name in HONEST if outcomes[name]["what"] not in ("published", "unchanged")]
        self.published.update(name for name in HONEST if outcomes[name]["what"] == "published")
        return f"{late}: {[outcomes[name] for name in late]}" if late else None

    def _hang_up(self) -> str | None:
        before = int(self.server.rows()["witness"]["generation"])
        self._write()
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGHUP)
        eventually(
            lambda: int(self.server.rows()["witness"]["generation"]) == before + 1, "SIGHUP replaces the witness"
        )
        self.published.update(["ratelimit-window", "admission-policy", "witness"])
        return None
