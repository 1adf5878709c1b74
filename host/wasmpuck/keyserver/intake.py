"""From vetted certificates to stored ones: merge, ask for admission, compare and set, tell."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from wasmpuck.errors import StorageUnavailable
from wasmpuck.openpgp.facts import Origin
from wasmpuck.openpgp.ingest import BareSignature, Outcome, Prepared, Rejected, attach, combine
from wasmpuck.openpgp.policy import REFUSALS, Policy, RefusalCode
from wasmpuck.storage import Act, Burial, Entry, Held, KeyStore, Record, Written

from .admission import Admission, Quarantine, Reason, Reject, candidate_of
from .report import HeldEvent, KeyEvent, Observer, SubmitEntry, SubmitReport, Watcher
from .workers import Workers

__all__ = ["BURIED", "QUARANTINED", "Intake", "actor_of", "entry_of"]

BURIED = "deleted"
"""The code of a rejection because of a tombstone."""

QUARANTINED = "quarantined"
"""The code for what joins a certificate in quarantine, whatever the reason was that put it there."""

_ATTEMPTS = 16
_MAX_ISSUERS = 20

_Candidate = Callable[[bytes | None], Awaitable[Prepared | Rejected]]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is to be kept, why plugins changed it, and why it is not to be published, if so."""

    ready: Prepared
    reasons: tuple[Reason, ...] = ()
    doubt: Reason | None = None


@dataclass(slots=True)
class Intake:
    """One submission on its way: what it needs, and the `report` that it fills. Lives as long as the submission."""

    store: KeyStore
    policy: Policy
    admission: Admission
    workers: Workers
    announce: Observer
    tell: Watcher
    origin: Origin
    client: str
    source: str = ""
    clock: Callable[[], float] = time.time
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
        """What was judged is what is stored, or everything is done again with the newer state.

        Of a certificate that is published the upload is judged together with that, whatever waits in quarantine. One
        that is in quarantine alone stays there, with what is new.
        """
        for _ in range(_ATTEMPTS):
            stored = next(
                (item for item in await self.store.fetch([fingerprint]) if item.fingerprint == fingerprint), None
            )
            held = None if stored is not None else (await self.store.held([fingerprint])).get(fingerprint)
            judged = await self._judged(stored or held, candidate)
            if judged is None:
                return
            if held is not None or judged.doubt is not None:
                if await self._hold(judged, stored, held):
                    return
                continue
            expected = stored.md5 if stored is not None else None
            written = await self.store.write(entry_of(judged.ready), expected=expected)
            if await self._finished(judged, expected, written):
                return
        raise StorageUnavailable(
            f"The certificate {fingerprint} kept changing while it was being stored.", hint="Send it again."
        )

    async def _judged(self, known: Record | Held | None, candidate: _Candidate) -> _Judged | None:
        """What is to be written; None if nothing is, which is noted."""
        ready = await candidate(known.data if known is not None else None)
        if isinstance(ready, Rejected):
            self._reject(ready)
            return None
        if known is not None and known.data == ready.data:
            self._unchanged(ready, known)
            return None
        submission = ready.facts.submission(self.origin, self.client, self.source, known=known is not None)
        verdict = await self.admission.judge(candidate_of(ready, submission, self.workers, self.policy))
        if isinstance(verdict, Reject):
            self.report.rejected.append(SubmitEntry(ready.version, ready.fingerprint, verdict.text, verdict.code))
            return None
        ready = ready if verdict.rewritten is None else verdict.rewritten.ready
        if isinstance(verdict, Quarantine):
            return _Judged(ready, doubt=verdict)
        if known is not None and known.data == ready.data:
            self._unchanged(ready, known, verdict.reasons)
            return None
        return _Judged(ready, verdict.reasons)

    def _merging(self, incoming: Prepared) -> _Candidate:
        async def merged(known: bytes | None) -> Prepared | Rejected:
            if known is None or known == incoming.data:
                return replace(incoming, drops=())  # they are counted already, whatever becomes of it
            return await self.workers.run(combine, known, incoming.data, self.policy)

        return merged

    def _unchanged(self, ready: Prepared, known: Record | Held, reasons: Sequence[Reason] = ()) -> None:
        self.report.count_drops(ready.drops)
        if isinstance(known, Held):
            self._doubted(ready, known.reason)
        else:
            self.report.ignored.append(_entry(ready, reasons))

    def _done(self, judged: _Judged, previous: str | None) -> None:
        ready = judged.ready
        self.report.count_drops(ready.drops)  # what rules and limits left out of the union with the stored state
        listed = self.report.inserted if previous is None else self.report.updated
        listed.append(_entry(ready, judged.reasons))
        self.announce(KeyEvent(ready.fingerprint, ready.md5, previous, self.origin))

    async def _finished(self, judged: _Judged, expected: str | None, written: Written) -> bool:
        """Notes what became of a write; False if it has to be done again with the newer state."""
        match written:
            case Written.STORED:
                self._done(judged, expected)
            case Written.BURIED:
                return await self._refused_buried(judged.ready)
            case _:
                return False
        return True

    async def _refused_buried(self, ready: Prepared) -> bool:
        burials = await self.store.tombstones([ready.fingerprint])
        if ready.fingerprint not in burials:  # it expired or was taken away meanwhile
            return False
        self._refuse_buried(ready, burials[ready.fingerprint])
        return True

    def _refuse_buried(self, ready: Prepared, burial: Burial) -> None:
        text = f"It was removed from this server and is not taken again: {burial.reason or 'no reason is noted'}."
        self.report.rejected.append(SubmitEntry(ready.version, ready.fingerprint, text, BURIED))

    def _reject(self, outcome: Rejected) -> None:
        self.report.rejected.append(SubmitEntry(outcome.version, outcome.fingerprint, outcome.text, outcome.code))

    # --- in quarantine -------------------------------------------------------------------------

    async def _hold(self, judged: _Judged, stored: Record | None, seen: Held | None = None) -> bool:
        """Puts it into quarantine, with what is there; False if it has to be done again with the newer state.

        `seen` is what was there when it was judged, if nothing is published. Whose doubt and which reason were first is
        kept.
        """
        ready, doubt, now = judged.ready, judged.doubt, self.clock()
        there = (await self.store.held([ready.fingerprint])).get(ready.fingerprint)
        if stored is None and there != seen:
            return False
        if there is None:
            if doubt is None:
                return False
            held = Held(ready.fingerprint, ready.md5, ready.data, doubt.plugin, doubt.text, now)
            detail = f"{doubt.code}: {doubt.text}"
            act = Act("quarantine", ready.fingerprint, actor_of(doubt.plugin), now, detail)
        else:
            # What a plugin rewrote of a certificate that is in quarantine alone takes its place there.
            joined = ready if stored is None else await self.workers.run(combine, there.data, ready.data, self.policy)
            if isinstance(joined, Rejected):
                self._reject(joined)
                return True
            held, act = replace(there, md5=joined.md5, data=joined.data), None
        if there is None or there.data != held.data:
            expected, before = stored.md5 if stored is not None else None, there.md5 if there is not None else None
            written = await self.store.hold(held, expected=expected, before=before, act=act)
            if written is Written.BURIED:
                return await self._refused_buried(ready)
            if written is not Written.STORED:
                return False
        self.report.count_drops(ready.drops)
        self._doubted(ready, held.reason, doubt)
        if there is None:
            self.tell(HeldEvent(held.fingerprint, held.source, held.reason, self.origin))
        return True

    def _doubted(self, ready: Prepared, reason: str, doubt: Reason | None = None) -> None:
        code, text = (doubt.code, doubt.text) if doubt is not None else (QUARANTINED, reason)
        self.report.quarantined.append(SubmitEntry(ready.version, ready.fingerprint, text, code))

    # --- many ----------------------------------------------------------------------------------

    async def _take_group(self, group: dict[str, Prepared]) -> None:
        found = {record.fingerprint: record for record in await self.store.fetch(list(group))} if group else {}
        writes: list[tuple[_Judged, str | None]] = []
        for fingerprint, incoming in group.items():
            self.report.count_drops(incoming.drops)
            stored = found.get(fingerprint)
            judged = await self._judged(stored, self._merging(incoming))
            if judged is None:
                continue
            if judged.doubt is None:
                writes.append((judged, stored.md5 if stored is not None else None))
            elif not await self._hold(judged, stored):
                await self._settle(fingerprint, self._merging(incoming))
        if not writes:
            return
        written = await self.store.write_many([(entry_of(judged.ready), expected) for judged, expected in writes])
        for (judged, expected), done in zip(writes, written, strict=True):
            if not await self._finished(judged, expected, done):
                await self._settle(judged.ready.fingerprint, self._merging(group[judged.ready.fingerprint]))

    # --- a signature without a key -------------------------------------------------------------

    async def _attach(self, signature: BareSignature) -> None:
        """Tries the certificates that the signature names; the first that made it takes it."""
        stranger = Rejected("", signature.version, RefusalCode.BARE_SIGNATURE, REFUSALS[RefusalCode.BARE_SIGNATURE])

        async def attached(known: bytes | None) -> Prepared | Rejected:
            if known is None:
                return stranger
            return await self.workers.run(attach, known, signature.body, self.policy)

        already = len(self.report.rejected)
        for fingerprint in await self._issuers(signature):
            await self._settle(fingerprint, attached)
            if len(self.report.rejected) == already:
                return
        if len(self.report.rejected) == already:
            self._reject(stranger)
        del self.report.rejected[already + 1 :]

    async def _issuers(self, signature: BareSignature) -> list[str]:
        """Certificates whose primary key the signature names, by fingerprint if it gives one; those in quarantine are
        found by that alone.
        """
        for issuer in signature.issuers:
            if len(issuer) == 16:
                found = await self.store.fetch_by_key_id(issuer, limit=_MAX_ISSUERS)
            else:
                found = await self.store.fetch([issuer])
            own = [record for record in found if issuer in (record.fingerprint, record.summary["key_id"])]
            if own:
                return [record.fingerprint for record in own]
            if len(issuer) != 16 and await self.store.held([issuer]):
                return [issuer]
        return []


def actor_of(plugin: str) -> str:
    """How the audit record names a plugin."""
    return f"plugin {plugin}" if plugin else "admission"


def _entry(ready: Prepared, reasons: Sequence[Reason]) -> SubmitEntry:
    code = reasons[0].code if reasons else ""
    return SubmitEntry(ready.version, ready.fingerprint, " ".join(reason.text for reason in reasons), code)


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
