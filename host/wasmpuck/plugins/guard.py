"""What stands before the calls of one generation: its failure policy and its breaker, put into effect and logged."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from wasmpuck.config import PluginSettings
from wasmpuck.errors import CallFailed, CallReason
from wasmpuck.plugins.breaker import Backoff, Breaker, Passage, Phase
from wasmpuck.plugins.failure import FailurePolicy, Fate
from wasmpuck.plugins.incidents import Incidents, facts, words
from wasmpuck.runtime.accounting import Account
from wasmpuck.runtime.marshal import BadValue

__all__ = ["Guard", "Ledger"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where a guard writes; shared by the generations of a plugin.

    account: calls that were not made are counted there as `suspended`.
    failures: calls that failed, by reason and policy.
    incidents: the log of failed calls.
    tell: publishes an event about the plugin: topic and reason.
    """

    account: Account
    incidents: Incidents
    failures: Counter[tuple[CallReason, str]]
    tell: Callable[[str, str], None] = lambda topic, reason: None


class Guard:
    """The guard of a generation. While `impeded` is false, calls are made without asking it.

    Args:
        settings: the policy and the breaker's numbers.
        monotonic: seconds, never going back.
        chance: a number from 0 up to 1 (excluded), for the backoff.
        befall: makes the generation's fate happen, given what happened in words, unless it is out of service anyway;
            returns whether it did. Not called for `NOTHING`.
    """

    def __init__(
        self,
        settings: PluginSettings,
        ledger: Ledger,
        befall: Callable[[Fate, str], bool],
        *,
        monotonic: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        numbers = settings.breaker
        self._name = settings.name
        self._numbers = numbers
        self._policy = FailurePolicy(settings)
        self._breaker = Breaker(numbers.failures, numbers.of, Backoff(numbers.backoff, numbers.longest))
        self._ledger = ledger
        self._befall = befall
        self._monotonic = monotonic
        self._chance = chance
        #: Whether the failures that opened the breaker refused their requests.
        self._closed: deque[bool] = deque(maxlen=max(1, numbers.failures))
        self._quarantine = ""
        self._dismissed = False
        #: Whether calls have to go through `attempt`.
        self.impeded = False

    @property
    def phase(self) -> Phase:
        """The breaker's."""
        return self._breaker.phase

    @property
    def wait(self) -> float:
        """Seconds after which a suspended call may be tried again: at least a half, also while another is tried."""
        return max(0.5, self._breaker.retry_at - self._monotonic())

    def refuses(self, reason: CallReason) -> bool:
        """Whether a request whose call ended so is refused. A suspended call's meets the strictest of what the failures
        before it met.
        """
        if reason is CallReason.SUSPENDED and not self._quarantine and self._breaker.phase is not Phase.CLOSED:
            return any(self._closed)
        return self._policy(reason).closed

    # --- calls -----------------------------------------------------------------------------------

    async def attempt(self, call: Callable[..., Awaitable[Any]], export: str, arguments: tuple[Any, ...]) -> Any:
        """Makes `call(export, *arguments)` if the breaker lets it pass.

        Raises:
            CallFailed: the call's own failure, already reported here; `SUSPENDED` when it was not made.
        """
        now = self._monotonic()
        before = self._breaker.phase
        passage = Passage.REFUSED if self._quarantine or self._dismissed else self._breaker.admit(now)
        if passage is Passage.REFUSED:
            raise self._suspended(export, now)
        if before is Phase.OPEN:
            _log.info("plugin %s is tried with one call", self._name, extra={"plugin": self._name, "export": export})
        probe = passage is Passage.PROBE
        try:
            value = await call(export, *arguments)
        except CallFailed as failure:
            self.failed(export, failure, probe=probe)
            raise
        except BaseException:
            if probe:
                self._breaker.abandoned()
            raise
        if probe:
            self._breaker.answered()
            self._closed.clear()
            self.impeded = bool(self._quarantine)
            _log.info("plugin %s answers again and is in use", self._name, extra={"plugin": self._name})
            self._ledger.tell("plugin.resumed", "")
        return value

    def _suspended(self, export: str, now: float) -> CallFailed:
        reason = CallReason.SUSPENDED
        self._ledger.account.of(export).outcomes[reason] += 1
        policy = "closed" if self.refuses(reason) else "open"
        self._ledger.failures[reason, policy] += 1
        if self._dismissed:
            message = f"this generation of {self._name} is on its way out of service"
            hint = "raise plugins.drainTimeout if its last calls need more time"
        elif self._quarantine:
            message = f"{self._name} is in quarantine: {self._quarantine}"
            hint = f"repair it, then: wasmpuck plugins swap {self._name}"
        else:
            left = max(0.0, self._breaker.retry_at - now)
            when = f"for another {left:.1f} s" if left else "until the call that tries it has ended"
            message = f"{self._name} has failed too often and is not called {when}"
            hint = f"the log says why it failed; wasmpuck plugins swap {self._name} begins anew"
        return CallFailed(reason, message, hint=hint)

    def confine(self, why: str) -> None:
        """No call is made any more, because of `why`: the plugin is in quarantine."""
        self._quarantine = why
        self.impeded = True

    def dismiss(self) -> None:
        """No call is made any more: the generation is on its way out."""
        self._dismissed = True
        self.impeded = True

    def failed(self, export: str, failure: CallFailed, *, probe: bool = False) -> None:
        """Takes note of a failed call and of what follows from it."""
        reason = failure.reason
        consequence = self._policy(reason)
        # What the server could not even pass to the guest tells nothing about the plugin. Clients can cause it.
        told = not isinstance(failure.__cause__, BadValue)
        policy = consequence.policy if told else "closed" if consequence.closed else "open"
        self._ledger.failures[reason, policy] += 1
        self._ledger.incidents.report(export, failure)
        if not (told and consequence.counts):
            if probe:
                self._breaker.abandoned()
        else:
            self._count(export, failure, closed=consequence.closed, probe=probe)
        if told and consequence.fate is not Fate.NOTHING and not self._quarantine:
            what = f"{reason} in {export}: {words(failure)}"
            if self._befall(consequence.fate, what) and consequence.fate is Fate.QUARANTINE:
                self.confine(what)
                _log.error(
                    "plugin %s is in quarantine and will not be called again (%s)",
                    self._name,
                    what,
                    extra=facts(self._name, export, failure),
                )

    def _count(self, export: str, failure: CallFailed, *, closed: bool, probe: bool) -> None:
        if probe or self._breaker.phase is Phase.CLOSED:
            self._closed.append(closed)
        now = self._monotonic()
        answered = sum(each.outcomes[CallReason.OK] for each in self._ledger.account.exports.values())
        if not self._breaker.failed(answered, now, self._chance(), probe=probe):
            return
        self.impeded = True
        _log.warning(
            "plugin %s is not called for %.1f s: %s (last %s in %s: %s)",
            self._name,
            self._breaker.retry_at - now,
            "the call that tried it failed" if probe else f"{self._numbers.failures} of its last calls failed",
            failure.reason,
            export,
            words(failure),
            extra=facts(self._name, export, failure),
        )
        self._ledger.tell("plugin.suspended", f"{failure.reason} in {export}: {words(failure)}")
