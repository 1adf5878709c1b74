"""`[search]`: what is answered besides fingerprints, key ids, whole addresses and whole user ids."""

from __future__ import annotations

from dataclasses import dataclass

from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import Flag, ListOf, Text

__all__ = ["SearchSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Each of these makes it easier to collect addresses, or to be taken in by a forged key id."""

    short_key_ids: bool = setting(
        Flag(),
        False,
        "Answer key ids of 8 digits, which anybody can forge in seconds; every match is given, warned of.",
    )
    words: bool = setting(
        Flag(), False, "Answer words and names: a search without an address finds the user ids that have all its words."
    )
    domains: tuple[str, ...] = setting(
        ListOf(Text(253), "domains"),
        (),
        "Domains whose certificates are listed for a search of `@example.org`; `*` lists those of every domain.",
    )
