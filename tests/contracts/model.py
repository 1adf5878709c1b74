"""A store in a dict, and any sequence of operations on it and on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.entries import entry, fingerprint_of
from contracts.running import Clock, OpensStores, names
from wasmpuck.storage import Act, Burial, Entry, KeyStore, Query, Written

__all__ = ["ModelContract"]

NAMES = ("ann", "ben", "eve")
STATES = ("first", "second", "third")
WORDS = ("red", "green", "blue")


def made(name: str, state: str) -> Entry:
    """An entry whose index depends on its state."""
    number = STATES.index(state)
    return entry(
        name,
        state=state,
        subkeys=(f"{name} {state}", "shared") if number else (),
        identities=(f"{name}@a.org", f"{state}@a.org"),
        words=WORDS[number:],
        domains=("a.org",),
    )


@dataclass
class Model:
    """What a store promises, without any durability."""

    clock: Clock
    stored: dict[str, Entry] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)
    buried: dict[str, Burial] = field(default_factory=dict)
    claims: dict[str, float] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    changes: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    verified: dict[tuple[str, str], float] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=count)

    def burial(self, fingerprint: str) -> Burial | None:
        """The tombstone, if it holds now."""
        found = self.buried.get(fingerprint)
        return found if found is not None and (found.until is None or found.until > self.clock.now) else None

    def claimable(self, once: tuple[str, float] | None) -> bool:
        """Whether a one-time value is still to be had."""
        return once is None or (once[1] > self.clock.now and self.claims.get(once[0], 0) <= self.clock.now)

    def finish(self, act: Act | None, once: tuple[str, float] | None) -> None:
        """What is done together with a change."""
        if once is not None:
            self.claims[once[0]] = once[1]
        if act is not None:
            self.acts.append(act)

    def write(
        self, given: Entry, expected: str | None, act: Act | None = None, once: tuple[str, float] | None = None
    ) -> Written:
        """`KeyStore.write` and `KeyStore.replace`."""
        known = self.stored.get(given.fingerprint)
        if known is None and self.burial(given.fingerprint):
            return Written.BURIED
        before = known.md5 if known is not None else None
        if before != expected:
            return Written.CONFLICT
        if not self.claimable(once):
            return Written.REPLAYED
        self.created.setdefault(given.fingerprint, next(self._numbers))
        self.stored[given.fingerprint] = given
        self.changes.append((given.fingerprint, before, given.md5))
        for fingerprint, email in list(self.verified):
            if fingerprint == given.fingerprint and email not in given.identities:
                del self.verified[fingerprint, email]
        self.finish(act, once)
        return Written.STORED

    def erase(
        self,
        fingerprint: str,
        expected: str | None,
        burial: Burial | None,
        act: Act | None,
        once: tuple[str, float] | None,
    ) -> bool:
        """`KeyStore.erase`."""
        known = self.stored.get(fingerprint)
        if expected is not None and (known is None or known.md5 != expected):
            return False
        if (known is None and burial is None) or not self.claimable(once):
            return False
        if known is not None:
            del self.stored[fingerprint], self.created[fingerprint]
            self.changes.append((fingerprint, known.md5, None))
            self.verified = {key: when for key, when in self.verified.items() if key[0] != fingerprint}
        if burial is not None:
            self.buried[fingerprint] = burial
        self.finish(act, once)
        return True

    def matching(self, wanted: Callable[[Entry], bool]) -> list[str]:
        """Names of certificates, oldest stored first."""
        found = [item for item in self.stored.values() if wanted(item)]
        return [item.summary["name"] for item in sorted(found, key=lambda item: self.created[item.fingerprint])]


@st.composite
def steps(draw: st.DrawFn) -> tuple[object, ...]:
    """One operation: its name and arguments."""
    name = draw(st.sampled_from(NAMES))
    state = draw(st.sampled_from(STATES))
    expected = draw(st.sampled_from((None, *STATES)))
    act = draw(st.none() | st.just(Act("act", fingerprint_of(name), "actor", 1.5, "detail")))
    once = draw(st.none() | st.tuples(st.sampled_from(("x", "y")), st.sampled_from((5.0, 15.0))))
    burial = draw(st.none() | st.builds(Burial, st.just("why"), st.none() | st.just(10.0)))
    kind = draw(st.sampled_from(("write", "write", "write", "replace", "erase", "exhume", "claim", "verify", "wait")))
    return kind, name, state, expected, act, once, burial


async def take(store: KeyStore, model: Model, step: tuple[object, ...]) -> None:
    """One operation on both, with the same answer."""
    kind, name, state, expected, act, once, burial = step
    assert isinstance(name, str)
    assert isinstance(state, str)
    assert expected is None or isinstance(expected, str)
    assert act is None or isinstance(act, Act)
    assert burial is None or isinstance(burial, Burial)
    now = model.clock.now
    one: tuple[str, float] | None = None
    if isinstance(once, tuple):
        one = (once[0], now + once[1])
    if burial is not None and burial.until is not None:
        burial = replace(burial, until=now + burial.until)
    given_entry, fingerprint = made(name, state), fingerprint_of(name)
    digest = made(name, expected).md5 if expected is not None else None
    match kind:
        case "write":
            assert await store.write(given_entry, expected=digest) is model.write(given_entry, digest)
        case "replace":
            digest = digest or model.stored.get(fingerprint, given_entry).md5
            answer = await store.replace(given_entry, expected=digest, act=act, once=one)
            assert answer is model.write(given_entry, digest, act, one)
        case "erase":
            answered = await store.erase(fingerprint, expected=digest, burial=burial, act=act, once=one)
            assert answered is model.erase(fingerprint, digest, burial, act, one)
        case "exhume":
            there = model.burial(fingerprint) is not None
            assert await store.exhume(fingerprint, act=act) is there
            model.buried.pop(fingerprint, None)
            if there:
                model.finish(act, None)
        case "claim":
            one = one or ("x", now + 5)
            free = model.claimable(one)
            assert await store.claim(*one) is free
            if free:
                model.claims[one[0]] = one[1]
        case "verify":
            known = model.stored.get(fingerprint)
            address = f"{name}@a.org"
            assert await store.verify_address(fingerprint, address, now) is (known is not None)
            if known is not None:
                model.verified[fingerprint, address] = now
        case _:
            model.clock.now += 6


def with_key(key: str) -> Callable[[Entry], bool]:
    """Those with this key."""
    return lambda item: key in dict(item.keys)


def with_identity(identity: str) -> Callable[[Entry], bool]:
    """Those with this identity."""
    return lambda item: identity in item.identities


def with_words(words: tuple[str, ...]) -> Callable[[Entry], bool]:
    """Those with all of these words."""
    return lambda item: set(words) <= set(item.words)


async def compare(store: KeyStore, model: Model) -> None:
    """Everything that can be read."""
    assert await store.count() == len(model.stored)
    assert [record.fingerprint async for record in store.iterate()] == sorted(model.stored)
    buried = {item: found for item in map(fingerprint_of, NAMES) if (found := model.burial(item)) is not None}
    assert await store.tombstones([fingerprint_of(name) for name in NAMES]) == buried
    assert dict([item async for item in store.iterate_tombstones()]) == buried
    assert [replace(act, number=0) for act in await store.acts(limit=1000)] == model.acts
    changes = await store.changes(limit=1000)
    assert [(change.fingerprint, change.before, change.after) for change in changes] == model.changes
    for name in NAMES:
        primary = fingerprint_of(name)
        records = await store.fetch([primary])
        assert [record.md5 for record in records] == [
            item.md5 for item in model.stored.values() if item.fingerprint == primary
        ]
        verified = {email: when for (fingerprint, email), when in model.verified.items() if fingerprint == primary}
        assert await store.verified_addresses(primary) == verified
    shared = fingerprint_of("shared")
    for key in (shared, *(fingerprint_of(f"{name} {state}") for name in NAMES for state in STATES)):
        expected = model.matching(with_key(key))
        assert names(await store.fetch([key])) == expected
        assert names(await store.fetch_by_key_id(key[-16:], limit=9)) == expected
    for state in STATES:
        identity = f"{state}@a.org"
        expected = model.matching(with_identity(identity))
        assert names(await store.fetch_by_identity(identity, limit=9)) == expected
    for words in (WORDS[:1], WORDS[1:], WORDS):
        expected = model.matching(with_words(words))
        assert names(await store.search(Query("words", words), limit=9)) == expected


class ModelContract(OpensStores):
    """A class of tests. Each of the `examples` needs a store of its own."""

    examples = 30

    def test_any_sequence_of_operations_is_that_of_a_dict(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Every answer, and at the end everything that can be read."""

        @settings(max_examples=self.examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(steps(), min_size=5, max_size=25))
        def law(sequence: list[tuple[object, ...]]) -> None:
            asyncio.run(self._follow(tmp_path_factory.mktemp("model"), sequence))

        law()

    async def _follow(self, folder: Path, sequence: list[tuple[object, ...]]) -> None:
        clock = Clock()
        async with self.opened(folder, clock) as store:
            model = Model(clock)
            for step in sequence:
                await take(store, model, step)
            await compare(store, model)
