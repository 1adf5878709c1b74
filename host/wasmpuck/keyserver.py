"""What a keyserver does: look up, submit, load. Between HTTP or the command line above and a store below.

A submission walks one way: parse and vet in a worker → merge with what is stored → admission → store if nothing
changed meanwhile, else merge again → tell the observers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from wasmpuck.errors import BadRequest, PayloadTooLarge, StorageUnavailable, Unprocessable
from wasmpuck.openpgp.facts import Origin, Submission
from wasmpuck.openpgp.ingest import (
    BareSignature,
    Outcome,
    Prepared,
    Problem,
    Rejected,
    attach,
    combine,
    examine,
)
from wasmpuck.openpgp.policy import REFUSALS, Policy, RefusalCode
from wasmpuck.openpgp.search import Search, SearchKind
from wasmpuck.storage import Entry, KeyStore, Record, Statistics

__all__ = [
    "Accept",
    "Admission",
    "KeyEvent",
    "Keyserver",
    "Observer",
    "Reject",
    "Search",
    "SubmitEntry",
    "SubmitReport",
]

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 16
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Accept:
    """Take it."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not take it: a code for programs, a sentence for the uploader, the name of the plugin that said so."""

    code: str
    text: str
    plugin: str = ""


class Admission(Protocol):
    """Decides which certificates are stored (`wit/admission.wit`)."""

    async def judge(self, submission: Submission) -> Accept | Reject:
        """Called before a certificate is stored, with the state that would be stored.

        Not called for one that changes nothing. May be called again with a newer state when somebody else changed the
        certificate meanwhile. An exception ends the submission; nothing of this certificate is stored then.
        """
        ...


class AcceptAll:
    """The admission of a server without rules."""

    async def judge(self, submission: Submission) -> Accept | Reject:
        """Accepts."""
        return Accept()


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A certificate was stored. `previous` is the SKS digest before, None for a new one."""

    fingerprint: str
    md5: str
    previous: str | None
    origin: Origin


Observer = Callable[[KeyEvent], None]
"""Called on the loop after each stored certificate, in order; must not block. What it raises is only logged."""


@dataclass(frozen=True, slots=True)
class SubmitEntry:
    """What became of one certificate. `code` and `comment` say why it was rejected, else they are empty."""

    version: int
    fingerprint: str
    comment: str = ""
    code: str = ""


@dataclass(slots=True)
class SubmitReport:
    """What became of each certificate of an upload, in its order.

    `ignored` holds those that brought nothing new. `drops` counts packets that policy left out, by the rule's name.
    """

    inserted: list[SubmitEntry] = field(default_factory=list)
    updated: list[SubmitEntry] = field(default_factory=list)
    ignored: list[SubmitEntry] = field(default_factory=list)
    rejected: list[SubmitEntry] = field(default_factory=list)
    drops: dict[str, int] = field(default_factory=dict)

    def count_drops(self, drops: Sequence[tuple[str, int]]) -> None:
        """Adds to `drops`."""
        for rule, number in drops:
            self.drops[rule] = self.drops.get(rule, 0) + number


class Keyserver:
    """Lives as long as the server; owns none of what it is given.

    `executor` runs what needs the processor (None: the loop's own threads). `short_key_ids` answers searches for 8
    digits, always with every match. `search_limit` bounds the certificates in one answer.
    """

    def __init__(
        self,
        store: KeyStore,
        policy: Policy | None = None,
        admission: Admission | None = None,
        *,
        executor: Executor | None = None,
        short_key_ids: bool = True,
        search_limit: int = 100,
    ) -> None:
        self.store = store
        self.policy = policy or Policy()
        self.admission: Admission = admission or AcceptAll()
        self.short_key_ids = short_key_ids
        self.search_limit = search_limit
        self._executor = executor
        self._observers: list[Observer] = []

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Adds an observer; the returned function removes it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    # --- look up -------------------------------------------------------------------------------

    async def find(self, search: Search | str, *, exact: bool = False, limit: int | None = None) -> list[Record]:
        """Certificates that match, oldest stored first; an empty list if none does.

        A fingerprint or key id matches the primary key or a subkey, and every certificate with it is returned. An
        address or a text matches a whole user id or its address, upper and lower case alike. `exact` asks for what
        already is the only way to match. Raises `BadRequest` for a search that cannot be meant.
        """
        asked = Search.parse(search) if isinstance(search, str) else search
        most = self.search_limit if limit is None else min(limit, self.search_limit)
        match asked.kind:
            case SearchKind.FINGERPRINT:
                return (await self.store.fetch([asked.value]))[:most]
            case SearchKind.KEY_ID:
                return await self.store.fetch_by_key_id(asked.value, limit=most)
            case SearchKind.SHORT_KEY_ID:
                if not self.short_key_ids:
                    raise BadRequest(
                        "Key ids of 8 digits are not answered here: they are easily forged.",
                        hint="Search for the full fingerprint.",
                    )
                return await self.store.fetch_by_key_id(asked.value, limit=most)
            case SearchKind.EMAIL | SearchKind.TEXT:
                return await self.store.fetch_by_identity(asked.value, limit=most)

    async def by_digest(self, md5: str) -> Record | None:
        """The certificate with this SKS digest: 32 hexadecimal digits, else `BadRequest`; None if there is none."""
        digest = md5.strip().lower()
        if len(digest) != 32 or not all(character in "0123456789abcdef" for character in digest):
            raise BadRequest("A digest has 32 hexadecimal digits.", hint="It is the md5 of an SKS keyserver's index.")
        return next(iter(await self.store.fetch_by_md5(digest)), None)

    async def statistics(self) -> Statistics:
        """The store's counters."""
        return await self.store.statistics()

    # --- submit --------------------------------------------------------------------------------

    async def submit(
        self, data: bytes, *, origin: Origin = Origin.UPLOAD, client: str = "", admission: Admission | None = None
    ) -> SubmitReport:
        """Takes an upload, armored or binary: certificates, and revocations of certificates that are stored.

        Each certificate stands alone: one that is refused is in `rejected` with its reason and does not stop the
        others. What is reported as stored is durable. `admission` overrides the server's for this upload.

        Raises `BadRequest` for data that is not OpenPGP, `Unprocessable` where no certificate can be told from the
        data, `PayloadTooLarge` for too many of them: nothing was stored then. `StorageUnavailable` when the database
        fails; certificates stored before that stay.
        """
        examination = await self.work(examine, data, self.policy)
        if examination.problem is not None:
            raise _refusal(examination.problem)
        report = SubmitReport()
        for outcome in examination.outcomes:
            await self.place(outcome, report, origin, client, admission or self.admission)
        return report

    async def place(
        self, outcome: Outcome, report: SubmitReport, origin: Origin, client: str, admission: Admission
    ) -> None:
        """Stores one vetted certificate and notes in `report` what became of it."""
        match outcome:
            case Rejected():
                report.rejected.append(_rejected(outcome))
            case Prepared():
                report.count_drops(outcome.drops)
                await self._store(outcome.fingerprint, _merging(outcome, self), report, origin, client, admission)
            case BareSignature():
                await self._attach(outcome, report, origin, client, admission)

    async def _attach(
        self, signature: BareSignature, report: SubmitReport, origin: Origin, client: str, admission: Admission
    ) -> None:
        stranger = SubmitEntry(
            signature.version,
            signature.issuers[0],
            REFUSALS[RefusalCode.BARE_SIGNATURE],
            RefusalCode.BARE_SIGNATURE,
        )
        refused: list[SubmitEntry] = []
        for record in await self._issuers(signature):
            attempt = SubmitReport()

            async def attached(stored: Record | None) -> Prepared | Rejected:
                if stored is None:
                    return Rejected(stranger.fingerprint, stranger.version, stranger.code, stranger.comment)
                return await self.work(attach, stored.data, signature.body, self.policy)

            await self._store(record.fingerprint, attached, attempt, origin, client, admission)
            if not attempt.rejected:
                report.inserted += attempt.inserted
                report.updated += attempt.updated
                report.ignored += attempt.ignored
                return
            refused += attempt.rejected
        report.rejected.append(refused[0] if refused else stranger)

    async def _issuers(self, signature: BareSignature) -> list[Record]:
        """Stored certificates whose primary key the signature names, by fingerprint if it gives one."""
        for issuer in signature.issuers:
            if len(issuer) == 16:
                found = await self.store.fetch_by_key_id(issuer, limit=self.search_limit)
            else:
                found = await self.store.fetch([issuer])
            own = [record for record in found if issuer in (record.fingerprint, record.summary["key_id"])]
            if own:
                return own
        return []

    async def _store(
        self,
        fingerprint: str,
        candidate: Callable[[Record | None], Awaitable[Prepared | Rejected]],
        report: SubmitReport,
        origin: Origin,
        client: str,
        admission: Admission,
    ) -> None:
        """Compare and set: what was judged is what is stored, or everything is done again with the newer state."""
        for _ in range(_ATTEMPTS):
            stored = await self.stored(fingerprint)
            ready = await candidate(stored)
            if isinstance(ready, Rejected):
                report.rejected.append(_rejected(ready))
                return
            entry = SubmitEntry(ready.version, ready.fingerprint)
            if stored is not None and stored.data == ready.data:
                report.ignored.append(entry)
                return
            verdict = await admission.judge(ready.facts.submission(origin, client, known=stored is not None))
            if isinstance(verdict, Reject):
                report.rejected.append(SubmitEntry(ready.version, ready.fingerprint, verdict.text, verdict.code))
                return
            previous = stored.md5 if stored is not None else None
            if await self.store.write(entry_of(ready), expected=previous):
                (report.inserted if stored is None else report.updated).append(entry)
                self.announce(KeyEvent(ready.fingerprint, ready.md5, previous, origin))
                return
        raise StorageUnavailable(
            f"The certificate {fingerprint} kept changing while it was being stored.", hint="Send it again."
        )

    async def stored(self, fingerprint: str) -> Record | None:
        """The certificate whose primary key this is."""
        for record in await self.store.fetch([fingerprint]):
            if record.fingerprint == fingerprint:
                return record
        return None

    def announce(self, event: KeyEvent) -> None:
        """Tells the observers."""
        for observer in tuple(self._observers):
            try:
                observer(event)
            except Exception:
                _LOG.exception("an observer of stored certificates failed")

    async def work(self, function: Callable[..., _Answer], *arguments: object) -> _Answer:
        """Runs a pure function where it does not hold up the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


def entry_of(ready: Prepared) -> Entry:
    """What the store keeps of a prepared certificate."""
    return Entry(
        fingerprint=ready.fingerprint,
        version=ready.version,
        md5=ready.md5,
        data=ready.data,
        summary=ready.summary,
        keys=ready.keys,
        identities=ready.identities,
    )


def _merging(incoming: Prepared, server: Keyserver) -> Callable[[Record | None], Awaitable[Prepared | Rejected]]:
    async def merged(stored: Record | None) -> Prepared | Rejected:
        if stored is None or stored.data == incoming.data:
            return incoming
        return await server.work(combine, stored.data, incoming.data, server.policy)

    return merged


def _rejected(outcome: Rejected) -> SubmitEntry:
    return SubmitEntry(outcome.version, outcome.fingerprint, outcome.text, outcome.code)


def _refusal(problem: Problem) -> BadRequest | Unprocessable | PayloadTooLarge:
    kind = PayloadTooLarge if problem.too_many else BadRequest if problem.not_openpgp else Unprocessable
    return kind(problem.message, hint=problem.hint)
