"""`wasmpuck:plugin/secrets`: the operator's secrets by name; their values lie in files that the server alone reads."""

from __future__ import annotations

import hmac
from typing import ClassVar

from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.capabilities.vault import Unreadable
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["Secrets"]


class Secrets:
    """The secrets that the operator lists for one plugin."""

    #: WIT function names.
    functions: ClassVar = frozenset({"names", "reveal", "equals"})

    def __init__(self, context: Context) -> None:
        self._names = frozenset(context.secrets)
        self._revealed = frozenset(context.reveal_secrets)
        self._vault = context.facilities.vault

    def names(self) -> list[str]:
        """WIT `secrets.names`."""
        return sorted(self._names)

    def _value(self, name: str) -> Ok | Err:
        if self._vault is None:
            return Err(Case("unreadable", "this server has no folder for secrets"))
        try:
            return Ok(self._vault.value(name))
        except Unreadable as problem:
            return Err(Case("unreadable", str(problem)))

    def reveal(self, name: str) -> Ok | Err:
        """WIT `secrets.reveal`."""
        if name not in self._names:
            return Err(Case("no-such-secret"))
        if name not in self._revealed:
            return Err(Case("not-allowed"))
        return self._value(name)

    def equals(self, name: str, candidate: str) -> Ok | Err:
        """WIT `secrets.equals`."""
        if name not in self._names:
            return Err(Case("no-such-secret"))
        value = self._value(name)
        return Ok(hmac.compare_digest(value.value.encode(), candidate.encode())) if isinstance(value, Ok) else value
