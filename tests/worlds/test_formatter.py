"""Forms of plugins: which may be had, and which a client asks for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.generations import serving, snapshot
from runtime.guests import Guest, run
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins import Plugin
from wasmpuck.worlds.formatter import OWN_OPTIONS, Formats, formats_of, vet

OWN = ("text/html", "application/json")


def form(name: str, media_type: str = "application/x-own", extension: str = "") -> dict[str, str]:
    return {"name": name, "media-type": media_type, "extension": extension, "description": "A form."}


def offering(plugin: str, *forms: dict[str, str]) -> Guest:
    return Guest(name=plugin, worlds=("lifecycle", "formatter"), results={"formatter.describe-formats": list(forms)})


def refused(plugin: Plugin, *others: Plugin) -> ArtifactRefused:
    with pytest.raises(ArtifactRefused) as caught:
        vet(plugin, others)
    return caught.value


def test_forms_are_found_by_their_names() -> None:
    """Of all plugins; an option that is nobody's is passed over."""

    async def main() -> None:
        guests = offering("a", form("one"), form("two")), offering("b", form("three")), Guest(name="c")
        async with serving(*guests) as plugins:
            for place, plugin in enumerate(plugins):
                vet(plugin, plugins[:place])
            formats = formats_of(snapshot(plugins))
            assert len(formats) == 3
            found = [formats.named(options) for options in (["x", "two"], ["three"], ["four"], [])]
            owners = [each and (each.plugin.name, each.name) for each in found]
            assert owners == [("a", "two"), ("b", "three"), None, None]

    run(main())


@pytest.mark.parametrize("name", [*sorted(OWN_OPTIONS), "hers"])
def test_a_form_has_one_owner(name: str) -> None:
    """The server's cannot be replaced, and the later of two plugins is refused."""

    async def main() -> None:
        async with serving(offering("a", form("hers")), offering("b", form(name))) as (first, second):
            vet(first, [])
            refusal = refused(second, first)
            assert refusal.reason is Refusal.FORMAT_TAKEN
            assert f"which {'the plugin a' if name == 'hers' else 'the server'} has" in refusal.message

    run(main())


@pytest.mark.parametrize(
    ("guest", "says"),
    [
        (offering("a", form("Upper")), "is not a form's name"),
        (offering("a", form("")), "is not a form's name"),
        (offering("a", form("x", "text")), "is not a media type"),
        (offering("a", form("x", "text/plain\r\nx: y")), "is not a media type"),
        (offering("a", form("x", extension="../x")), "is not the ending"),
        (offering("a", form("x"), form("x")), "a form twice"),
        (offering("a", *(form(f"x{number}") for number in range(33))), "it offers 33 forms"),
    ],
)
def test_forms_that_make_no_sense_are_refused(guest: Guest, says: str) -> None:
    """With what is wrong."""

    async def main() -> None:
        async with serving(guest) as plugins:
            refusal = refused(plugins[0])
            assert refusal.reason is Refusal.INITIALIZATION_FAILED
            assert says in refusal.message

    run(main())


def made(*media_types: str) -> Formats:
    formats = Formats()
    plugin: Any = SimpleNamespace(artifact=SimpleNamespace(digest="d"), settings=SimpleNamespace(settings_json="{}"))
    forms = [SimpleNamespace(name=f"f{n}", media_type=kind, extension="") for n, kind in enumerate(media_types)]
    formats.add(plugin, forms)
    return formats


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        (None, None),
        ("", None),
        ("*/*", None),
        ("application/*", None),
        ("application/x-one", "f0"),
        ("Application/X-One;q=0.5", "f0"),
        ("application/x-one;q=0.5, application/x-two", "f1"),
        ("application/x-one;q=0.5, */*", None),
        ("application/x-one, */*;q=0.5", "f0"),
        ("application/x-one, text/html", None),
        ("application/x-one;q=0", None),
        ("application/x-one;q=x", None),
        ("application/json", None),
        ("application/x-one, " + "x" * 2000, None),
    ],
)
def test_what_a_client_prefers(accept: str | None, found: str | None) -> None:
    """A plugin's form is given when its media type weighs more than all of the server's, and only if it is named."""
    formats = made("application/x-one", "application/x-two;charset=utf-8", "application/json")
    chosen = formats.accepted(accept, OWN)
    assert (chosen.name if chosen is not None else None) == found


@given(st.text(max_size=200))
def test_any_accept_header_is_read(accept: str) -> None:
    """Whatever a client sends."""
    chosen = made("application/x-one").accepted(accept, OWN)
    assert chosen is None or "application/x-one" in accept.lower()


def test_another_plugin_or_other_settings_have_another_tag() -> None:
    """So that a swap is seen by caches."""

    async def main() -> None:
        tags = set()
        for version, settings in (("1.0.0", "{}"), ("1.0.1", "{}"), ("1.0.0", '{"a":1}')):
            guest = offering("a", form("x"))
            guest.version = version
            async with serving(guest, settings_json=settings) as plugins:
                found = formats_of(snapshot(plugins)).named(["x"])
                assert found is not None
                tags.add(found.tag)
        assert len(tags) == 3

    run(main())
