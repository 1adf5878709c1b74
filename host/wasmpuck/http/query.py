"""What a look-up asks for: the parameters of `/pks/lookup`."""

from __future__ import annotations

from dataclasses import dataclass

from multidict import MultiMapping

from wasmpuck.errors import BadRequest

__all__ = ["Lookup", "parse_lookup", "parse_options"]

_YES = frozenset({"on", "1", "true", "yes"})
_NO_OPTIONS: frozenset[str] = frozenset()
_LONGEST_NUMBER = 9  # digits


@dataclass(frozen=True, slots=True)
class Lookup:
    """The parameters, first occurrence of each (draft-gallagher-openpgp-hkp §6.1).

    `limit` and `offset` are an extension: they ask for a part of what matches. Without a `limit` it is the server's.
    """

    operation: str
    search: str
    options: frozenset[str] = _NO_OPTIONS
    exact: bool = False
    limit: int | None = None
    offset: int = 0


def parse_lookup(query: MultiMapping[str], longest: int) -> Lookup:
    """Reads the parameters; `longest` bounds the search's characters.

    `fingerprint` and unknown parameters and options are passed over (§6.1.3: fingerprints are always given). Raises
    `BadRequest` for a missing operation or search, for one that no key can match, and for a `limit` or `offset` that
    is no number.
    """
    operation = query.get("op", "")
    if not operation:
        raise BadRequest("the parameter op is missing", hint="Known: get, hget, index, vindex, stats.")
    search = query.get("search", "").strip()
    if operation != "stats":
        if not search:
            raise BadRequest(
                "the parameter search is missing", hint="Give a fingerprint, a key id (0x…) or an e-mail address."
            )
        if len(search) > longest:
            raise BadRequest(f"the search is longer than {longest} characters")
        if "\x00" in search:
            raise BadRequest("the search contains a NUL character")
    options = query.get("options")
    return Lookup(
        operation,
        search,
        parse_options(options) if options else _NO_OPTIONS,
        query.get("exact", "").lower() in _YES,
        _number(query, "limit", 1) if "limit" in query else None,
        _number(query, "offset", 0) if "offset" in query else 0,
    )


def parse_options(text: str) -> frozenset[str]:
    """The options in a list with commas (§6.1.2)."""
    return frozenset(option.strip() for option in text.split(","))


def _number(query: MultiMapping[str], name: str, least: int) -> int:
    text = query[name]
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and int(text) >= least:
        return int(text)
    raise BadRequest(f"the parameter {name} is no number of certificates", hint=f"Give a whole number from {least} on.")
