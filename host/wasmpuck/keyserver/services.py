"""What the server knows of mailboxes, put together: one object for every protocol that answers by address."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Self

from wasmpuck.mail import Post
from wasmpuck.storage import KeyStore

from .canonical import Canonical
from .directory import Directory
from .disclosure import Disclosure
from .dispatch import Dispatch, Sending
from .tokens import Tokens
from .verification import Verification
from .webkeys import HashedNames

__all__ = ["Services"]


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
