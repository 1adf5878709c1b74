"""A keyserver with a database of its own around a plugin's capabilities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from runtime.capabilities.stand import Surroundings
from runtime.guests import Guest, QuickCompiler, engine
from wasmpuck.errors import ArtifactRefused, Refusal, StorageUnavailable, WasmpuckError
from wasmpuck.keyserver import Keyserver, SearchRules, Workers
from wasmpuck.keyserver.disclosure import Disclosure
from wasmpuck.keyserver.finding import Finder
from wasmpuck.openpgp.policy import Policy
from wasmpuck.runtime.capabilities import Context, Facilities
from wasmpuck.runtime.linker import PluginLinker
from wasmpuck.runtime.values import Err, Ok
from wasmpuck.storage import KeyStore, SQLiteKeyStore

__all__ = ["Holdings", "error", "holding", "refusal_without_grant", "value"]


class Holdings(Surroundings):
    """`keyserver` over an SQLite store; contexts see it as anybody would who asks it."""

    def __init__(self, keyserver: Keyserver, *, verified_only: bool) -> None:
        super().__init__()
        self.keyserver = keyserver
        self.facilities = Facilities(
            keyserver=keyserver, disclosure=Disclosure(keyserver.store, verified_only=verified_only)
        )

    def plugin(self, name: str = "probe", acts: tuple[str, ...] = (), **limits: Any) -> Context:
        """The context of a generation."""
        context = self.context(**limits)
        return replace(context, plugin=name, facilities=self.facilities, key_acts=frozenset(acts))

    def breaks(self, with_: WasmpuckError | None = None) -> None:
        """From now on the store answers nothing, or fails with this."""
        store = cast("KeyStore", _Broken(with_ or StorageUnavailable("It is gone.")))
        self.keyserver.store = self.keyserver.everything = store
        self.keyserver.finder = Finder(store, self.keyserver.finder.rules)
        self.facilities = Facilities(
            keyserver=self.keyserver, disclosure=Disclosure(self.keyserver.store, verified_only=False)
        )


class _Broken:
    """A store that fails."""

    def __init__(self, error: WasmpuckError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: Any, **__: Any) -> None:
            raise self._error

        return fail


def holding(
    path: Path,
    workers: Workers,
    body: Callable[[Holdings], Coroutine[Any, Any, None]],
    *,
    verified_only: bool = False,
    search: SearchRules | None = None,
    policy: Policy | None = None,
) -> None:
    """Runs a test's body with holdings."""

    async def whole() -> None:
        async with _opened(path) as store:
            keyserver = Keyserver(store, policy, workers=workers, search=search)
            await body(Holdings(keyserver, verified_only=verified_only))

    asyncio.run(whole())


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[SQLiteKeyStore]:
    store = SQLiteKeyStore(path / "keys.sqlite3", clock=lambda: 1_700_000_000.0)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def refusal_without_grant(interface: str, function: str) -> Refusal:
    """Why a plugin that imports a function is not linked when it was granted nothing."""

    async def main() -> Refusal:
        compiled = await QuickCompiler(engine()).compile(Guest(imports={interface: [function]}).verified())
        try:
            with pytest.raises(ArtifactRefused) as caught:
                PluginLinker(compiled, {})
        finally:
            compiled.close()
        return caught.value.reason

    return asyncio.run(main())


def value(answer: Ok | Err) -> Any:
    """What a call that went well returned."""
    assert isinstance(answer, Ok), answer
    return answer.value


def error(answer: Ok | Err) -> Any:
    """Why a call did not go well."""
    assert isinstance(answer, Err), answer
    return answer.value
