"""What plugins may do with certificates by their operator's leave (WIT `key-admin`), in their own names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wasmpuck.errors import BadRequest, ClientError, NotFound, PayloadTooLarge, StorageUnavailable, Unprocessable
from wasmpuck.openpgp.facts import Origin
from wasmpuck.openpgp.ingest import Prepared, Rejected, examine
from wasmpuck.openpgp.policy import RefusalCode
from wasmpuck.storage import Act, Held, Record, Written

from .admission import Accept, candidate_of, submitters
from .custody import Custody, Released
from .intake import QUARANTINED, actor_of, entry_of
from .report import KeyEvent
from .service import Keyserver
from .signers import lost_revocations

__all__ = ["Delegation", "NotAdmitted", "Unusable"]

_ATTEMPTS = 16
_DEEPEST = 4
_POLICY_CODES = frozenset(RefusalCode)


class Unusable(ClientError):
    """It is not a certificate, or one that cannot be taken."""

    status = 422


class NotAdmitted(ClientError):
    """A certificate that was refused for a reason; `code` is for programs."""

    status = 403

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Delegation:
    """Lives as long as the keyserver that it is given. `plugin` is the name of who acts, `note` where it came from."""

    def __init__(self, keyserver: Keyserver, *, clock: Callable[[], float] = time.time) -> None:
        self._keyserver = keyserver
        self._custody = Custody(keyserver, clock=clock)
        self._clock = clock

    async def submit(self, plugin: str, armored: str, note: str) -> str:
        """Takes one certificate like an upload; `inserted`, `updated`, `unchanged` or `quarantined`.

        The plugin is not asked for admission, and neither is one whose own submission led to this one. The line in the
        audit record is written after the certificate, not in one transaction with it. Raises
        `Unusable`, `NotAdmitted`, `StorageUnavailable`; `BadRequest` for a chain of submissions that is too long.
        """
        with _submitting(plugin):
            try:
                report = await self._keyserver.submit(armored.encode(), origin=Origin.PLUGIN, source=plugin, most=1)
            except (BadRequest, Unprocessable, PayloadTooLarge) as error:
                raise Unusable(error.message) from error
        for refused in report.rejected:
            raise _refusal(refused.code, refused.comment)
        for outcome, entries in (("inserted", report.inserted), ("updated", report.updated)):
            for entry in entries:
                act = Act("submit", entry.fingerprint, actor_of(plugin), self._clock(), note)
                await self._keyserver.store.audit(act)
                return outcome
        return QUARANTINED if report.quarantined else "unchanged"

    async def replace(self, plugin: str, armored: str, note: str) -> str:
        """Puts a certificate in the place of the published one; `updated` or `unchanged`.

        Revocations cannot be taken back. What admission would put into quarantine is refused: there it could only be
        merged with what it was to replace. Raises what `submit` does, and `NotFound`.
        """
        keyserver = self._keyserver
        ready = await self._examined(armored)
        for _ in range(_ATTEMPTS):
            stored = await self._stored(ready.fingerprint)
            if stored is None:
                raise NotFound(f"no certificate {ready.fingerprint} is published")
            if stored.data == ready.data:
                return "unchanged"
            lost = await keyserver.workers.run(lost_revocations, stored.data, ready.data)
            if lost:
                raise Unusable(f"the replacement would take back {lost}")
            made = await self._admitted(plugin, ready)
            act = Act("replace", made.fingerprint, actor_of(plugin), self._clock(), note)
            if await keyserver.store.replace(entry_of(made), expected=stored.md5, act=act) is Written.STORED:
                keyserver.announce(KeyEvent(made.fingerprint, made.md5, stored.md5, Origin.PLUGIN))
                return "updated"
        raise _busy(ready.fingerprint)

    async def delete(self, plugin: str, fingerprint: str, note: str) -> None:
        """Removes a certificate, published or in quarantine, and keeps it out. Raises `NotFound`."""
        reason = note or _decided(plugin)
        buried = await self._custody.bury(fingerprint, reason=reason, plugin=plugin, origin=Origin.PLUGIN, absent=False)
        if not buried:
            raise NotFound(f"there is no certificate {fingerprint}")

    async def quarantine(self, plugin: str, fingerprint: str, note: str) -> None:
        """Takes a certificate out of publication; whoever sends it again is told the note. Raises `NotFound`."""
        reason = note or _decided(plugin)
        await self._custody.confine(fingerprint, reason=reason, plugin=plugin, origin=Origin.PLUGIN)

    async def release(self, plugin: str, fingerprint: str, note: str) -> Released:
        """Publishes what is in quarantine. Raises `NotFound`, `NotAdmitted`."""
        try:
            return await self._custody.release(fingerprint, note=note, plugin=plugin, origin=Origin.PLUGIN)
        except Unprocessable as error:
            raise NotAdmitted("kept-out", error.message) from error

    async def entries(self, after: str, limit: int) -> list[Held]:
        """What is in quarantine, by ascending fingerprint behind `after`."""
        return list(await self._custody.entries(after=after, limit=limit))

    async def _examined(self, armored: str) -> Prepared:
        examination = await self._keyserver.workers.run(examine, armored.encode(), self._keyserver.policy)
        if examination.problem is not None:
            raise Unusable(examination.problem.message)
        outcome = examination.outcomes[0]
        if len(examination.outcomes) > 1 or not isinstance(outcome, Prepared):
            raise Unusable(outcome.text if isinstance(outcome, Rejected) else "it is not one certificate")
        return outcome

    async def _admitted(self, plugin: str, ready: Prepared) -> Prepared:
        keyserver = self._keyserver
        submission = ready.facts.submission(Origin.PLUGIN, source=plugin, known=True)
        candidate = candidate_of(ready, submission, keyserver.workers, keyserver.policy)
        with _submitting(plugin):
            verdict = await keyserver.admission.judge(candidate)
        if not isinstance(verdict, Accept):
            raise NotAdmitted(verdict.code, verdict.text)
        return ready if verdict.rewritten is None else verdict.rewritten.ready

    async def _stored(self, fingerprint: str) -> Record | None:
        found = await self._keyserver.store.fetch([fingerprint])
        return next((record for record in found if record.fingerprint == fingerprint), None)


@contextmanager
def _submitting(plugin: str) -> Iterator[None]:
    chain = submitters.get()
    if len(chain) >= _DEEPEST:
        raise BadRequest(f"one submission leads to another more than {_DEEPEST} times")
    token = submitters.set((*chain, plugin))
    try:
        yield
    finally:
        submitters.reset(token)


def _refusal(code: str, text: str) -> ClientError:
    return Unusable(text) if code in _POLICY_CODES else NotAdmitted(code, text)


def _decided(plugin: str) -> str:
    return f"the plugin {plugin} decided so"


def _busy(fingerprint: str) -> StorageUnavailable:
    return StorageUnavailable(f"The certificate {fingerprint} kept changing.", hint="Try again.")
