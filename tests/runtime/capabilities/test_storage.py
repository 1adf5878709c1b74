"""`storage`: one plugin's namespace, against a model, its quotas, and the database behind it."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runtime.capabilities.stand import Surroundings
from runtime.guests import run
from wasmpuck.runtime.capabilities import Namespaces
from wasmpuck.runtime.capabilities.storage import Storage
from wasmpuck.runtime.values import Case, Err, Ok
from wasmpuck.storage import SQLitePluginStore
from wasmpuck.storage.protocol import PluginChange, PluginEntry

MISSING, CHANGED, SWAPPED = Case("missing"), Case("changed"), Case("swapped")
QUOTA, LARGE, RATE, TYPE = (Case(tag) for tag in ("quota-exceeded", "too-large", "rate-limited", "wrong-type"))
BYTES, KEYS = 2_000, 6
OVERHEAD = 64

_keys = st.sampled_from(["a", "ab", "abc", "b", "é", "ba", "\U0001f600", "z" * 256])
_texts = st.sampled_from(["", "x", "12", "é" * 50, "y" * 400, "z" * 1_700])
_lives = st.none() | st.sampled_from([0, 1, 1_000, 60_000])


def same(one: Any, other: Any) -> bool:
    """Equality that tells `Ok` from `Err`."""
    return type(one) is type(other) and one == other


class StorageModel(RuleBasedStateMachine):
    """A dict, a clock and the contract's sentences against the real thing, which is restarted now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.around = Surroundings()
        self.folder = tempfile.TemporaryDirectory()
        self.store = SQLitePluginStore(Path(self.folder.name) / "plugins.sqlite", clock=self.around.clock)
        self.runner.run(self.store.open())
        #: Key to (kind, value, end of life).
        self.model: dict[str, tuple[str, Any, float | None]] = {}
        self.open()

    def open(self) -> None:
        self.namespaces = Namespaces(self.store, wall=self.around.clock)
        self.around.namespace = self.runner.run(self.namespaces.open("probe"))
        self.storage = Storage(self.around.context(storage_bytes=BYTES, storage_keys=KEYS, storage_writes=10**6))

    def teardown(self) -> None:
        self.runner.run(self.namespaces.close())
        self.runner.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    # --- the model -------------------------------------------------------------------------------

    def bury(self) -> None:
        self.model = {key: entry for key, entry in self.model.items() if entry[2] is None or entry[2] > self.around.now}

    @staticmethod
    def text(kind: str, value: Any) -> str:
        return str(int(value)) if kind == "count" else str(value)

    def size(self, key: str) -> int:
        kind, value, _ = self.model[key]
        return OVERHEAD + len(key.encode()) + len(value if kind == "bytes" else self.text(kind, value).encode())

    def write(self, key: str, kind: str, value: Any, end: float | None) -> Case | None:
        before = dict(self.model)
        self.model[key] = (kind, value, end)
        grown = self.size(key) - (self.old_size(before, key))
        too_full = sum(map(self.size, self.model)) > BYTES and grown > 0
        if too_full or (key not in before and len(before) >= KEYS):
            self.model = before
            return QUOTA
        return None

    def old_size(self, before: dict[str, Any], key: str) -> int:
        now, self.model = self.model, before
        try:
            return self.size(key) if key in before else 0
        finally:
            self.model = now

    def end(self, life: int | None) -> float | None:
        return None if life is None else self.around.now + life / 1000

    # --- what a guest can do ---------------------------------------------------------------------

    @rule(key=_keys, value=_texts, life=_lives)
    def set(self, key: str, value: str, life: int | None) -> None:
        self.bury()
        error = self.write(key, "text", value, self.end(life))
        assert same(self.storage.set(key, value, life), Ok() if error is None else Err(error))

    @rule(key=_keys, value=st.binary(max_size=600), life=_lives)
    def set_bytes(self, key: str, value: bytes, life: int | None) -> None:
        self.bury()
        error = self.write(key, "bytes", value, self.end(life))
        assert same(self.storage.set_bytes(key, value, life), Ok() if error is None else Err(error))

    @rule(key=_keys, delta=st.integers(-(2**53), 2**53) | st.integers(-9, 9), life=_lives)
    def increment(self, key: str, delta: int, life: int | None) -> None:
        self.bury()
        kind, value, end = self.model.get(key, ("count", 0, self.end(life)))
        answer = self.storage.increment(key, float(delta), life)
        if kind != "count":
            assert same(answer, Err(TYPE))
        elif abs(value + delta) > 2**53:
            assert same(answer, Err(Case("other", "the count would leave the range of exact numbers")))
        else:
            error = self.write(key, "count", value + delta, end)
            assert same(answer, Ok(float(value + delta)) if error is None else Err(error))

    @rule(key=_keys, expected=st.none() | _texts, value=_texts, life=_lives)
    def compare_and_swap(self, key: str, expected: str | None, value: str, life: int | None) -> None:
        self.bury()
        answer = self.storage.compare_and_swap(key, expected, value, life)
        kind, old, _ = self.model.get(key, ("", None, None))
        if kind == "bytes":
            assert same(answer, Case("failed", TYPE))
        elif (None if not kind else self.text(kind, old)) != expected:
            assert same(answer, CHANGED)
        else:
            error = self.write(key, "text", value, self.end(life))
            assert same(answer, SWAPPED if error is None else Case("failed", error))

    @rule(key=_keys)
    def delete(self, key: str) -> None:
        self.bury()
        self.model.pop(key, None)
        assert same(self.storage.delete(key), Ok())

    @rule(key=_keys)
    def get(self, key: str) -> None:
        self.bury()
        kind, value, _ = self.model.get(key, ("", None, None))
        expected = (
            Case("failed", TYPE) if kind == "bytes" else Case("found", self.text(kind, value)) if kind else MISSING
        )
        assert same(self.storage.get(key), expected)

    @rule(key=_keys)
    def get_bytes(self, key: str) -> None:
        self.bury()
        kind, value, _ = self.model.get(key, ("", None, None))
        data = value if kind == "bytes" else self.text(kind, value).encode()
        assert same(self.storage.get_bytes(key), Case("found", data) if kind else MISSING)

    @rule(prefix=st.sampled_from(["", "a", "ab", "b", "zz"]), limit=st.integers(0, 4))
    def list_keys(self, prefix: str, limit: int) -> None:
        self.bury()
        found, cursor, pages = [], "", 0
        while True:
            page = self.storage.list_keys(prefix, cursor, limit)
            assert len(page.keys) <= max(limit, 1)
            found += page.keys
            cursor = page.cursor
            pages += 1
            if not cursor:
                break
        assert found == sorted(key for key in self.model if key.startswith(prefix))
        assert pages <= len(found) + 1

    # --- what happens to it ----------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.0005, 0.001, 1.0, 59.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.around.now += seconds

    @rule()
    def written_behind(self) -> None:
        self.runner.run(self.namespaces.flush())
        assert not self.around.namespace.changed

    @precondition(lambda self: self.model)
    @rule()
    def restarted(self) -> None:
        self.runner.run(self.namespaces.close())
        self.open()

    @invariant()
    def the_count_of_bytes_is_right(self) -> None:
        space = self.around.namespace
        assert space.used == sum(entry.size for entry in space.entries.values())
        assert space.used <= BYTES
        assert len(space.entries) <= KEYS
        self.bury()
        space.expire()
        assert space.used == sum(map(self.size, self.model))


StorageModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_storage_is_the_model = StorageModel.TestCase


def opened(**limits: Any) -> tuple[Storage, Surroundings]:
    around = Surroundings()
    return Storage(around.context(**limits)), around


@pytest.mark.parametrize("key", ["", "x" * 257, "é" * 129])
def test_keys_are_bounded(key: str) -> None:
    """A key is 1 to 256 bytes of text, whatever writes it."""
    storage, around = opened()
    assert same(storage.set(key, "v", None), Err(LARGE))
    assert same(storage.set_bytes(key, b"v", None), Err(LARGE))
    assert same(storage.increment(key, 1.0, None), Err(LARGE))
    assert same(storage.compare_and_swap(key, None, "v", None), Case("failed", LARGE))
    assert same(storage.get(key), MISSING)
    assert not around.namespace.entries


@pytest.mark.parametrize("key", ["k", "k" * 256])
def test_values_are_bounded(key: str) -> None:
    """A value is at most 65,536 bytes, however long its key is."""
    storage, _ = opened()
    assert same(storage.set(key, "é" * 32_768, None), Ok())
    assert same(storage.set(key, "é" * 32_768 + "x", None), Err(LARGE))
    assert same(storage.set_bytes(key, bytes(65_536), None), Ok())
    assert same(storage.set_bytes(key, bytes(65_537), None), Err(LARGE))


def test_writes_are_rationed() -> None:
    """More writes than the rate allows are refused, whichever they are; what changes nothing is not."""
    storage, around = opened(storage_writes=1)
    for number in range(10):
        assert same(storage.set("k", str(number), None), Ok())
    assert same(storage.set("k", "v", None), Err(RATE))
    assert same(storage.set_bytes("k", b"v", None), Err(RATE))
    assert same(storage.increment("n", 1.0, None), Err(RATE))
    assert same(storage.delete("k"), Err(RATE))
    assert same(storage.compare_and_swap("k", "9", "v", None), Case("failed", RATE))
    assert same(storage.compare_and_swap("k", "other", "v", None), CHANGED)
    assert same(storage.get("k"), Case("found", "9"))
    around.now += 1
    assert same(storage.delete("k"), Ok())
    assert same(storage.delete("k"), Err(RATE))


@pytest.mark.parametrize("delta", [0.5, math.nan, math.inf, -math.inf])
def test_counts_are_whole_numbers(delta: float) -> None:
    """A fraction, infinity and what is no number change no count."""
    storage, _ = opened()
    storage.increment("n", 3.0, None)
    answer = storage.increment("n", delta, None)
    assert type(answer) is Err
    assert answer.value.tag == "other"
    assert same(storage.get("n"), Case("found", "3"))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_counts_end_where_numbers_are_exact(sign: float) -> None:
    """A count reaches 2^53 and does not silently stay there."""
    storage, _ = opened()
    assert same(storage.increment("n", sign * (2**53 - 1), None), Ok(sign * (2**53 - 1)))
    assert same(storage.increment("n", sign, None), Ok(sign * 2**53))
    refused = Err(Case("other", "the count would leave the range of exact numbers"))
    assert same(storage.increment("n", sign, None), refused)
    assert same(storage.increment("other", sign * 2**60, None), refused)
    assert same(storage.increment("n", -sign, None), Ok(sign * (2**53 - 1)))


def test_an_increment_keeps_the_life_of_the_entry() -> None:
    """A count's life begins when it is created; later increments do not prolong it."""
    storage, around = opened()
    storage.increment("n", 1.0, 1_000)
    around.now += 0.9
    storage.increment("n", 1.0, 60_000)
    around.now += 0.2
    assert same(storage.increment("n", 1.0, None), Ok(1.0))


def test_a_full_namespace_makes_room_by_expiry() -> None:
    """What has expired does not count against the quota, though nobody has asked for it."""
    storage, around = opened(storage_bytes=1_000, storage_keys=2)
    storage.set("a", "x" * 700, 1_000)
    assert same(storage.set("b", "x" * 300, None), Err(QUOTA))
    around.now += 1
    assert same(storage.set("b", "x" * 300, None), Ok())
    assert same(storage.set("c", "", 1_000), Ok())
    assert same(storage.set("d", "", None), Err(QUOTA))
    around.now += 1
    assert same(storage.set("d", "", None), Ok())


def test_a_page_has_at_most_a_thousand_keys() -> None:
    """However many are asked for."""
    storage, _ = opened(storage_writes=10**6)
    for number in range(1_001):
        storage.set(f"{number:04}", "", None)
    page = storage.list_keys("", "", 2**32 - 1)
    assert (len(page.keys), page.cursor) == (1_000, "1000")


@pytest.mark.parametrize("count", [5, 500])
def test_pages_stay_in_order_when_much_expires(count: int) -> None:
    """Keys that go one by one, or many at once, leave the others in order."""
    storage, around = opened()
    for number in range(count):
        storage.set(f"{number:04}", "", 1_000 if number % 3 else None)
    assert len(storage.list_keys("", "", 1_000).keys) == count
    storage.delete("0000")
    around.now += 1
    assert storage.list_keys("", "", 1_000).keys == [f"{number:04}" for number in range(3, count, 3)]


class FailingStore:
    """A database that cannot be written at first."""

    def __init__(self, inner: SQLitePluginStore) -> None:
        self._inner = inner
        self.broken = True

    async def load(self, plugin: str) -> list[PluginEntry]:
        return await self._inner.load(plugin)

    async def write(self, plugin: str, changes: Iterable[PluginChange]) -> None:
        if self.broken:
            raise OSError("disk full")
        await self._inner.write(plugin, changes)


def test_what_cannot_be_written_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A failed write is logged and done again; nothing is lost, and what was removed meanwhile stays removed."""

    async def main() -> None:
        around = Surroundings()
        inner = SQLitePluginStore(tmp_path / "plugins.sqlite")
        await inner.open()
        failing = FailingStore(inner)
        namespaces = Namespaces(failing, wall=around.clock)  # type: ignore[arg-type]  # the part that is used
        around.namespace = await namespaces.open("probe")
        storage = Storage(around.context())
        storage.set("a", "1", None)
        storage.set("b", "2", None)
        await namespaces.flush()
        assert "the storage of plugin probe cannot be written: disk full" in caplog.text
        storage.delete("b")
        failing.broken = False
        await namespaces.flush()
        assert [(entry.key, entry.value) for entry in await inner.load("probe")] == [("a", b"1")]
        await inner.close()

    run(main())


def test_changes_are_written_behind(tmp_path: Path) -> None:
    """A running server writes changes without being asked, and what is left when it stops."""

    async def main() -> None:
        around = Surroundings()
        store = SQLitePluginStore(tmp_path / "plugins.sqlite", clock=around.clock)
        await store.open()
        namespaces = Namespaces(store, interval=0.01, wall=around.clock)
        namespaces.start()
        around.namespace = await namespaces.open("probe")
        storage = Storage(around.context())
        storage.set("a", "1", None)
        while not await store.load("probe"):  # noqa: ASYNC110 - the database sets no event
            await asyncio.sleep(0.005)
        storage.set("b", "2", 5_000)
        await namespaces.close()
        assert [entry.key for entry in await store.load("probe")] == ["a", "b"]
        around.now += 5
        assert [entry.key for entry in await store.load("probe")] == ["a"]
        await store.close()

    run(main())


def test_plugins_do_not_see_each_other(tmp_path: Path) -> None:
    """Each plugin has a namespace of its own, one for all its generations."""

    async def main() -> None:
        store = SQLitePluginStore(tmp_path / "plugins.sqlite")
        await store.open()
        around = Surroundings()
        namespaces = Namespaces(store, wall=around.clock)
        one, other = await asyncio.gather(namespaces.open("one"), namespaces.open("other"))
        assert one is await namespaces.open("one")
        around.namespace = one
        Storage(around.context()).set("k", "v", None)
        around.namespace = other
        assert same(Storage(around.context()).get("k"), MISSING)
        await namespaces.close()
        await store.close()

    run(main())


def test_renewed_entries_leave_no_times_behind() -> None:
    """An entry that is written again and again with a new life keeps a bounded number of times of expiry."""
    storage, around = opened()
    for number in range(1_000):
        assert storage.set("window", str(number), 60_000 + number) == Ok()
    assert around.namespace.pending_expiries <= 2 * 1 + 65
    assert storage.get("window") == Case("found", "999")
