"""What pages say in each language, and who gets which."""

from __future__ import annotations

from string import Formatter

import pytest

from e2e.client import ask
from wasmpuck.config import HTTPSettings, WebSettings
from wasmpuck.errors import OperatorError
from wasmpuck.http.catalogue import CATALOGUES, ORIGINAL, PLURALS, Catalogue, negotiate, read_catalogue
from wasmpuck.http.visit import site_of
from wasmpuck.openpgp.policy import REFUSALS, RULES

OTHERS = [catalogue for code, catalogue in CATALOGUES.items() if code != ORIGINAL]
TRANSLATED_SENTENCES = ("rules.", "refusals.", "settings.")
"""What is written in English in the code, and only translated in catalogues."""


def named(message: str) -> set[str]:
    """The values that a message is filled with."""
    return {name for _, name, _, _ in Formatter().parse(message) if name is not None}


def values_of(catalogue: Catalogue, key: str) -> set[str]:
    message = catalogue.messages[key]
    forms = [message] if isinstance(message, str) else list(message.values())
    return set().union(*map(named, forms))


@pytest.mark.parametrize("catalogue", OTHERS, ids=lambda catalogue: catalogue.code)
def test_a_catalogue_is_complete(catalogue: Catalogue) -> None:
    """Every language has every message, no other one, and each with the same values."""
    original = CATALOGUES[ORIGINAL]
    own = {key for key in catalogue.messages if not key.startswith(TRANSLATED_SENTENCES)}
    assert own ^ set(original.messages) == set()
    for key in own:
        assert values_of(catalogue, key) == values_of(original, key), key
        assert isinstance(catalogue.messages[key], str) == isinstance(original.messages[key], str), key


@pytest.mark.parametrize("catalogue", OTHERS, ids=lambda catalogue: catalogue.code)
def test_the_reasons_are_translated(catalogue: Catalogue) -> None:
    """Whoever is refused reads why in their language."""
    assert {f"rules.{rule}" for rule in RULES} | {f"refusals.{code}" for code in REFUSALS} == {
        key for key in catalogue.messages if key.startswith(("rules.", "refusals."))
    }


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=lambda catalogue: catalogue.code)
def test_no_message_is_empty_or_has_markup(catalogue: Catalogue) -> None:
    """Messages are text: what looks like a tag would be shown as one."""
    for key, message in catalogue.messages.items():
        for form in [message] if isinstance(message, str) else message.values():
            assert form.strip() == form != "", key
            assert not set(form) & set("<>"), key


@pytest.mark.parametrize("name", PLURALS)
def test_plural_rules_choose_forms_that_they_have(name: str) -> None:
    """Whatever the number, the form is one that a catalogue must have, and each form is used."""
    forms, choose = PLURALS[name]
    assert {choose(number) for number in range(1000)} == forms


@pytest.mark.parametrize(
    ("rule", "number", "form"),
    [
        ("one-other", 0, "other"),
        ("zero-one-other", 0, "one"),
        ("east-slavic", 21, "one"),
        ("east-slavic", 11, "many"),
        ("east-slavic", 24, "few"),
        ("polish", 21, "many"),
        ("polish", 22, "few"),
        ("czech", 4, "few"),
        ("czech", 5, "other"),
    ],
)
def test_plural_rules_are_those_of_the_languages(rule: str, number: int, form: str) -> None:
    """The examples of CLDR."""
    assert PLURALS[rule][1](number) == form


HEAD = """[language]
name = "X"
direction = "ltr"
plural = "one-other"
thousands = ","
date = "{day} {month} {year}"
first_day = "1"
months = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]
"""


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (HEAD.replace('name = "X"\n', ""), "lacks 'name'"),
        (HEAD.replace('"one-other"', '"dual"'), "plural rules"),
        (HEAD.replace('"12"', '"12", "13"'), "twelve months"),
        (HEAD + '[a]\nb = { one = "x" }\n', "a.b needs the plural forms one, other"),
        (HEAD + '[a]\nb = "{0}"\n', "a.b: {0} is not the name of a value"),
        (HEAD + '[a]\nb = "{x.y}"\n', "is not the name of a value"),
        (HEAD + '[a]\nb = "{x!r}"\n', "is not the name of a value"),
    ],
)
def test_a_broken_catalogue_says_where(source: str, told: str) -> None:
    """A translator learns which message is wrong."""
    with pytest.raises(ValueError, match=r"^xx: ") as refused:
        read_catalogue("xx", source)
    assert told in str(refused.value)


def test_values_are_escaped_and_numbers_grouped() -> None:
    """A value cannot become markup, and each language groups digits in its own way."""
    said = CATALOGUES["de"].say("results.title", count=12345, search="<b>")
    assert said == "12.345 Schlüssel zu &lt;b&gt;"
    assert CATALOGUES["fr"].plain("results.title", count=1, search="<b>") == "1 clé pour <b>"
    assert CATALOGUES["fr"].day(0) == "1er janvier 1970"
    assert CATALOGUES["de"].day(86_400) == "2. Januar 1970"


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("", "fr"),
        ("de", "de"),
        ("de-AT, en;q=0.9", "de"),
        ("DE-at;q=0.3, en;q=0.9", "en"),
        ("ja, de;q=0.2", "de"),
        ("ja", "fr"),
        ("*", "fr"),
        ("en;q=0", "fr"),
        ("en;q=x, de;q=0.1", "de"),
        ("en;q=7, de", "de"),
        ("de," * 1000, "fr"),
    ],
)
def test_the_browser_chooses_the_language(accept: str, code: str) -> None:
    """The best of the languages that there are, by quality; the operator's choice where none is wanted."""
    assert negotiate(accept, "fr").code == code


def test_a_page_says_its_language(url: str) -> None:
    """The header, the attribute and the text agree; caches learn what it depends on."""
    for accept, lang, code in (("de", "", "de"), ("de", "?lang=fr", "fr"), ("ja", "", "en"), ("de", "?lang=xx", "de")):
        answer = ask(url, "GET", f"/{lang}", headers={"Accept-Language": accept})
        assert answer.headers["Content-Language"] == code
        assert "Accept-Language" in answer.headers["Vary"]
        assert f'<html lang="{code}"' in answer.text
        assert CATALOGUES[code].plain("front.title") in answer.text


def test_a_chosen_language_stays_chosen(url: str) -> None:
    """Links and forms of a page carry the choice on; a page chosen by the browser's header has plain links."""
    chosen = ask(url, "GET", "/?lang=de").text
    assert 'href="/submit?lang=de"' in chosen
    assert '<input type="hidden" name="lang" value="de">' in chosen
    assert 'href="/submit"' in ask(url, "GET", "/", headers={"Accept-Language": "de"}).text
    problem = ask(url, "GET", "/pks/lookup?op=index&search=nobody@example.org&lang=de", headers={"Accept": "text/html"})
    assert problem.headers["Content-Language"] == "de"
    assert "Nicht gefunden" in problem.text
    assert "?op=index&amp;search=nobody%40example.org&amp;lang=fr" in problem.text


def test_programs_meet_no_languages(url: str) -> None:
    """What is no page depends on no language."""
    answer = ask(url, "GET", "/pks/stats?options=json", headers={"Accept-Language": "de"})
    assert "Content-Language" not in answer.headers
    assert "Accept-Language" not in answer.headers.get("Vary", "")


def test_a_language_that_there_is_not_ends_the_start() -> None:
    """The operator is told which languages there are."""
    with pytest.raises(OperatorError, match="no pages in 'tlh'") as refused:
        site_of(HTTPSettings(), WebSettings(language="tlh"), list)
    assert "de, en, fr" in refused.value.hint
