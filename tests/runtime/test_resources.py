"""Resources: guests hold handles, the host keeps the objects, and nobody gets at what is not his."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.guests import BUDGET, LIMITS, Guest, QuickCompiler, engine, refusal, run, until
from wasmpuck.errors import ArtifactRefused, CallFailed, CallReason, Refusal
from wasmpuck.runtime import compile as compile_module
from wasmpuck.runtime.arena import Room
from wasmpuck.runtime.compile import CompiledPlugin
from wasmpuck.runtime.contract import WitError, load_contract, read_wit
from wasmpuck.runtime.host import CALL_FUEL
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.linker import PluginLinker
from wasmpuck.runtime.marshal import BadValue
from wasmpuck.runtime.values import Borrow, Function, List, Own, Primitive, Resource
from wasmpuck.trust import VerifiedArtifact

WIT = """
interface shelf {
  /// A book of the host.
  resource book {
    constructor(pages: u32);
    pages: func() -> u32;
    slowly: func() -> u32;
    bind: static func(first: book, second: book) -> book;
  }
  resource pen { constructor(); }
  give: func(book: book);
  give-slowly: func(book: book);
  find: func(pages: option<u32>) -> option<book>;
  many: func(count: u32) -> list<book>;
}
interface reader {
  use shelf.{book};
  make: func(pages: u32) -> u32;
  pen: func() -> u32;
  pages: func(handle: u32) -> u32;
  slowly: func(handle: u32) -> u32;
  bind: func(first: u32, second: u32) -> u32;
  drop: func(handle: u32);
  drop-pen: func(handle: u32);
  give: func(handle: u32);
  give-slowly: func(handle: u32);
  find: func(pages: u32) -> u32;
  many: func(count: u32) -> u32;
  churn: func(times: u32);
  hoard: func();
  lend: func(book: borrow<book>) -> u32;
  keep: func(book: borrow<book>) -> u32;
  lend-all: func(books: list<borrow<book>>) -> u32;
  back: func(book: book) -> book;
  trap: func(book: book);
}
"""

#: A reader that takes and returns handles as plain numbers: the test decides what is done with them.
TEXT = """(component
  (import "wasmpuck:plugin/shelf@0.1.0" (instance $shelf
    (export "book" (type $book (sub resource)))
    (export "pen" (type $pen (sub resource)))
    (export "[constructor]book" (func (param "pages" u32) (result (own $book))))
    (export "[method]book.pages" (func (param "self" (borrow $book)) (result u32)))
    (export "[method]book.slowly" (func (param "self" (borrow $book)) (result u32)))
    (export "[static]book.bind" (func (param "first" (own $book)) (param "second" (own $book)) (result (own $book))))
    (export "[constructor]pen" (func (result (own $pen))))
    (export "give" (func (param "book" (own $book))))
    (export "give-slowly" (func (param "book" (own $book))))
    (export "find" (func (param "pages" (option u32)) (result (option (own $book)))))
    (export "many" (func (param "count" u32) (result (list (own $book)))))))
  (alias export $shelf "book" (type $book))
  (alias export $shelf "pen" (type $pen))
  (core module $libc
    (memory (export "memory") 8)
    (global $heap (mut i32) (i32.const 4096))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
      (global.set $heap (i32.add (local.get 4) (local.get 3)))
      (local.get 4)))
  (core instance $libc (instantiate $libc))
  (core func $book (canon lower (func $shelf "[constructor]book")))
  (core func $pen (canon lower (func $shelf "[constructor]pen")))
  (core func $pages (canon lower (func $shelf "[method]book.pages")))
  (core func $slowly (canon lower (func $shelf "[method]book.slowly")))
  (core func $bind (canon lower (func $shelf "[static]book.bind")))
  (core func $give (canon lower (func $shelf "give")))
  (core func $give-slowly (canon lower (func $shelf "give-slowly")))
  (core func $find (canon lower (func $shelf "find") (memory (core memory $libc "memory"))))
  (core func $many (canon lower (func $shelf "many")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $drop (canon resource.drop $book))
  (core func $drop-pen (canon resource.drop $pen))
  (core module $main
    (import "libc" "memory" (memory 8))
    (import "h" "book" (func $book (param i32) (result i32)))
    (import "h" "pen" (func $pen (result i32)))
    (import "h" "pages" (func $pages (param i32) (result i32)))
    (import "h" "slowly" (func $slowly (param i32) (result i32)))
    (import "h" "bind" (func $bind (param i32 i32) (result i32)))
    (import "h" "give" (func $give (param i32)))
    (import "h" "give-slowly" (func $give-slowly (param i32)))
    (import "h" "find" (func $find (param i32 i32 i32)))
    (import "h" "many" (func $many (param i32 i32)))
    (import "h" "drop" (func $drop (param i32)))
    (import "h" "drop-pen" (func $drop-pen (param i32)))
    (func (export "make") (param i32) (result i32) (call $book (local.get 0)))
    (func (export "pen") (result i32) (call $pen))
    (func (export "pages") (param i32) (result i32) (call $pages (local.get 0)))
    (func (export "slowly") (param i32) (result i32) (call $slowly (local.get 0)))
    (func (export "bind") (param i32 i32) (result i32) (call $bind (local.get 0) (local.get 1)))
    (func (export "give") (param i32) (call $give (local.get 0)))
    (func (export "give-slowly") (param i32) (call $give-slowly (local.get 0)))
    (func (export "drop") (param i32) (call $drop (local.get 0)))
    (func (export "drop-pen") (param i32) (call $drop-pen (local.get 0)))
    (func (export "find") (param i32) (result i32)
      (call $find (i32.ne (local.get 0) (i32.const 0)) (local.get 0) (i32.const 64))
      (if (result i32) (i32.load8_u (i32.const 64)) (then (i32.load (i32.const 68))) (else (i32.const 0))))
    (func (export "many") (param i32) (result i32)
      (call $many (local.get 0) (i32.const 64))
      (i32.load (i32.const 68)))
    (func (export "churn") (param i32)
      (loop $again
        (call $drop (call $book (i32.const 1)))
        (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "hoard") (loop $again (drop (call $book (i32.const 1))) (br $again)))
    (func (export "lend") (param i32) (result i32)
      (call $pages (local.get 0))
      (call $drop (local.get 0)))
    (func (export "keep") (param i32) (result i32) (call $pages (local.get 0)))
    (func (export "lend-all") (param i32 i32) (result i32) (local i32)
      (block $none (br_if $none (i32.eqz (local.get 1)))
        (loop $next
          (local.set 2 (i32.add (local.get 2) (call $pages (i32.load (local.get 0)))))
          (call $drop (i32.load (local.get 0)))
          (local.set 0 (i32.add (local.get 0) (i32.const 4)))
          (br_if $next (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
      (local.get 2))
    (func (export "back") (param i32) (result i32) (local.get 0))
    (func (export "trap") (param i32) unreachable))
  (core instance $main (instantiate $main (with "libc" (instance $libc)) (with "h" (instance
    (export "book" (func $book)) (export "pen" (func $pen)) (export "pages" (func $pages))
    (export "slowly" (func $slowly)) (export "bind" (func $bind)) (export "give" (func $give))
    (export "give-slowly" (func $give-slowly)) (export "find" (func $find)) (export "many" (func $many))
    (export "drop" (func $drop)) (export "drop-pen" (func $drop-pen))))))
  (type $number (func (param "handle" u32) (result u32)))
  (type $none (func (param "handle" u32)))
  (func $make (param "pages" u32) (result u32) (canon lift (core func $main "make")))
  (func $new-pen (result u32) (canon lift (core func $main "pen")))
  (func $get-pages (type $number) (canon lift (core func $main "pages")))
  (func $get-slowly (type $number) (canon lift (core func $main "slowly")))
  (func $do-bind (param "first" u32) (param "second" u32) (result u32) (canon lift (core func $main "bind")))
  (func $do-drop (type $none) (canon lift (core func $main "drop")))
  (func $do-drop-pen (type $none) (canon lift (core func $main "drop-pen")))
  (func $do-give (type $none) (canon lift (core func $main "give")))
  (func $do-give-slowly (type $none) (canon lift (core func $main "give-slowly")))
  (func $do-find (param "pages" u32) (result u32) (canon lift (core func $main "find")))
  (func $do-many (param "count" u32) (result u32) (canon lift (core func $main "many")))
  (func $churn (param "times" u32) (canon lift (core func $main "churn")))
  (func $hoard (canon lift (core func $main "hoard")))
  (func $lend (param "book" (borrow $book)) (result u32) (canon lift (core func $main "lend")))
  (func $keep (param "book" (borrow $book)) (result u32) (canon lift (core func $main "keep")))
  (func $lend-all (param "books" (list (borrow $book))) (result u32) (canon lift (core func $main "lend-all")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (func $back (param "book" (own $book)) (result (own $book)) (canon lift (core func $main "back")))
  (func $trap (param "book" (own $book)) (canon lift (core func $main "trap")))
  (instance $reader
    (export "book" (type $book))
    (export "make" (func $make)) (export "pen" (func $new-pen)) (export "pages" (func $get-pages))
    (export "slowly" (func $get-slowly)) (export "bind" (func $do-bind)) (export "drop" (func $do-drop))
    (export "drop-pen" (func $do-drop-pen)) (export "give" (func $do-give))
    (export "give-slowly" (func $do-give-slowly)) (export "find" (func $do-find)) (export "many" (func $do-many))
    (export "churn" (func $churn)) (export "hoard" (func $hoard)) (export "lend" (func $lend))
    (export "keep" (func $keep)) (export "lend-all" (func $lend-all)) (export "back" (func $back))
    (export "trap" (func $trap)))
  (export "wasmpuck:plugin/reader@0.1.0" (instance $reader)))"""


class Book:
    """The host's side of a book. `open` counts those that were made and not closed, `shut` names those that were."""

    open: ClassVar[int] = 0
    shut: ClassVar[list[int]] = []

    def __init__(self, pages: int) -> None:
        self.count = pages
        self.closed = False
        Book.open += 1

    def pages(self) -> int:
        assert not self.closed
        return self.count

    async def slowly(self) -> int:
        await asyncio.sleep(0)
        return self.pages()

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True
        Book.open -= 1
        Book.shut.append(self.count)
        if self.count == 13:
            raise OSError("page 13 is stuck")


class Pen:
    """A resource without anything to close."""


class Shelf:
    """The capability."""

    functions = frozenset({"give", "give-slowly", "find", "many"})
    resources: ClassVar[dict[str, type]] = {"book": Book, "pen": Pen}

    def __init__(self) -> None:
        self.given: list[Book] = []
        self.on_give: Callable[[], Any] = lambda: None

    def book_bind(self, first: Book, second: Book) -> Book:
        bound = Book(first.pages() + second.pages())
        first.close()
        second.close()
        return bound

    def give(self, book: Book) -> None:
        self.given.append(book)
        self.on_give()

    async def give_slowly(self, book: Book) -> None:
        self.given.append(book)
        await self.on_give()

    def find(self, pages: int | None) -> Book | None:
        return None if pages is None else Book(pages)

    def many(self, count: int) -> list[Book]:
        return [Book(number) for number in range(count)]


class Reader:
    """An instance of the guest, called by name. An async context manager that checks that every book was closed."""

    def __init__(self, limits: StoreLimits = LIMITS, shelf: Shelf | None = None) -> None:
        self.limits = limits
        self.shelf = shelf or Shelf()

    async def __aenter__(self) -> Reader:
        Book.open = 0
        self.compiled = await compiled()
        self.linker = PluginLinker(self.compiled, {"shelf": self.shelf})
        self.instance = Instance(engine(), self.limits, len(self.compiled.exports))
        await self.instance.instantiate(self.linker.address, self.compiled.address, CallBudget())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.instance.close()
        self.linker.close()
        self.compiled.close()

    async def call(self, name: str, *arguments: Any, budget: CallBudget = BUDGET) -> Any:
        return await self.instance.call(self.compiled.exports[f"reader.{name}"], arguments, budget)

    async def refused(self, reason: CallReason, name: str, *arguments: Any) -> CallFailed:
        return await refusal(self.call(name, *arguments), reason)

    @property
    def held(self) -> int:
        """Resources in the instance's table."""
        return len(self.instance.handles or ())


def artifact(text: str) -> VerifiedArtifact:
    whole = Guest().verified()
    return VerifiedArtifact(
        whole.name, whole.version, whole.manifest, whole.signers, whole.digest, bytes(wasmtime.wat2wasm(text))
    )


async def compiled(text: str = TEXT) -> CompiledPlugin:
    return await QuickCompiler(engine()).compile(artifact(text))


@pytest.fixture(autouse=True)
def _contract(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = load_contract() | read_wit({"shelf.wit": WIT})
    monkeypatch.setattr(compile_module, "contract_of", lambda version: contract)


def session(main: Callable[[Reader], Coroutine[Any, Any, None]], limits: StoreLimits = LIMITS) -> Shelf:
    """Runs a session with a reader; afterwards no book may be open but those that the shelf was given."""
    shelf = Shelf()

    async def whole() -> None:
        async with Reader(limits, shelf) as reader:
            await main(reader)

    run(whole())
    assert Book.open == sum(not book.closed for book in shelf.given)
    return shelf


# --- the contract's text ----------------------------------------------------------------------------


def test_a_resource_is_read_with_its_functions() -> None:
    """Constructors, methods and statics get the names that components use, with the handles that they pass."""
    shelf = read_wit({"shelf.wit": WIT})["shelf"]
    book, number = Resource("shelf", "book"), Primitive("u32")
    assert shelf.types["book"] == Own(book)
    assert shelf.functions["[constructor]book"] == Function((("pages", number),), Own(book))
    assert shelf.functions["[method]book.pages"] == Function((("self", Borrow(book)),), number)
    assert shelf.functions["[static]book.bind"] == Function((("first", Own(book)), ("second", Own(book))), Own(book))
    assert shelf.functions["many"].result == List(Own(book))


def test_a_resource_is_the_same_where_it_is_used() -> None:
    """An interface that uses a resource of another names the other's resource."""
    reader = read_wit({"shelf.wit": WIT})["reader"]
    assert reader.functions["lend"].parameters == (("book", Borrow(Resource("shelf", "book"))),)


@pytest.mark.parametrize(
    "text",
    [
        "interface a { f: func(x: borrow<u8>); }",
        "interface a { resource r { m: u8; } }",
        "interface a { resource r { constructor() -> r; }",
        "interface a { f: func(x: r); resource r; }",
    ],
)
def test_what_is_not_a_resource_is_refused(text: str) -> None:
    """Text that misuses resources is not WIT."""
    with pytest.raises(WitError):
        read_wit({"a.wit": text})


# --- honest use -------------------------------------------------------------------------------------


def test_make_use_and_drop() -> None:
    """A guest makes a resource, calls its methods and drops it, which closes the object."""

    async def main(reader: Reader) -> None:
        book = await reader.call("make", 300)
        assert (await reader.call("pages", book), await reader.call("slowly", book)) == (300, 300)
        assert (Book.open, reader.held) == (1, 1)
        await reader.call("drop", book)
        assert (Book.open, reader.held) == (0, 0)

    session(main)


def test_static_functions_take_and_give() -> None:
    """A static function gets the objects that the guest gives away, and its result is the guest's."""

    async def main(reader: Reader) -> None:
        both = await reader.call("bind", await reader.call("make", 1), await reader.call("make", 2))
        assert await reader.call("pages", both) == 3
        assert (Book.open, reader.held) == (1, 1)

    session(main)


def test_resources_inside_other_values() -> None:
    """Options and lists of resources cross like other values."""

    async def main(reader: Reader) -> None:
        assert await reader.call("find", 0) == 0
        assert await reader.call("pages", await reader.call("find", 7)) == 7
        assert await reader.call("many", 500) == 500
        assert reader.held == 501

    session(main)


@pytest.mark.parametrize("way", ["give", "give-slowly"])
def test_what_a_guest_gives_away_is_the_hosts(way: str) -> None:
    """A resource that was given away is not closed with the instance."""

    async def main(reader: Reader) -> None:
        reader.shelf.on_give = asyncio.Event().set if way == "give" else lambda: asyncio.sleep(0)
        await reader.call(way, await reader.call("make", 5))
        assert reader.held == 0

    shelf = session(main)
    assert [book.closed for book in shelf.given] == [False]


def test_the_host_lends() -> None:
    """What the host lends for a call is its own again afterwards, unclosed."""
    book = Book(77)

    async def main(reader: Reader) -> None:
        Book.open = 0  # ours does not count
        for _ in range(3):
            assert await reader.call("lend", book) == 77
            assert await reader.call("lend-all", [book, book]) == 154
            assert reader.held == 0

    session(main)
    assert not book.closed


def test_the_host_gives_and_gets_back() -> None:
    """An owned resource passes to the guest and, as a result, back: the very same object."""
    book = Book(78)

    async def main(reader: Reader) -> None:
        Book.open = 0
        assert await reader.call("back", book) is book
        assert reader.held == 0

    session(main)
    assert not book.closed


def test_large_lists_of_handles_are_packed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that has to be packed again for want of room hands out each resource once."""
    monkeypatch.setattr(engine().arena, "slots", Room(1024, 1 << 20))

    async def main(reader: Reader) -> None:
        assert await reader.call("many", 900) == 900
        assert (reader.held, Book.open) == (900, 900)

    session(main)


# --- hostile use ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pages", "slowly", "drop", "give", "drop-pen"])
@pytest.mark.parametrize("handle", [0, 1, 77, 0xFFFF_FFFF, 0x8000_0000])
def test_forged_handles(name: str, handle: int) -> None:
    """A handle that the guest was never given ends its call as a bad value."""

    async def main(reader: Reader) -> None:
        failure = await reader.refused(CallReason.BAD_VALUE, name, handle)
        assert "handle" in failure.message
        assert not reader.instance.usable

    session(main)


def test_dropped_twice() -> None:
    """The second drop of a handle ends the call; the object is closed once."""

    async def main(reader: Reader) -> None:
        book = await reader.call("make", 1)
        await reader.call("drop", book)
        await reader.refused(CallReason.BAD_VALUE, "drop", book)

    session(main)


def test_used_after_it_was_given_away() -> None:
    """A handle that was given away means nothing any more."""

    async def main(reader: Reader) -> None:
        book = await reader.call("make", 1)
        await reader.call("give", book)
        await reader.refused(CallReason.BAD_VALUE, "pages", book)

    session(main)


def test_given_away_twice_in_one_call() -> None:
    """The same handle cannot be given as two parameters."""

    async def main(reader: Reader) -> None:
        book = await reader.call("make", 1)
        await reader.refused(CallReason.BAD_VALUE, "bind", book, book)

    session(main)


def test_another_resource() -> None:
    """A pen cannot be read."""

    async def main(reader: Reader) -> None:
        pen = await reader.call("pen")
        await reader.refused(CallReason.BAD_VALUE, "pages", pen)

    session(main)


def test_a_loan_that_is_kept() -> None:
    """A guest that keeps what it was lent ends its call; the host keeps the object."""
    book = Book(3)

    async def main(reader: Reader) -> None:
        Book.open = 0
        await reader.refused(CallReason.BAD_VALUE, "keep", book)

    session(main)
    assert not book.closed


def test_exhaustion() -> None:
    """A guest that collects resources is stopped at the limit, and everything is closed with its instance."""

    async def main(reader: Reader) -> None:
        failure = await reader.refused(CallReason.MEMORY, "hoard")
        assert "50 resources" in failure.message
        assert (Book.open, reader.held) == (50, 50)

    session(main, StoreLimits(handles=50))


def test_exhaustion_by_a_list() -> None:
    """A list with more resources than the guest may hold is not handed over, and none of it stays open."""

    async def main(reader: Reader) -> None:
        await reader.call("make", 1)
        await reader.refused(CallReason.MEMORY, "many", 12)
        assert (Book.open, reader.held) == (1, 1)

    session(main, StoreLimits(handles=9))


def test_churn_is_no_leak() -> None:
    """A guest may make and drop as many as its fuel allows, and each drop is charged."""

    async def main(reader: Reader) -> None:
        await reader.call("churn", 5_000)
        assert reader.held == 0
        assert reader.instance.fuel_used > 2 * 5_000 * CALL_FUEL

    session(main, StoreLimits(handles=10))


def test_a_leak_ends_with_the_instance() -> None:
    """What a guest never drops is closed when its instance is, the newest first."""

    async def main(reader: Reader) -> None:
        for pages in (1, 2, 3):
            await reader.call("make", pages)
        assert Book.open == 3
        Book.shut.clear()

    session(main)
    assert Book.shut == [3, 2, 1]


# --- failing hosts ----------------------------------------------------------------------------------


def test_a_destructor_that_raises() -> None:
    """An error while an object is closed ends the call that dropped it, and nothing else."""

    async def main(reader: Reader) -> None:
        failure = await reader.refused(CallReason.HOST_ERROR, "drop", await reader.call("make", 13))
        assert isinstance(failure.__cause__, OSError)

    session(main)


def test_a_close_that_raises_when_the_instance_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Objects that cannot be closed are logged once; the others are closed all the same."""

    async def main(reader: Reader) -> None:
        for pages in (1, 13, 13, 2):
            await reader.call("make", pages)

    with caplog.at_level(logging.ERROR):
        session(main)
    assert [record.message for record in caplog.records] == ["2 of a guest's resources could not be closed, the first:"]


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), ValueError("no")])
def test_a_host_function_that_raises_owns_what_it_was_given(error: BaseException) -> None:
    """An exception leaves neither through the C boundary nor the object behind."""

    async def main(reader: Reader) -> None:
        def fail() -> None:
            raise error

        reader.shelf.on_give = fail
        await reader.refused(CallReason.HOST_ERROR, "give", await reader.call("make", 1))

    session(main)


def test_a_budget_that_ends_before_the_host_takes_over() -> None:
    """What a guest gives away in a call that is refused before the host function runs is closed with the instance."""

    async def main(reader: Reader) -> None:
        book = await reader.call("make", 1)
        failure = await refusal(reader.call("give", book, budget=CallBudget(host_calls=0)), CallReason.FUEL)
        assert "host calls" in failure.message
        assert (Book.open, reader.shelf.given) == (1, [])

    session(main)


def test_cancelled_while_the_host_works() -> None:
    """A call that is cancelled while its host function waits leaves the object to that function."""

    async def main(reader: Reader) -> None:
        reader.shelf.on_give = asyncio.Event().wait
        call = asyncio.ensure_future(reader.call("give-slowly", await reader.call("make", 1)))
        await until(lambda: reader.shelf.given)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(0)

    session(main)


def test_a_trap_while_the_guest_owns() -> None:
    """What a guest was given before it trapped is closed with its instance."""
    book = Book(9)

    async def main(reader: Reader) -> None:
        Book.open = 1
        await reader.refused(CallReason.UNREACHABLE, "trap", book)

    session(main)
    assert book.closed


@pytest.mark.parametrize("arguments", [(None,), ()])
def test_no_resource(arguments: tuple[Any, ...]) -> None:
    """`None` is no resource: the call is refused before the guest is entered."""

    async def main(reader: Reader) -> None:
        with pytest.raises(BadValue):
            await reader.call("back", *arguments)
        assert reader.instance.usable

    session(main)


def test_a_list_that_ends_badly() -> None:
    """Loans that were made for a value that does not fit are taken back; the instance stays usable."""
    book = Book(4)

    async def main(reader: Reader) -> None:
        Book.open = 0
        with pytest.raises(BadValue):
            await reader.call("lend-all", [book, None])
        assert reader.held == 0
        assert await reader.call("lend", book) == 4

    session(main)
    assert not book.closed


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["make", "pages", "slowly", "drop", "give", "find", "many"]), st.integers(0, 6)),
        max_size=30,
    )
)
def test_any_sequence_ends_with_everything_closed(steps: list[tuple[str, int]]) -> None:
    """Whatever a guest does with handles, right or wrong, each object is closed once or was given away."""

    async def main(reader: Reader) -> None:
        reasons = set()
        for name, number in steps:
            try:
                await reader.call(name, number)
            except CallFailed as failure:
                reasons.add(failure.reason)
                break
        assert reasons <= {CallReason.BAD_VALUE, CallReason.MEMORY}

    contract = load_contract() | read_wit({"shelf.wit": WIT})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compile_module, "contract_of", lambda version: contract)
        session(main, StoreLimits(handles=8))


# --- what is refused at load --------------------------------------------------------------------------


def test_a_resource_that_the_contract_does_not_have() -> None:
    """A component that imports an unknown resource is refused."""
    text = """(component (import "wasmpuck:plugin/shelf@0.1.0" (instance (export "map" (type (sub resource))))))"""
    with pytest.raises(ArtifactRefused) as caught:
        run(compiled(text))
    assert (caught.value.reason, "shelf.map" in caught.value.message) == (Refusal.IMPORTS_DIFFER, True)


def test_a_resource_of_the_guests_own() -> None:
    """A component that puts a resource of its own into the contract's functions is refused."""
    text = """(component
      (type $mine (resource (rep i32)))
      (core module $m (func (export "f") (param i32)))
      (core instance $i (instantiate $m))
      (func $f (param "book" (own $mine)) (canon lift (core func $i "f")))
      (instance $reader (export "book" (type $mine)) (export "trap" (func $f)))
      (export "wasmpuck:plugin/reader@0.1.0" (instance $reader)))"""
    with pytest.raises(ArtifactRefused) as caught:
        run(compiled(text))
    assert caught.value.reason is Refusal.IMPORTS_DIFFER


def test_a_capability_that_lacks_a_function() -> None:
    """A method that the capability's class does not have is refused when the plugin is linked."""

    class Bare(Shelf):
        resources: ClassVar[dict[str, type]] = {"book": Pen, "pen": Pen}

    async def main() -> None:
        plugin = await compiled()
        try:
            with pytest.raises(ArtifactRefused) as caught:
                PluginLinker(plugin, {"shelf": Bare()})
            assert caught.value.reason is Refusal.IMPORTS_DIFFER
        finally:
            plugin.close()

    run(main())
