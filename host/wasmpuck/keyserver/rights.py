"""Owner's rights: deleting and replacing certificates on a signed request, and burying and exhuming for the operator.

A request walks one way: envelope → text → is it for this server and still good → who signed it → may they → what is
stored changes, the nonce is claimed and the act is noted, all in one transaction → the observers are told. Whatever
fails leaves everything as it was. Only the return of a certificate that was deleted takes several transactions, the
nonce first: if it breaks off, nothing false is stored, and its owner signs a fresh text.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wasmpuck.errors import ClientError, NotFound, PayloadTooLarge, StorageUnavailable, Unprocessable
from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.facts import Origin
from wasmpuck.openpgp.ingest import Prepared, Rejected, examine
from wasmpuck.storage import Act, Burial, Record, Written

from .administrators import RightsRules, certificates_of
from .admission import Accept, candidate_of
from .custody import OPERATOR, Custody
from .intake import entry_of
from .owner_request import OwnerAct, OwnerRequest, parse_request
from .report import KeyEvent
from .service import Keyserver
from .signed_text import SignedText, open_form
from .signers import Signer, Window, find_signers, lost_revocations

__all__ = ["BY_OWNER", "OPERATOR", "RequestRefused", "Rights", "RightsReport"]

BY_OWNER = "its owner asked for that"
"""The reason on the tombstone of a deletion that the owner signed; only those the owner may take away."""

_ATTEMPTS = 16
_FORM_FACTOR, _FORM_BYTES = 2, 65_536  # armor in a form is at most 1.6 times the certificate; and the rest of it
_LOG = logging.getLogger("wasmpuck.rights")


class RequestRefused(ClientError):
    """A signed request that is understood and not obeyed; nothing was changed."""

    status = 403


class RequestReplayed(RequestRefused):
    """A signed request that was obeyed before."""

    status = 409


@dataclass(slots=True)
class RightsReport:
    """What became of the certificates of a request: (version, primary fingerprint) each; and who signed it."""

    inserted: list[tuple[int, str]] = field(default_factory=list)
    updated: list[tuple[int, str]] = field(default_factory=list)
    deleted: list[tuple[int, str]] = field(default_factory=list)
    signer: str = ""


class Rights:
    """Lives as long as the keyserver that it is given. `custody` deals with the quarantine."""

    def __init__(self, keyserver: Keyserver, rules: RightsRules, *, clock: Callable[[], float] = time.time) -> None:
        self.rules = rules
        self._keyserver = keyserver
        self._store = keyserver.store
        self.custody = Custody(keyserver, clock=clock)
        self._clock = clock

    # --- signed requests -----------------------------------------------------------------------

    async def receive(self, act: OwnerAct, form: bytes, client: str = "") -> RightsReport:
        """`obey` for what a form holds (`signed_text.open_form`). `PayloadTooLarge` for more than a request needs."""
        largest = _FORM_FACTOR * self._keyserver.policy.max_certificate_bytes + _FORM_BYTES
        if len(form) > largest:
            raise PayloadTooLarge(
                f"a request is longer than {largest:,} bytes", hint="It holds one certificate at most."
            )
        return await self.obey(act, await self._keyserver.workers.run(open_form, form), client)

    async def obey(self, act: OwnerAct, signed: SignedText, client: str = "") -> RightsReport:
        """Does what a signed text asks for, which has to be `act`; `client` is for admission plugins.

        Raises `BadRequest` for a text that is no request, `RequestRefused` for one that is not obeyed (`status` 409 if
        it was obeyed before), `NotFound` for a deletion of what is not there, `Unprocessable` for a replacement that
        does not hold. `StorageUnavailable` when the database fails.
        """
        request = parse_request(signed.lines)
        self._check(request, act)
        if request.act is OwnerAct.DELETE:
            return await self._delete(request, signed)
        return await self._replace(request, signed, client)

    def _check(self, request: OwnerRequest, act: OwnerAct) -> None:
        """What can be told from the text alone: the act, the server, the times."""
        if request.act is not act:
            raise RequestRefused(
                f"the signed text is a request to {request.act.value}, and it was sent to {act.value}",
                hint="Send it to the path that its first line names.",
            )
        name = self.rules.server_names[0]
        if request.server not in self.rules.server_names:
            raise RequestRefused(
                f"the signed text is addressed to the server {request.server}, and this is {name}",
                hint=f"Sign a text that says: server: {name}",
            )
        now = self._clock()
        if request.expires <= now - self.rules.clock_difference:
            raise RequestRefused("the request has expired", hint="Sign a fresh text.")
        if request.expires > now + self.rules.longest_validity + self.rules.clock_difference:
            raise RequestRefused(
                "the request would be good for too long",
                hint=f"Let it expire within {self.rules.longest_validity / 3600:g} hours.",
            )

    async def _delete(self, request: OwnerRequest, signed: SignedText) -> RightsReport:
        fingerprint = request.fingerprint
        for _ in range(_ATTEMPTS):
            stored = await self._stored(fingerprint)
            known = stored or (await self._store.held([fingerprint])).get(fingerprint)
            if known is None:
                raise NotFound(
                    f"there is no certificate with the primary fingerprint {fingerprint}",
                    hint="A subkey's fingerprint is not enough. It may have been deleted already.",
                )
            signer = await self._signer(fingerprint, known.data, signed)
            done = await self._store.erase(
                fingerprint,
                expected=stored.md5 if stored is not None else None,
                burial=Burial(BY_OWNER if signer == fingerprint else "an administrator asked for that"),
                act=Act("delete", fingerprint, signer, self._clock(), _by(signer, fingerprint)),
                once=self._once(request),
            )
            if done:
                if stored is not None:
                    self._tell(KeyEvent(fingerprint, None, stored.md5, Origin.UPLOAD), signer)
                return RightsReport(deleted=[(Certificate.parse(known.data).version, fingerprint)], signer=signer)
            if stored is None:
                raise _replayed()
            await self._check_changed(fingerprint, stored)
        raise _busy(fingerprint)

    async def _replace(self, request: OwnerRequest, signed: SignedText, client: str) -> RightsReport:
        ready = await self._replacement(request)
        fingerprint = ready.fingerprint
        for _ in range(_ATTEMPTS):
            stored = await self._stored(fingerprint)
            signer = await self._signer(fingerprint, stored.data if stored else ready.data, signed)
            if stored is not None:
                lost = await self._keyserver.workers.run(lost_revocations, stored.data, ready.data)
                if lost:
                    raise RequestRefused(
                        f"the replacement would take back {lost}",
                        hint="Add it to the certificate that you send: import what the server has, then export again.",
                    )
            ready = await self._judge(ready, client, known=stored is not None)
            act = Act("replace", fingerprint, signer, self._clock(), _by(signer, fingerprint))
            if stored is None:
                written = await self._return(ready, request, act)
            else:
                written = await self._store.replace(
                    entry_of(ready), expected=stored.md5, act=act, once=self._once(request)
                )
            if written is Written.REPLAYED:
                raise _replayed()
            if written is Written.STORED:
                previous = stored.md5 if stored is not None else None
                self._tell(KeyEvent(fingerprint, ready.md5, previous, Origin.UPLOAD), signer)
                report = RightsReport(signer=signer)
                (report.inserted if stored is None else report.updated).append((ready.version, fingerprint))
                return report
        raise _busy(fingerprint)

    async def _replacement(self, request: OwnerRequest) -> Prepared:
        """The certificate in a request, valid by itself and the one that the request names."""
        data = request.certificate.encode("ascii")
        examination = await self._keyserver.workers.run(examine, data, self._keyserver.policy)
        if examination.problem is not None:
            raise Unprocessable(examination.problem.message, hint=examination.problem.hint)
        outcomes = examination.outcomes
        if len(outcomes) != 1:
            raise Unprocessable("the request holds more than one certificate", hint="Send one request for each.")
        ready = outcomes[0]
        if isinstance(ready, Rejected):
            raise Unprocessable(ready.text, hint="Nothing was changed.")
        if not isinstance(ready, Prepared) or ready.fingerprint != request.fingerprint:
            raise Unprocessable(
                f"the certificate in the request is not {request.fingerprint}",
                hint="The fingerprint in the text is that of the primary key of what follows.",
            )
        return ready

    async def _return(self, ready: Prepared, request: OwnerRequest, act: Act) -> Written:
        """Stores what is not there: never was, or was deleted. The owner's own deletion is lifted by that."""
        if await self._store.held([ready.fingerprint]):
            raise RequestRefused("the certificate is in quarantine on this server", hint="Ask the operator.")
        burial = (await self._store.tombstones([ready.fingerprint])).get(ready.fingerprint)
        if burial is not None and act.actor == ready.fingerprint and burial.reason != BY_OWNER:
            raise RequestRefused(
                f"the certificate was removed from this server by its operator: {burial.reason}",
                hint="Ask the operator.",
            )
        if not await self._store.claim(*self._once(request)):
            return Written.REPLAYED
        if burial is not None:
            await self._store.exhume(
                ready.fingerprint, act=Act("exhume", act.fingerprint, act.actor, act.when, act.detail)
            )
        written = await self._store.write(entry_of(ready), expected=None)
        if written is Written.STORED:
            await self._store.audit(act)
        elif written is not Written.REPLAYED:
            raise StorageUnavailable(
                f"The certificate {ready.fingerprint} was changed by somebody else just now.", hint="Sign a fresh text."
            )
        return written

    async def _judge(self, ready: Prepared, client: str, *, known: bool) -> Prepared:
        """What plugins make of it. One that they would put into quarantine is refused: there it could only be merged
        with what it was to replace.
        """
        submission = ready.facts.submission(Origin.UPLOAD, client, known=known)
        keyserver = self._keyserver
        verdict = await keyserver.admission.judge(candidate_of(ready, submission, keyserver.workers, keyserver.policy))
        if not isinstance(verdict, Accept):
            raise RequestRefused(verdict.text, hint="Nothing was changed.")
        return ready if verdict.rewritten is None else verdict.rewritten.ready

    async def _signer(self, fingerprint: str, certificate: bytes, signed: SignedText) -> str:
        """The fingerprint of the owner or the administrator who signed; the owner if both did.

        Every signature has to count: a text that some of its signers were not entitled to sign is not obeyed.
        """
        now, most = self._clock(), self.rules.clock_difference
        window = Window(earliest=now - self.rules.longest_validity - most, latest=now + most, now=now)
        candidates = [certificate] if self.rules.owner_requests else []
        candidates += await certificates_of(self.rules, self._keyserver)
        signers: list[Signer] = await self._keyserver.workers.run(find_signers, signed, candidates, window)
        for number, signer in enumerate(signers, 1):
            if signer.problem:
                raise RequestRefused(f"signature {number} {signer.problem}", hint="Nothing was changed.")
        names = [signer.fingerprint for signer in signers]
        return fingerprint if fingerprint in names else names[0]

    async def _stored(self, fingerprint: str) -> Record | None:
        """By primary fingerprint: who owns a subkey of this fingerprint has no say."""
        found = await self._store.fetch([fingerprint])
        return next((record for record in found if record.fingerprint == fingerprint), None)

    async def _check_changed(self, fingerprint: str, seen: Record) -> None:
        """After a store said no: raises `RequestReplayed` unless the certificate changed meanwhile."""
        stored = await self._stored(fingerprint)
        if stored is not None and stored.md5 == seen.md5:
            raise _replayed()

    def _tell(self, event: KeyEvent, actor: str) -> None:
        """The observers, and the log."""
        _LOG.info("%s %s by %s", "deleted" if event.md5 is None else "replaced", event.fingerprint, actor)
        self._keyserver.announce(event)

    def _once(self, request: OwnerRequest) -> tuple[str, float]:
        """The nonce is remembered for as long as the clocks may disagree about the request having expired."""
        return f"request {request.nonce}", request.expires + self.rules.clock_difference + 1

    # --- the operator --------------------------------------------------------------------------

    async def bury(self, fingerprint: str, *, reason: str, until: float | None = None) -> bool:
        """Deletes a certificate and keeps it out, until a time or for good; also one that is not stored.

        `reason` is told to whoever sends it again. Returns whether a certificate was there, blacklisted, in quarantine
        or published.
        """
        return await self.custody.bury(fingerprint, reason=reason, until=until)

    async def exhume(self, fingerprint: str) -> bool:
        """Lets a certificate in again, whoever had it deleted; returns whether it was kept out."""
        return await self._store.exhume(fingerprint, act=Act("exhume", fingerprint, OPERATOR, self._clock()))

    async def tombstones(self) -> list[tuple[str, Burial]]:
        """What is kept out, by ascending fingerprint."""
        return [item async for item in self._store.iterate_tombstones()]

    async def acts(self, *, after: int = 0, limit: int = 100) -> Sequence[Act]:
        """The audit record by ascending number behind `after`."""
        return await self._store.acts(after=after, limit=limit)


def _by(signer: str, fingerprint: str) -> str:
    return "signed by the owner" if signer == fingerprint else "signed by an administrator"


def _replayed() -> RequestReplayed:
    return RequestReplayed(
        "this request was obeyed before: its nonce is used up", hint="To ask again, sign a text with a fresh nonce."
    )


def _busy(fingerprint: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"The certificate {fingerprint} kept changing while it was being dealt with.", hint="Send the request again."
    )
