"""Component values as JSON and back."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.wit_strategies import same, types_with_values
from wasmpuck.kit.types import signature, type_text
from wasmpuck.kit.values import BadJSON, arguments_from_json, from_json, to_json
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case, Enum, Flags, List, Option, Own, Primitive, Record, Resource, Result, Variant

REQUEST = load_contract()["middleware"].functions["on-request"]
ASK = {
    "client": "192.0.2.1",
    "operation": "get",
    "method": "GET",
    "path": "/pks/lookup",
    "query": [],
    "headers": [["user-agent", "gpg"]],
}


@given(types_with_values())
def test_every_value_comes_back_from_its_json_text(pair: tuple[Any, list[Any]]) -> None:
    """What is written as JSON text and read again is the same value, whatever its type."""
    kind, values = pair
    for value in values:
        text = json.dumps(to_json(kind, value), allow_nan=False)
        assert same(kind, from_json(kind, json.loads(text)), value)


@given(types_with_values(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_other_json_is_refused_or_fits(pair: tuple[Any, list[Any]], other: Any) -> None:
    """JSON that does not fit a type raises `BadJSON` and nothing else; what fits can be written again."""
    kind, _ = pair
    with contextlib.suppress(BadJSON):
        value = from_json(kind, other)
        assert same(kind, from_json(kind, to_json(kind, value)), value)


def test_a_request_is_an_object_with_the_names_of_wit() -> None:
    """Records are objects, tuples arrays, and an option that is left out is none."""
    (request,) = arguments_from_json(REQUEST, [ASK])
    assert request.headers == [("user-agent", "gpg")]
    assert request.body is None
    assert to_json(REQUEST.parameters[0][1], request) == {**ASK, "body": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"headers": [["a", "b"], ["c", 7]]}, "request.headers[1][1]: a text is needed, not 7"),
        ({"headers": [["a"]]}, 'request.headers[0]: an array of 2 is needed, not ["a"]'),
        ({"query": "x"}, 'request.query: an array is needed, not "x"'),
        ({"verb": 1}, "request.verb: one of client, operation, method"),
        ({"body": "\ud800"}, "request.body: a text is needed"),
    ],
)
def test_errors_name_the_place(change: dict[str, Any], message: str) -> None:
    """An error says where, what is needed and what was given."""
    with pytest.raises(BadJSON) as caught:
        arguments_from_json(REQUEST, [{**ASK, **change}])
    assert caught.value.message.startswith(message)


def test_a_missing_field_is_named_with_its_type() -> None:
    """A record that lacks a field that is no option is refused."""
    with pytest.raises(BadJSON, match=r"^request: an object with client \(string\) is needed"):
        arguments_from_json(REQUEST, [{}])


def test_the_number_of_arguments_is_checked() -> None:
    """Too few arguments are answered with the function's type."""
    with pytest.raises(BadJSON, match=r"on-request: one argument, func\(request: record"):
        arguments_from_json(REQUEST, [], "on-request")


@pytest.mark.parametrize(
    ("kind", "bad", "words"),
    [
        (Primitive("u8"), 256, "a whole number from 0 to 255"),
        (Primitive("u8"), True, "a whole number"),
        (Primitive("f32"), 10**400, "a number"),
        (Primitive("f32"), 1e300, "a number"),
        (Primitive("char"), "ab", "a text of one character"),
        (List(Primitive("u8")), {"base64": "!"}, '{"base64": "…"}'),
        (Variant((("a", None), ("b", Primitive("u8")))), "b", '"a" or {"b": …}'),
        (Variant((("a", None),)), {"a": None}, '"a"'),
        (Enum(("x", "y")), "z", '"x" or "y"'),
        (Flags(("x", "y")), ["x", "z"], "an array of some of x, y"),
        (Option(Option(Primitive("u8"))), 3, 'null or {"some": …}'),
        (Result(None, None), {"ok": None, "err": None}, '{"ok": …} or {"err": …}'),
        (Record((("a", Primitive("u8")),)), [], "an object with a"),
        (Own(Resource("http-client", "response")), {"resource": 1}, "no value: a response exists only while"),
    ],
)
def test_what_is_needed_is_said_in_words(kind: Any, bad: Any, words: str) -> None:
    """Each type has a sentence for what does not fit it."""
    with pytest.raises(BadJSON) as caught:
        from_json(kind, bad)
    assert caught.value.expected.startswith(words)


def test_resources_are_numbers_that_the_caller_gives() -> None:
    """A resource is written as its number and found by it."""
    kind = Option(Own(Resource("http-client", "response")))
    thing = object()
    assert to_json(kind, thing, lambda resource, value: 3 if value is thing else 0) == {"resource": 3}
    assert from_json(kind, {"resource": 3}, resource=lambda resource, number: (resource.name, number)) == (
        "response",
        3,
    )
    with pytest.raises(TypeError, match="response is a resource"):
        to_json(kind, thing)


def test_case_payloads_may_be_null() -> None:
    """A case with an option is told from a case without payload."""
    kind = Variant((("some", Option(Primitive("u8"))), ("none", None)))
    assert from_json(kind, {"some": None}) == Case("some", None)
    assert from_json(kind, "none") == Case("none")


def test_types_read_as_in_wit() -> None:
    """A function's type is shown as WIT writes it."""
    assert signature(load_contract()["lifecycle"].functions["shutdown"]) == (
        "func(reason: enum { replaced, disabled, server-stopping })"
    )
    assert type_text(Result(None, Primitive("string"))) == "result<_, string>"
    assert type_text(Variant((("a", None), ("b", Flags(("x",)))))) == "variant { a, b(flags { x }) }"
