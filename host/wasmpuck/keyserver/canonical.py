"""The certificates that the reader of a mailbox wants to be given for it (draft-ietf-openpgp-hkp §5.1.4, §5.2.3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from wasmpuck.errors import ClientError, Unprocessable
from wasmpuck.mail import BadMailbox, Mailbox

from .dispatch import Dispatch, utc
from .identity import spellings_of
from .notices import LANGUAGES, token_letter
from .tokens import BadToken, Tokens

if TYPE_CHECKING:
    from wasmpuck.storage import KeyStore, Record

__all__ = ["Canonical", "NotProved", "Proof"]

_PURPOSE = "canonical"


class NotProved(ClientError):
    """The token does not show that the identity is who asks."""

    status = 401


@dataclass(frozen=True, slots=True)
class Proof:
    """A mailbox that who asks can read, and the token's nonce, which counts once."""

    mailbox: Mailbox
    nonce: str
    expires: float


class Canonical:
    """Lives as long as the server."""

    def __init__(
        self, store: KeyStore, tokens: Tokens, dispatch: Dispatch, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._dispatch = dispatch
        self._clock = clock

    def send_token(self, address: str, *, client: str) -> None:
        """Mails a token for the bundle of `address`. Raises `BadMailbox`, `TooOften`, `NotSent`."""
        mailbox = Mailbox.parse(address)
        sending = self._dispatch.sending
        letter = token_letter(
            mailbox,
            server=sending.server,
            url=f"{sending.base}/pks/v2/canonical/{quote(mailbox.key, safe='@')}",
            token=self._tokens.issue(_PURPOSE, {"address": mailbox.address}, sending.lifetime),
            until=utc(self._clock() + sending.lifetime),
            language=LANGUAGES[0],
        )
        self._dispatch.send(letter, client=client)

    def prove(self, token: str, identity: str) -> Proof:
        """Whether the token was sent to the mailbox that `identity` is. Raises `NotProved`."""
        try:
            read = self._tokens.read(_PURPOSE, token)
        except BadToken as error:
            raise NotProved(error.message, hint=error.hint) from None
        mailbox = Mailbox.parse(read.values["address"])
        try:
            same = Mailbox.parse(identity).key == mailbox.key
        except BadMailbox:
            same = False
        if not same:
            raise NotProved("this token is for another identity", hint="Ask for one for this address.")
        return Proof(mailbox, read.nonce, read.expires)

    async def choose(self, proof: Proof, fingerprints: Sequence[str]) -> None:
        """Names the stored certificates with these primary fingerprints, best first; the mailbox counts as verified.

        Raises `Unprocessable` when one does not have the mailbox in a user id (the token can be used again then), and
        `NotProved` when the token was used already. Nothing was changed then.
        """
        records = {record.fingerprint: record for record in await self._store.fetch(list(fingerprints))}
        spelled: list[tuple[Record, set[str]]] = []
        for fingerprint in fingerprints:
            record = records.get(fingerprint)
            names = spellings_of(record.summary["user_ids"], proof.mailbox.key) if record is not None else set()
            if record is None or not names:
                raise Unprocessable(
                    f"the certificate {fingerprint} has no user id for {proof.mailbox.key}",
                    hint="Send only certificates that have this address.",
                )
            spelled.append((record, names))
        if not await self._store.claim(f"{_PURPOSE}:{proof.nonce}", proof.expires):
            raise NotProved("this token was used already", hint="Ask for another.")
        for record, names in spelled:
            for name in names:
                await self._store.verify_address(record.fingerprint, name, self._clock())
        await self._store.set_canonical(proof.mailbox.key, tuple(fingerprints))
