"""Who reads mail at an address: asked by a letter, answered through its link.

    unpublished ──request──▶ pending ──confirm──▶ published
         ▲                      │
         └──── link expires ────┘          revoked: the owner withdrew the user id; no letter is sent for it

What is asked is in the link's token; the store learns of it when the answer comes.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from wasmpuck.errors import BadRequest, ClientError, NotFound
from wasmpuck.mail import Letter, Mailbox

from .dispatch import Dispatch, utc
from .identity import addresses_of, mailbox_of, spellings_of
from .notices import language_of, verification_letter
from .tokens import Tokens

if TYPE_CHECKING:
    from wasmpuck.storage import KeyStore, Record

__all__ = ["AlreadyUsed", "Asked", "NoMail", "Status", "Upload", "Verification"]

_UPLOAD, _VERIFY = "upload", "verify"
_UPLOAD_LIFETIME = 86_400.0
"""Seconds in which letters can be asked for after an upload."""

_RESEND_AFTER = 900.0
"""Seconds after which a letter that was not answered can be asked for again, if its pace allows."""

_MOST_ADDRESSES = 32
"""Addresses of one request, each of which is a letter."""

_MOST_PENDING = 100_000
"""Letters on their way that are remembered: a restart forgets them, their links work all the same."""


class NoMail(ClientError):
    """This server sends no letters."""

    status = 501


class AlreadyUsed(ClientError):
    """A link that works once and was used."""

    status = 410


class Status(StrEnum):
    """What is known about an address of a certificate, in the words of VKS."""

    UNPUBLISHED = "unpublished"
    PENDING = "pending"
    PUBLISHED = "published"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored certificate, its addresses with their status, and the token with which letters can be asked for."""

    fingerprint: str
    status: dict[str, Status]
    token: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link asks its reader: is this certificate for this address?"""

    fingerprint: str
    mailbox: Mailbox


class Verification:
    """Lives as long as the server. `dispatch` is None on a server that sends no mail."""

    def __init__(
        self,
        store: KeyStore,
        tokens: Tokens,
        dispatch: Dispatch | None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._dispatch = dispatch
        self._clock = clock
        self._pending: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def uploaded(self, fingerprint: str, user_ids: Iterable[str]) -> Upload:
        """What is to be told to who uploaded the certificate with this primary fingerprint and these user ids.

        Addresses that are stored but were not uploaded are not named, unless they are published: who has a key need not
        know them. Raises `NotFound`.
        """
        offered = frozenset(key for key in map(mailbox_of, user_ids) if key is not None)
        return await self._upload(await self._record(fingerprint), offered)

    async def request(self, token: str, addresses: Sequence[str], locales: Sequence[str], *, client: str) -> Upload:
        """Sends a letter to each of these addresses of the uploaded certificate that is not published or revoked.

        One whose letter is still on its way gets no second one. Raises `BadToken`; `NotFound` when the certificate is
        gone; `BadRequest` for an address that it does not have; `NoMail`; `TooOften`: nothing was sent then. `NotSent`
        when the post takes no more.
        """
        values = self._tokens.read(_UPLOAD, token).values
        fingerprint, offered = values["fingerprint"], frozenset(values["addresses"].split())
        if not addresses or len(addresses) > _MOST_ADDRESSES:
            raise BadRequest(f"between 1 and {_MOST_ADDRESSES} addresses can be asked for at once")
        record = await self._record(fingerprint)
        upload = await self._upload(record, offered)
        wanted = {mailbox.key: mailbox for mailbox in map(Mailbox.parse, addresses)}
        for key in wanted:
            if key not in upload.status:
                raise BadRequest(f"no user id of this certificate has the address {key}")
        new = [mailbox for key, mailbox in wanted.items() if upload.status[key] is Status.UNPUBLISHED]
        if self._dispatch is None:
            raise NoMail("this server sends no mail", hint="Addresses cannot be confirmed here.")
        self._dispatch.check(new, client)
        language = language_of(locales)
        for mailbox in new:
            self._dispatch.send(self._letter(self._dispatch, fingerprint, mailbox, language), client=client)
            self._note(fingerprint, mailbox.key, self._dispatch.sending.lifetime)
        return await self._upload(record, offered)

    def _letter(self, dispatch: Dispatch, fingerprint: str, mailbox: Mailbox, language: str) -> Letter:
        sending = dispatch.sending
        values = {"fingerprint": fingerprint, "address": mailbox.address}
        token = self._tokens.issue(_VERIFY, values, sending.lifetime)
        return verification_letter(
            mailbox,
            server=sending.server,
            fingerprint=fingerprint,
            link=f"{sending.base}/verify/{token}",
            until=utc(self._clock() + sending.lifetime),
            language=language,
        )

    def asked(self, token: str) -> Asked:
        """What the link with this token asks. Raises `BadToken`."""
        values = self._tokens.read(_VERIFY, token).values
        return Asked(values["fingerprint"], Mailbox.parse(values["address"]))

    async def confirm(self, token: str) -> Asked:
        """The reader of the letter says yes, once.

        Raises `BadToken`; `NotFound` when the certificate or its user id is gone meanwhile, or revoked; `AlreadyUsed`.
        """
        read = self._tokens.read(_VERIFY, token)
        asked = self.asked(token)
        key = asked.mailbox.key
        user_ids = (await self._record(asked.fingerprint)).summary["user_ids"]
        if addresses_of(user_ids).get(key, True):
            raise NotFound("the key has no such user id any more, or its owner revoked it")
        if not await self._store.claim(f"{_VERIFY}:{read.nonce}", read.expires):
            raise AlreadyUsed("this link was used already", hint="Look the key up by its address.")
        for spelled in spellings_of(user_ids, key):
            await self._store.verify_address(asked.fingerprint, spelled, self._clock())
        self._pending.pop((asked.fingerprint, key), None)
        return asked

    # --- what is known -------------------------------------------------------------------------

    async def _record(self, fingerprint: str) -> Record:
        for record in await self._store.fetch([fingerprint]):
            if record.fingerprint == fingerprint:
                return record
        raise NotFound("this key is not stored any more", hint="Upload it again.")

    async def _upload(self, record: Record, offered: frozenset[str]) -> Upload:
        verified = {Mailbox.key_of(each) for each in await self._store.verified_addresses(record.fingerprint)}
        status: dict[str, Status] = {}
        for key, revoked in addresses_of(record.summary["user_ids"]).items():
            if key not in offered | verified:
                continue
            if revoked or record.summary["revoked"]:
                status[key] = Status.REVOKED
            elif key in verified:
                status[key] = Status.PUBLISHED
            else:
                on_its_way = self._pending.get((record.fingerprint, key), 0.0) > self._clock()
                status[key] = Status.PENDING if on_its_way else Status.UNPUBLISHED
        values = {"fingerprint": record.fingerprint, "addresses": " ".join(sorted(offered & status.keys()))}
        token = self._tokens.issue(_UPLOAD, values, _UPLOAD_LIFETIME)
        return Upload(record.fingerprint, status, token)

    def _note(self, fingerprint: str, key: str, lifetime: float) -> None:
        self._pending[fingerprint, key] = self._clock() + min(lifetime, _RESEND_AFTER)
        self._pending.move_to_end((fingerprint, key))
        while len(self._pending) > _MOST_PENDING:
            self._pending.popitem(last=False)
