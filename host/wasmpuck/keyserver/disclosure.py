"""What of a certificate is shown to whom asks: everything, or no user id but those whose address was verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wasmpuck.mail import Mailbox

from .excerpt import excerpt
from .finding import Found, cut
from .identity import mailbox_of

if TYPE_CHECKING:
    from wasmpuck.openpgp.search import Search
    from wasmpuck.storage import KeyStore, Record

    from .service import Keyserver

_MOST_PAGES = 10
"""Pages that are passed over because nothing on them may be shown."""

__all__ = ["Disclosure", "Shown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate as it may be shown, and which of its addresses (`Mailbox.key`) their readers confirmed."""

    record: Record
    verified: frozenset[str]


class Disclosure:
    """Every answer that shows certificates goes through here. Lives as long as the server.

    `verified_only`: user ids whose address nobody confirmed are left out, with their signatures, and so are those
    without an address; a certificate is not found by them either (the rule of keys.openpgp.org).
    """

    def __init__(self, store: KeyStore, *, verified_only: bool) -> None:
        self._store = store
        self.verified_only = verified_only

    async def page(
        self, keyserver: Keyserver, search: Search | str, *, exact: bool, limit: int | None, offset: int
    ) -> Found:
        """`Keyserver.page`, of what may be shown.

        An address is looked for among the certificates that it was confirmed for, so that no number of others hides
        them; of another search, pages of which nothing may be shown are passed over, some at most.
        """
        found = await keyserver.page(search, exact=exact, limit=limit, offset=offset)
        if not self.verified_only:
            return found
        mailbox = mailbox_of(found.query.values[0]) if found.query and found.query.kind == "identity" else None
        if mailbox is not None:
            most = keyserver.search_limit if limit is None else max(1, min(limit, keyserver.search_limit))
            shown = await self.records(await self._confirmed(mailbox, offset + most + 1), sought=found.finds)
            return replace(cut(shown[offset:], most, keyserver.search_bytes), query=found.query)
        passed = 0
        for _ in range(_MOST_PAGES):
            shown = await self.records(found.records, sought=None if found.query is None else found.finds)
            passed += found.size
            if shown or not found.more:
                break
            found = await keyserver.page(search, exact=exact, limit=limit, offset=offset + passed)
        return replace(found, records=shown, passed=passed, stable=False)

    async def _confirmed(self, mailbox: str, limit: int) -> list[Record]:
        found: dict[str, Record] = {}
        for spelled in Mailbox.parse(mailbox).spellings:
            for record in await self._store.fetch_by_verified(spelled, limit=limit):
                found.setdefault(record.fingerprint, record)
        return list(found.values())

    async def records(
        self, found: Sequence[Record], *, sought: Callable[[Sequence[str]], bool] | None = None
    ) -> list[Record]:
        """The records as they may be shown, in their order.

        `sought` is given when they were found by what their user ids say: it gets the texts of those that may be
        shown and tells whether the search would still have found the certificate. It is left out where not.
        """
        if not self.verified_only:
            return list(found)
        shown = [(await self.show(record)).record for record in found]
        if sought is None:
            return shown
        return [record for record in shown if sought([user_id["text"] for user_id in record.summary["user_ids"]])]

    async def show(self, record: Record) -> Shown:
        """One certificate as it may be shown."""
        verified = await self.verified(record)
        if not self.verified_only:
            return Shown(record, verified)
        return Shown(excerpt(record, lambda text: mailbox_of(text) in verified), verified)

    async def verified(self, record: Record) -> frozenset[str]:
        """Which of its addresses were confirmed, whether or not it still has them."""
        spelled = await self._store.verified_addresses(record.fingerprint)
        return frozenset(key for key in map(Mailbox.key_of, spelled) if key is not None)
