"""The page about a plugin says what its manifest, the contract and its README say, and nothing in them breaks it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from house.documents import blocks
from kit.conftest import Kit
from kit.guests import diligent
from wasmpuck.config import GRANTS, parse
from wasmpuck.kit.documenting import page, sentences
from wasmpuck.runtime.contract import load_contract
from wasmpuck_signing import Manifest, Version

SCHEMA = {
    "type": "object",
    "required": ["key"],
    "properties": {
        "key": {"type": "string", "description": "A | key."},
        "mode": {"enum": ["a", "b"], "default": "a"},
        "limits": {
            "type": "object",
            "default": {},
            "properties": {"get": {"type": ["integer", "null"], "minimum": 1, "maximum": 9, "default": 5}},
        },
        "hosts": {"type": "array", "items": {"type": "string"}, "maxItems": 4, "default": ["x"]},
    },
}


def manifest(**entries: Any) -> Manifest:
    made = {
        "name": "probe",
        "version": Version.parse("1.2.3"),
        "description": "Probes *things*.",
        "license": "MIT",
        "worlds": ("lifecycle", "middleware"),
        "imports": ("keys", "storage"),
        "limits": {"fuel": 1_000_000, "deadline-ms": 250},
        "configuration": SCHEMA,
    }
    return Manifest(**{**made, **entries})


def test_settings_are_a_table_with_types_and_defaults() -> None:
    """Bounds are words, an inner table's settings have dotted names, and Markdown in them is escaped."""
    text = page(manifest())
    assert "| `key` | string | must be given | A \\| key. |" in text
    assert '| `mode` | one of "a", "b" | `"a"` |  |' in text
    assert "| `limits.get` | integer or null, at least 1, at most 9 | `5` |  |" in text
    assert '| `hosts` | array of string, at most 4 entries | `["x"]` |  |' in text
    assert "Probes \\*things\\*." in text


def test_what_is_granted_is_told_in_the_contracts_words() -> None:
    """Each import and each world has the sentences of its interface; limits have their units."""
    text = page(manifest())
    for name in ("keys", "storage", "middleware"):
        assert f"- `{name}`: {sentences()[name][0]}" in text
    assert "Reading certificates, as anybody may who asks the keyserver" in text
    assert "| Fuel | 1,000,000 |" in text
    assert "It asks for no limits of its own" in page(manifest(limits={}))


def test_the_contract_has_sentences_for_every_interface() -> None:
    """What can be granted, and what can be exported."""
    assert set(GRANTS) <= set(sentences())
    assert set(load_contract()) <= set(sentences())


def test_the_readme_is_taken_over_below_its_title() -> None:
    """Headings go down one level, but not what stands in code."""
    text = page(manifest(), "# Probe\n\nIntro.\n\n## Use\n\n```sh\n# a comment\n```\n\n### More\n")
    tail = text.split("## From its README\n\n")[1]
    assert tail == "Intro.\n\n### Use\n\n```sh\n# a comment\n```\n\n#### More\n"


NAMES = st.from_regex(r"\A[a-z][A-Za-z0-9_. -]{0,8}\Z")
PLAIN = (
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(st.characters(codec="utf-8"), max_size=20)
)


@given(st.dictionaries(NAMES, st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=5)))
def test_the_configuration_that_it_shows_is_one(tmp_path_factory: pytest.TempPathFactory, defaults: Any) -> None:
    """The example can be pasted: it loads, and the plugin's settings are its defaults."""
    schema = {"properties": {name: {"default": value} for name, value in defaults.items()}}
    file = tmp_path_factory.getbasetemp() / "page.md"
    file.write_text(page(manifest(configuration=schema)), encoding="utf-8")
    (example,) = [block for block in blocks(file) if block.language == "toml"]
    (table,) = parse(example.text).plugins.tables
    assert table.name == "probe"
    assert table.grants == ("keys", "storage")
    config = tomllib.loads(example.text)["plugins"]["probe"].get("config", {})
    assert config.items() <= defaults.items()
    assert all(name in config for name, value in defaults.items() if isinstance(value, int | str))


def test_the_command_writes_the_page_of_a_folder_or_an_artifact(kit: Kit) -> None:
    """To standard output, or to a file."""
    artifact = kit.put(diligent())
    assert kit.ok("docs", artifact).startswith("# probe 1.0.0\n")
    assert kit.ok("docs", artifact, "-o", "page.md") == ""
    assert Path("page.md").read_text() == kit.ok("docs", artifact)


def test_a_folder_without_a_manifest_is_refused(kit: Kit) -> None:
    """The message names the file."""
    done = kit("docs", kit.folder)
    assert done.exit_code == 3
    assert "plugin.toml cannot be read" in done.stderr
