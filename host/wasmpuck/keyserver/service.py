"""What a keyserver does: look up, submit, load. Between HTTP or the command line above and a store below.

A submission walks one way: parse and vet in a worker → merge with what is stored → admission → store if nothing changed
meanwhile, else merge again → tell the observers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from wasmpuck.errors import BadRequest, PayloadTooLarge, Unprocessable
from wasmpuck.openpgp.facts import Origin
from wasmpuck.openpgp.ingest import Problem, examine
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.search import Search
from wasmpuck.storage import KeyStore, Record, Statistics

from .admission import AcceptAll, Admission
from .finding import Finder, Found, SearchRules
from .intake import Intake
from .journal import Journal
from .loading import ProgressHook, ReportHook, load
from .report import HeldEvent, KeyEvent, LoadReport, Observer, SubmitReport, Watcher
from .veil import veiled
from .workers import Workers

__all__ = ["Keyserver"]

_LOG = logging.getLogger(__name__)


class Keyserver:
    """Lives as long as the server; owns none of what it is given but the workers that it makes itself: close it.

    `search` says which searches are answered. `search_limit` bounds the certificates in one answer, and
    `search_bytes` their size: what is beyond is on the next page.
    """

    def __init__(
        self,
        store: KeyStore,
        policy: Policy | None = None,
        admission: Admission | None = None,
        *,
        workers: Workers | None = None,
        search: SearchRules | None = None,
        search_limit: int = 100,
        search_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self.policy = policy or Policy()
        self.everything = store
        """The store with what the policy blocks, for the operator's own acts."""
        self.store = store = veiled(store, self.policy)
        self.admission: Admission = admission or AcceptAll()
        self.finder = Finder(store, search or SearchRules())
        self.search_limit = search_limit
        self.search_bytes = search_bytes
        self._workers = workers or Workers()
        self._owns_workers = workers is None
        self._observers: list[Observer] = []
        self._watchers: list[Watcher] = []

    async def close(self) -> None:
        """Ends the worker processes, unless they were given."""
        if self._owns_workers:
            await self._workers.close()

    @property
    def workers(self) -> Workers:
        """The processes for what needs the processor."""
        return self._workers

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Adds an observer; the returned function removes it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Adds a watcher of the quarantine; the returned function removes it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    # --- look up -------------------------------------------------------------------------------

    async def page(
        self, search: Search | str, *, exact: bool = False, limit: int | None = None, offset: int = 0
    ) -> Found:
        """Certificates that match, oldest stored first, behind the first `offset`: `limit` at most, and never more
        than the server's own limits.

        A fingerprint or key id matches the primary key or a subkey, and every certificate with it is found. An address
        or a text matches a whole user id or its address, upper and lower case alike; by `SearchRules` a text may match
        words or a domain as well, unless it has to be `exact`. Raises `BadRequest` for a search that cannot be meant
        or is not answered here.
        """
        asked = Search.parse(search) if isinstance(search, str) else search
        most = self.search_limit if limit is None else max(1, min(limit, self.search_limit))
        return await self.finder.find(asked, exact=exact, limit=most, offset=offset, most_bytes=self.search_bytes)

    async def find(self, search: Search | str, *, exact: bool = False, limit: int | None = None) -> list[Record]:
        """The first page of `page`, without a word on what is behind it."""
        return (await self.page(search, exact=exact, limit=limit)).records

    async def by_digest(self, md5: str) -> list[Record]:
        """The certificates with this SKS digest; more than one where somebody made them collide.

        32 hexadecimal digits, else `BadRequest`.
        """
        digest = md5.strip().lower()
        if len(digest) != 32 or not all(character in "0123456789abcdef" for character in digest):
            raise BadRequest("A digest has 32 hexadecimal digits.", hint="It is the md5 of an SKS keyserver's index.")
        return await self.store.fetch_by_md5(digest)

    async def statistics(self) -> Statistics:
        """The store's counters."""
        return await self.store.statistics()

    # --- take in -------------------------------------------------------------------------------

    async def submit(
        self,
        data: bytes,
        *,
        origin: Origin = Origin.UPLOAD,
        client: str = "",
        source: str = "",
        admission: Admission | None = None,
        most: int | None = None,
    ) -> SubmitReport:
        """Takes an upload, armored or binary: certificates, and revocations of certificates that are stored.

        Each certificate stands alone: one that is refused is in `rejected` with its reason and does not stop the
        others. What is reported as stored is durable. `admission` overrides the server's for this upload, `most` the
        policy's number of certificates. `source` names who sends it where that is no client.

        Raises `BadRequest` for data that is not OpenPGP, `Unprocessable` where no certificate can be told from the
        data, `PayloadTooLarge` for too many of them: nothing was stored then. `StorageUnavailable` when the database
        fails; certificates stored before that stay.
        """
        examination = await self._workers.run(examine, data, self.policy)
        if examination.problem is not None:
            raise _refusal(examination.problem)
        if most is not None and len(examination.outcomes) > most:
            raise PayloadTooLarge(f"There is more than {most:,} in the upload.", hint="Send less at a time.")
        intake = self._intake(origin, client, admission, source)
        for outcome in examination.outcomes:
            await intake.take(outcome)
        return intake.report

    async def load(
        self,
        paths: Iterable[Path],
        *,
        admission: Admission | None = None,
        journal: Journal | None = None,
        progress: ProgressHook | None = None,
        reported: ReportHook | None = None,
    ) -> LoadReport:
        """Loads keyrings of any size, armored or binary, compressed or not; folders of them; `-`, standard input.

        Memory is bounded by the policy, not by the files. `reported` gets what became of each certificate, some at a
        time and in order, after it is durable; `progress` how far a file is. With a `journal` a loading that was
        ended goes on where it was. A file that cannot be read, or is broken from some place on, is in the report's
        `failures`; what came before the broken place is loaded. Raises `StorageUnavailable`; what was reported
        before stays.
        """
        return await load(self.bulk_intake(admission), paths, journal=journal, progress=progress, reported=reported)

    def bulk_intake(self, admission: Admission | None = None) -> Intake:
        """What takes in many certificates that no client sends, for ways of loading beside `load`."""
        return self._intake(Origin.BULK, "", admission)

    def _intake(self, origin: Origin, client: str, admission: Admission | None, source: str = "") -> Intake:
        return Intake(
            store=self.store,
            policy=self.policy,
            admission=admission or self.admission,
            workers=self._workers,
            announce=self.announce,
            tell=self.tell,
            origin=origin,
            client=client,
            source=source,
        )

    def announce(self, event: KeyEvent) -> None:
        """Tells the observers what happened to a certificate; for use cases that change the store themselves."""
        for observer in tuple(self._observers):
            try:
                observer(event)
            except Exception:
                _LOG.exception("an observer of stored certificates failed")

    def tell(self, event: HeldEvent) -> None:
        """Tells the watchers of the quarantine."""
        for watcher in tuple(self._watchers):
            try:
                watcher(event)
            except Exception:
                _LOG.exception("a watcher of the quarantine failed")


def _refusal(problem: Problem) -> BadRequest | Unprocessable | PayloadTooLarge:
    kind = PayloadTooLarge if problem.too_many else BadRequest if problem.not_openpgp else Unprocessable
    return kind(problem.message, hint=problem.hint)
