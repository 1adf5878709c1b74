"""The reader of the contract's text."""

from __future__ import annotations

import re

import pytest

from wasmpuck.runtime.contract import WitError, load_contract, read_wit, wit_folder
from wasmpuck.runtime.values import Enum, Flags, Function, List, Option, Primitive, Record, Result, Tuple, Variant
from wasmpuck.runtime.wit import read_package

U32, TEXT = Primitive("u32"), Primitive("string")


def read(body: str, **earlier: str) -> dict[str, Function]:
    """The functions of one interface."""
    texts = {**earlier, "it.wit": f"package a:b@1.0.0;\n/// A doc comment {{ : func.\ninterface it {{\n{body}\n}}\n"}
    return dict(read_wit(texts)["it"].functions)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("f: func();", Function((), None)),
        ("f: func() -> string;", Function((), TEXT)),
        ("f: func(a: u32, long-name: list<string>);", Function((("a", U32), ("long-name", List(TEXT))), None)),
        ("f: func(a: option<option<u32>>,);", Function((("a", Option(Option(U32))),), None)),
        ("f: func() -> tuple<u32, string, list<u8>>;", Function((), Tuple((U32, TEXT, List(Primitive("u8")))))),
        ("f: func() -> result;", Function((), Result(None, None))),
        ("f: func() -> result<u32>;", Function((), Result(U32, None))),
        ("f: func() -> result<_, string>;", Function((), Result(None, TEXT))),
        ("f: func() -> result<u32, string>;", Function((), Result(U32, TEXT))),
        ("record r { a: u32, %record: string } f: func() -> r;", Function((), Record((("a", U32), ("record", TEXT))))),
        ("variant v { a, b(string), } f: func() -> v;", Function((), Variant((("a", None), ("b", TEXT))))),
        ("enum e { a, b-c } f: func() -> e;", Function((), Enum(("a", "b-c")))),
        ("flags l { a, b } f: func() -> l;", Function((), Flags(("a", "b")))),
        ("type h = tuple<string, string>; f: func(a: list<h>);", Function((("a", List(Tuple((TEXT, TEXT)))),), None)),
        ("/* record r { */ f: func(); // g: func();", Function((), None)),
    ],
)
def test_each_form_is_read(text: str, function: Function) -> None:
    """Every part of the language that the contract uses means what it should."""
    assert read(text) == {"f": function}


def test_worlds_are_read_with_what_they_include() -> None:
    """A world has its own imports and exports and those of the worlds that it includes."""
    texts = {
        "worlds.wit": "package a:b@1.0.0; world base { import log; export lifecycle; } "
        "world more { include base; import wasmpuck:plugin/clock@0.1.0; export %record; }"
    }
    more = read_package(texts).worlds["more"]
    assert more.imports == {"log", "clock"}
    assert more.exports == {"lifecycle", "record"}


@pytest.mark.parametrize(
    ("world", "words"),
    [
        ("include base;", "worlds.wit: line 3: world base is included before it is known"),
        ("import f: func();", "a world imports, exports and includes by name"),
        ("import log", "the end of the text"),
    ],
)
def test_worlds_that_are_not_of_the_contract_s_kind_are_refused(world: str, words: str) -> None:
    """Functions at world level and unknown worlds are named, with the line."""
    with pytest.raises(WitError, match=re.escape(words)):
        read_package({"worlds.wit": f"package a:b@1.0.0;\n\nworld w {{ {world} }}"})


def test_files_of_two_packages_are_not_one_contract() -> None:
    """A file that names another package is refused by its name."""
    with pytest.raises(WitError, match=r"b\.wit: it belongs to a:c@1\.0\.0"):
        read_package({"a.wit": "package a:b@1.0.0;", "b.wit": "package a:c@1.0.0;"})


def test_an_interface_may_use_another_s_types() -> None:
    """A name taken with `use` is the type that the other interface defines."""
    other = "package a:b@1.0.0; interface other { enum e { x, y } }"
    assert read("use other.{e}; f: func() -> e;", other=other) == {"f": Function((), Enum(("x", "y")))}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("f: func() -> unknown;", "unknown is not a type that is known here"),
        ("use nowhere.{e};", "interface nowhere is used before it is known"),
        ("f: func()", "; is needed, not }"),
        ("f func();", ": is needed, not func"),
        ("record r { a u32 }", ": is needed, not u32"),
        ("f: func(a: u32", "the end of the text"),
        ("f: func(a: $);", "is not WIT"),
    ],
)
def test_mistakes_name_the_file(text: str, words: str) -> None:
    """What cannot be read is refused with the file's name and the place in words."""
    with pytest.raises(WitError, match=re.escape(words)) as caught:
        read(text)
    assert str(caught.value).startswith("it.wit: ")


def test_the_contract_is_read_whole() -> None:
    """Every interface and function in the folder is known, by count of their definitions."""
    text = "".join(re.sub(r"//[^\n]*", "", path.read_text()) for path in wit_folder().glob("*.wit"))
    contract = load_contract()
    assert set(contract) == set(re.findall(r"^interface ([a-z-]+)", text, re.MULTILINE))
    assert sum(len(found.functions) for found in contract.values()) == len(re.findall(r":\s*func\b", text))


def test_a_known_function_of_the_contract() -> None:
    """One signature by hand, as a check on all of the above."""
    failed = Variant(
        (
            ("quota-exceeded", None),
            ("too-large", None),
            ("rate-limited", None),
            ("wrong-type", None),
            ("other", TEXT),
        )
    )
    assert load_contract()["storage"].functions["compare-and-swap"] == Function(
        (("key", TEXT), ("expected", Option(TEXT)), ("value", TEXT), ("ttl", Option(U32))),
        Variant((("swapped", None), ("changed", None), ("failed", failed))),
    )
