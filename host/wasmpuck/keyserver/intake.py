"""From vetted certificates to stored ones: merge, ask for admission, compare and set, tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from wasmpuck.errors import StorageUnavailable
from wasmpuck.openpgp.facts import Origin
from wasmpuck.openpgp.ingest import BareSignature, Outcome, Prepared, Rejected, attach, combine
from wasmpuck.openpgp.policy import REFUSALS, Policy, RefusalCode
from wasmpuck.storage import Burial, Entry, KeyStore, Record, Written

from .admission import Admission, Reject
from .report import KeyEvent, Observer, SubmitEntry, SubmitReport
from .workers import Workers

__all__ = ["BURIED", "Intake", "entry_of"]

BURIED = "deleted"
"""The code of a rejection because of a tombstone."""

_ATTEMPTS = 16
_MAX_ISSUERS = 20

_Candidate = Callable[[Record | None], Awaitable[Prepared | Rejected]]


@dataclass(slots=True)
class Intake:
    """One submission on its way: what it needs, and the `report` that it fills. Lives as long as the submission."""

    store: KeyStore
    policy: Policy
    admission: Admission
    workers: Workers
    announce: Observer
    origin: Origin
    client: str
    report: SubmitReport = field(default_factory=SubmitReport)

    async def take(self, outcome: Outcome) -> None:
        """Stores one vetted certificate, or notes why not."""
        match outcome:
            case Rejected():
                self._reject(outcome)
            case Prepared():
                self.report.count_drops(outcome.drops)
                await self._settle(outcome.fingerprint, self._merging(outcome))
            case BareSignature():
                await self._attach(outcome)

    async def take_many(self, outcomes: Sequence[Outcome]) -> None:
        """Like `take` for each in order, with one read and one transaction for as many as possible."""
        group: dict[str, Prepared] = {}
        for outcome in outcomes:
            if isinstance(outcome, Prepared) and outcome.fingerprint not in group:
                group[outcome.fingerprint] = outcome
                continue
            await self._take_group(group)
            group = {}
            if isinstance(outcome, Prepared):
                group[outcome.fingerprint] = outcome
            else:
                await self.take(outcome)
        await self._take_group(group)

    # --- one certificate -----------------------------------------------------------------------

    async def _settle(self, fingerprint: str, candidate: _Candidate) -> None:
        """What was judged is what is stored, or everything is done again with the newer state."""
        for _ in range(_ATTEMPTS):
            stored = next(
                (item for item in await self.store.fetch([fingerprint]) if item.fingerprint == fingerprint), None
            )
            ready = await self._judged(stored, candidate)
            if ready is None:
                return
            expected = stored.md5 if stored is not None else None
            if await self._finished(ready, expected, await self.store.write(entry_of(ready), expected=expected)):
                return
        raise StorageUnavailable(
            f"The certificate {fingerprint} kept changing while it was being stored.", hint="Send it again."
        )

    async def _judged(self, stored: Record | None, candidate: _Candidate) -> Prepared | None:
        """What is to be written; None if nothing is, which is noted."""
        ready = await candidate(stored)
        if isinstance(ready, Rejected):
            self._reject(ready)
            return None
        if stored is not None and stored.data == ready.data:
            self.report.count_drops(ready.drops)
            self.report.ignored.append(SubmitEntry(ready.version, ready.fingerprint))
            return None
        submission = ready.facts.submission(self.origin, self.client, known=stored is not None)
        verdict = await self.admission.judge(submission)
        if isinstance(verdict, Reject):
            self.report.rejected.append(SubmitEntry(ready.version, ready.fingerprint, verdict.text, verdict.code))
            return None
        return ready

    def _merging(self, incoming: Prepared) -> _Candidate:
        async def merged(stored: Record | None) -> Prepared | Rejected:
            if stored is None or stored.data == incoming.data:
                return replace(incoming, drops=())  # they are counted already, whatever becomes of it
            return await self.workers.run(combine, stored.data, incoming.data, self.policy)

        return merged

    def _done(self, ready: Prepared, previous: str | None) -> None:
        self.report.count_drops(ready.drops)  # what rules and limits left out of the union with the stored state
        listed = self.report.inserted if previous is None else self.report.updated
        listed.append(SubmitEntry(ready.version, ready.fingerprint))
        self.announce(KeyEvent(ready.fingerprint, ready.md5, previous, self.origin))

    async def _finished(self, ready: Prepared, expected: str | None, written: Written) -> bool:
        """Notes what became of a write; False if it has to be done again with the newer state."""
        match written:
            case Written.STORED:
                self._done(ready, expected)
            case Written.BURIED:
                burials = await self.store.tombstones([ready.fingerprint])
                if ready.fingerprint not in burials:  # it expired or was taken away meanwhile
                    return False
                self._refuse_buried(ready, burials[ready.fingerprint])
            case _:
                return False
        return True

    def _refuse_buried(self, ready: Prepared, burial: Burial) -> None:
        text = f"It was removed from this server and is not taken again: {burial.reason or 'no reason is noted'}."
        self.report.rejected.append(SubmitEntry(ready.version, ready.fingerprint, text, BURIED))

    def _reject(self, outcome: Rejected) -> None:
        self.report.rejected.append(SubmitEntry(outcome.version, outcome.fingerprint, outcome.text, outcome.code))

    # --- many ----------------------------------------------------------------------------------

    async def _take_group(self, group: dict[str, Prepared]) -> None:
        found = {record.fingerprint: record for record in await self.store.fetch(list(group))} if group else {}
        writes: list[tuple[Prepared, str | None]] = []
        for fingerprint, incoming in group.items():
            self.report.count_drops(incoming.drops)
            stored = found.get(fingerprint)
            ready = await self._judged(stored, self._merging(incoming))
            if ready is not None:
                writes.append((ready, stored.md5 if stored is not None else None))
        if not writes:
            return
        written = await self.store.write_many([(entry_of(ready), expected) for ready, expected in writes])
        for (ready, expected), done in zip(writes, written, strict=True):
            if not await self._finished(ready, expected, done):
                await self._settle(ready.fingerprint, self._merging(group[ready.fingerprint]))

    # --- a signature without a key -------------------------------------------------------------

    async def _attach(self, signature: BareSignature) -> None:
        """Tries the certificates that the signature names; the first that made it takes it."""
        stranger = Rejected("", signature.version, RefusalCode.BARE_SIGNATURE, REFUSALS[RefusalCode.BARE_SIGNATURE])

        async def attached(stored: Record | None) -> Prepared | Rejected:
            if stored is None:
                return stranger
            return await self.workers.run(attach, stored.data, signature.body, self.policy)

        already = len(self.report.rejected)
        for record in await self._issuers(signature):
            await self._settle(record.fingerprint, attached)
            if len(self.report.rejected) == already:
                return
        if len(self.report.rejected) == already:
            self._reject(stranger)
        del self.report.rejected[already + 1 :]

    async def _issuers(self, signature: BareSignature) -> list[Record]:
        """Stored certificates whose primary key the signature names, by fingerprint if it gives one."""
        for issuer in signature.issuers:
            if len(issuer) == 16:
                found = await self.store.fetch_by_key_id(issuer, limit=_MAX_ISSUERS)
            else:
                found = await self.store.fetch([issuer])
            own = [record for record in found if issuer in (record.fingerprint, record.summary["key_id"])]
            if own:
                return own
        return []


def entry_of(ready: Prepared) -> Entry:
    return Entry(
        fingerprint=ready.fingerprint,
        version=ready.version,
        md5=ready.md5,
        data=ready.data,
        summary=ready.summary,
        keys=ready.keys,
        identities=ready.identities,
        words=ready.words,
        domains=ready.domains,
        derivable=True,
    )
