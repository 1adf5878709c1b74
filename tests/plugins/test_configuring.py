"""Settings by the manifest's schema: defaults filled in, what does not fit named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.house import House, in_house
from runtime.guests import Guest
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins.configuring import complete

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["who"],
    "properties": {
        "who": {"type": "string", "pattern": r"^[a-z]+(\.[a-z]+)*$"},
        "count": {"type": "integer", "default": 3, "minimum": 1, "maximum": 9},
        "mode": {"enum": ["fast", "slow"]},
        "limits": {
            "type": "object",
            "properties": {"most": {"default": 5}, "inner": {"type": "object", "properties": {"x": {"default": 1}}}},
        },
        "account": {"type": "object", "required": ["user"], "properties": {"user": {}, "port": {"default": 25}}},
        "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}},
    },
    "$defs": {"rule": {"type": "object", "properties": {"name": {"type": "string"}, "on": {"default": True}}}},
}


def settled(**settings: Any) -> Any:
    return json.loads(complete("probe", SCHEMA, json.dumps(settings)))


def refusal(schema: dict[str, Any], **settings: Any) -> ArtifactRefused:
    with pytest.raises(ArtifactRefused) as caught:
        complete("probe", schema, json.dumps(settings))
    return caught.value


def test_defaults_are_filled_in_at_every_depth() -> None:
    """Settings that are not given get their defaults, in tables that are not given, and in the tables of lists; what is
    given stays.
    """
    assert settled(who="a.b", rules=[{"name": "n"}, {"on": False}]) == {
        "who": "a.b",
        "count": 3,
        "limits": {"most": 5, "inner": {"x": 1}},
        "rules": [{"name": "n", "on": True}, {"on": False}],
    }
    assert settled(who="a", count=4, limits={"most": 7})["limits"] == {"most": 7, "inner": {"x": 1}}


def test_a_table_that_needs_more_is_not_made() -> None:
    """Defaults alone do not make a table that would lack something; once it is given they complete it."""
    assert "account" not in settled(who="a")
    assert settled(who="a", account={"user": "u"})["account"] == {"user": "u", "port": 25}


@given(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3))
def test_completing_twice_is_completing_once(extra: dict[str, int]) -> None:
    """What has been completed is complete."""
    schema = {"properties": SCHEMA["properties"], "$defs": SCHEMA["$defs"]}
    once = complete("probe", schema, json.dumps({"free": extra}))
    assert complete("probe", schema, once) == once


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "who: is missing: it has to be a text"),
        ({"who": 1}, "who: has to be a text, not 1"),
        ({"who": "a..b"}, r'who: has to match ^[a-z]+(\.[a-z]+)*$, not "a..b"'),
        ({"who": "a", "count": 0}, "count: has to be at least 1, not 0"),
        ({"who": "a", "count": 10}, "count: has to be at most 9, not 10"),
        ({"who": "a", "count": 1.5}, "count: has to be a whole number, not 1.5"),
        ({"who": "a", "mode": "quick"}, 'mode: has to be one of "fast", "slow", not "quick"'),
        ({"who": "a", "mod": 1}, "mod: is not a setting; did you mean mode?"),
        ({"who": "a", "limits": 7}, "limits: has to be a table, not 7"),
        ({"who": "a", "rules": [{}, {"name": 1}]}, "rules[1].name: has to be a text, not 1"),
        ({"who": "a", "account": {}}, "account.user: is missing"),
        ({"who": "a\x1b[2J"}, r'not "a\u001b[2J"'),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(settings: dict[str, Any], sentence: str) -> None:
    """Each wrong setting is named by its dotted path, with what is right."""
    refused = refusal(SCHEMA, **settings)
    assert refused.reason is Refusal.CONFIGURATION_REJECTED
    assert refused.message.startswith("probe does not accept its settings: ")
    assert sentence in refused.message
    assert refused.message.isprintable()
    assert refused.hint == "change the settings of probe in the configuration file"


def test_many_mistakes_are_counted() -> None:
    """A message has a bounded length."""
    refused = refusal({"additionalProperties": False}, **{f"x{number}": 1 for number in range(50)})
    assert refused.message.endswith("; and 42 more")


DOUBLING = {f"a{step}": {"allOf": [{"$ref": f"#/$defs/a{step + 1}"}] * 2} for step in range(30)} | {"a30": {}}
GROWING = {
    f"a{step}": {"type": "object", "properties": {side: {"$ref": f"#/$defs/a{step + 1}"} for side in "lr"}}
    for step in range(30)
} | {"a30": {"default": 1}}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "#/$defs/a0", "$defs": DOUBLING}, "takes too much work"),
        ({"$ref": "#/$defs/a0", "$defs": GROWING}, "takes too much work"),
        ({"$ref": "#"}, "takes too much work"),
        ({"properties": {"text": {"pattern": "(a{30}){30}"}}}, "more than 1000 states"),
        ({"properties": {"text": {"pattern": "(a?){80}b"}}}, "takes too much work"),
        ({"type": 7}, "cannot be used: "),
        ({"properties": {"text": {"$ref": "#/nowhere"}}}, "does not exist within"),
        ({"properties": {"text": {"pattern": "(?=a)"}}}, "looking ahead or behind"),
        ({"patternProperties": {"a": {}}}, "patternProperties cannot be used here"),
    ],
)
def test_a_schema_that_asks_for_too_much_is_refused(schema: dict[str, Any], why: str) -> None:
    """References that double, circles, expressions that grow and what is no schema: the manifest is at fault."""
    refused = refusal(schema, text="a" * 20_000)
    assert refused.reason is Refusal.BAD_MANIFEST
    assert why in refused.message
    assert "publisher" in refused.hint


@in_house
async def test_a_plugin_sees_its_completed_settings(house: House) -> None:
    """The defaults are there for the import `settings` as for `init`; what the operator writes counts."""
    schema = {"properties": {"text": {"default": "hello"}, "deep": {"properties": {"x": {"default": 1}}}}}
    house.put(Guest(imports={"settings": ["get", "get-all"]}), configuration=schema)
    table = '[plugins.probe]\ngrants = ["settings"]\nconfig.deep = {{ y = 2 }}\nconfig.text = "{}"'
    async with house.open(table.format("bye")) as lifecycle:
        await lifecycle.start()
        settings = house["probe"]._capabilities["settings"]
        assert settings.get_all() == house["probe"].settings_json == '{"deep":{"x":1,"y":2},"text":"bye"}'
        assert settings.get("deep.x") == "1"
