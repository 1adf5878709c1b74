"""What the server knows of mailboxes, put together: one object for every protocol that answers by address."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from wasmpuck.config import MailSettings, VKSSettings
from wasmpuck.errors import OperatorError
from wasmpuck.mail import Mailbox, Mailer, Post, Relay
from wasmpuck.storage import KeyStore

from .canonical import Canonical
from .directory import Directory
from .disclosure import Disclosure
from .dispatch import Dispatch, Sending
from .tokens import Tokens
from .verification import Verification
from .webkeys import HashedNames

__all__ = ["TOKEN_FILE", "Services", "disclosure_of", "open_services"]

TOKEN_FILE = "tokens.key"
"""In the data folder: the secret of every token that is on its way in a letter."""


@dataclass(frozen=True, slots=True)
class Services:
    """Lives as long as the server. `canonical` is None where no mail is sent."""

    directory: Directory
    verification: Verification
    canonical: Canonical | None
    names: HashedNames

    @classmethod
    def build(
        cls,
        store: KeyStore,
        *,
        limit: int,
        tokens: Tokens | None = None,
        post: Post | None = None,
        sending: Sending | None = None,
        verified_only: bool = False,
    ) -> Self:
        """`limit` bounds the certificates of one look-up. Letters need `post` and `sending`.

        Without `tokens` those of this object hold as long as it lives.
        """
        tokens = tokens or Tokens(secrets.token_bytes(32))
        dispatch = Dispatch(post, sending) if post is not None and sending is not None else None
        return cls(
            Directory(store, Disclosure(store, verified_only=verified_only), limit=limit),
            Verification(store, tokens, dispatch),
            Canonical(store, tokens, dispatch) if dispatch is not None else None,
            HashedNames(store),
        )


def disclosure_of(vks: VKSSettings, store: KeyStore) -> Disclosure:
    """What of certificates anybody may see, by the configuration."""
    return Disclosure(store, verified_only=vks.mode == "verified")


@asynccontextmanager
async def open_services(
    store: KeyStore,
    mail: MailSettings,
    vks: VKSSettings,
    *,
    folder: Path,
    server: str,
    limit: int,
    counted: Callable[[str], None] = lambda outcome: None,
) -> AsyncIterator[Services]:
    """The services of a server, with a mailer if a relay is configured; at the end what waits is still sent.

    `folder` is the data folder, `server` the name by which people know the server. `counted` hears what became of each
    letter (`Mailer`). Raises `OperatorError` for a file that cannot be used.
    """
    tokens = Tokens.stored(folder / TOKEN_FILE)
    verified_only = vks.mode == "verified"
    if not mail.relay:
        yield Services.build(store, limit=limit, tokens=tokens, verified_only=verified_only)
        return
    relay = Relay(
        host=mail.relay,
        port=mail.port,
        tls=mail.tls,
        user=mail.user,
        password=_password(mail.password_file),
        authority=str(mail.authority or ""),
        timeout=mail.timeout,
    )
    mailer = Mailer(
        relay,
        Mailbox.parse(mail.sender),
        capacity=mail.queue,
        attempts=mail.attempts,
        pause=mail.pause,
        counted=counted,
    )
    sending = Sending(
        base=mail.public_url,
        server=server,
        lifetime=mail.link_lifetime,
        window=mail.window,
        per_address=mail.per_address,
        per_client=mail.per_client,
    )
    mailer.start()
    try:
        yield Services.build(
            store, limit=limit, tokens=tokens, post=mailer, sending=sending, verified_only=verified_only
        )
    finally:
        await mailer.close()


def _password(path: Path | None) -> str:
    """The first line of the file."""
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OperatorError(
            f"the password file {path} cannot be read: {reason}", hint="see mail.passwordFile"
        ) from None
