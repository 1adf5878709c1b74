"""Reading settings."""

from __future__ import annotations

import json

import pytest
from admission_policy import BadSettings, Problem, Settings


def problems(**settings: object) -> dict[str, str]:
    """Path to message of what is wrong with the settings."""
    with pytest.raises(BadSettings) as caught:
        Settings.parse(json.dumps(settings))
    return {problem.path: problem.message for problem in caught.value.problems}


def test_nothing_configured_has_no_rules() -> None:
    """An empty table is valid and asks for nothing."""
    settings = Settings.parse("{}")
    assert settings == Settings()
    assert not settings.has_rules
    assert not Settings.parse('{"recheckKnown": true, "domains": {"match": "any"}}').has_rules
    assert Settings.parse('{"maxSize": 1}').has_rules


def test_everything_configured() -> None:
    """Each setting arrives in its own unit, domains in lower case and algorithms as numbers."""
    settings = Settings.parse(
        json.dumps(
            {
                "domains": {"allow": ["Example.ORG."], "deny": ["*.bad.example"], "match": "any"},
                "maxUserIds": 5,
                "maxSize": 65536,
                "maxSignatures": 100,
                "algorithms": {"allow": ["rsa", "EdDSA", 30], "deny": ["dsa"], "minBits": {"rsa": 3072, "30": 1}},
                "age": {"minDays": 0.5, "maxDays": 3650, "futureHours": 1},
                "recheckKnown": True,
                "exemptBulk": True,
            }
        )
    )
    assert settings == Settings(
        allowed_domains=("example.org",),
        denied_domains=("*.bad.example",),
        every_domain=False,
        max_user_ids=5,
        max_size=65536,
        max_signatures=100,
        allowed_algorithms=frozenset({1, 2, 3, 22, 30}),
        denied_algorithms=frozenset({17}),
        minimum_bits={1: 3072, 2: 3072, 3: 3072, 30: 1},
        max_age_days=3650,
        min_age_days=0.5,
        future_hours=1,
        recheck_known=True,
        exempt_bulk=True,
    )


def test_empty_lists_are_no_rules() -> None:
    """An empty list of allowed domains or algorithms allows all of them."""
    assert Settings.parse('{"domains": {"allow": []}, "algorithms": {"allow": []}}') == Settings()


@pytest.mark.parametrize(
    ("settings", "path", "words"),
    [
        ({"maxSiz": 1}, "maxSiz", "did you mean `maxSize`?"),
        ({"max_size": 1}, "max_size", "did you mean `maxSize`?"),
        ({"colour": 1}, "colour", "known are domains"),
        ({"domains": {"alow": []}}, "domains.alow", "did you mean `allow`?"),
        ({"age": {"maxdays": 1}}, "age.maxdays", "did you mean `maxDays`?"),
        ({"maxSize": "64K"}, "maxSize", 'a whole number of bytes from 1 to 2147483647, not the text "64K"'),
        ({"maxSize": True}, "maxSize", "not true"),
        ({"maxSize": 0}, "maxSize", "not the number 0"),
        ({"maxUserIds": 1.5}, "maxUserIds", "not the number 1.5"),
        ({"age": 3}, "age", "must be a table, not the number 3"),
        ({"age": {"maxDays": -1}}, "age.maxDays", "a number of days"),
        ({"age": {"minDays": 2, "maxDays": 1}}, "age.minDays", "must not be larger than age.maxDays"),
        ({"domains": {"allow": "example.org"}}, "domains.allow", "must be a list of domains"),
        ({"domains": {"deny": ["a.org", "a b"]}}, "domains.deny.1", 'not the text "a b"'),
        ({"domains": {"match": "some"}}, "domains.match", 'must be "all" or "any"'),
        ({"algorithms": {"allow": ["rza"]}}, "algorithms.allow.0", "did you mean `rsa`?"),
        ({"algorithms": {"deny": [0]}}, "algorithms.deny.0", "from 1 to 255, not the number 0"),
        ({"algorithms": {"deny": [[]]}}, "algorithms.deny.0", "not a list"),
        ({"algorithms": {"minBits": {"rsa": "big"}}}, "algorithms.minBits.rsa", "a whole number of bits"),
        ({"algorithms": {"minBits": {"rza": 1}}}, "algorithms.minBits.rza", "did you mean `rsa`?"),
        ({"recheckKnown": "yes"}, "recheckKnown", "must be true or false"),
    ],
)
def test_problem(settings: dict[str, object], path: str, words: str) -> None:
    """Each mistake is named by its path, with what would be right."""
    found = problems(**settings)
    assert list(found) == [path]
    assert words in found[path]


def test_all_problems_at_once() -> None:
    """One reading names every mistake."""
    assert set(problems(maxSize=0, age={"minDays": "x"}, colour=1)) == {"maxSize", "age.minDays", "colour"}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "[" * 5000])
def test_no_table(text: str) -> None:
    """What is not a JSON object is one problem of the whole."""
    with pytest.raises(BadSettings) as caught:
        Settings.parse(text)
    assert [problem.path for problem in caught.value.problems] == [""]


def test_message_of_the_exception() -> None:
    """The exception reads as its problems."""
    assert str(BadSettings((Problem("", "broken"), Problem("a.b", "wrong")))) == "settings: broken; a.b: wrong"
