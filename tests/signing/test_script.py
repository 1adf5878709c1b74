from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.publisher import ALICE, EMPTY, NOW, SMALL, keyring, manifest
from wasmpuck_signing import NeededRuntime, Refused, Script, Version, pack, pack_script, report, verify, wasm, wasmsig
from wasmpuck_signing.errors import BadManifest, BadScript
from wasmpuck_signing.manifest import Manifest
from wasmpuck_signing.script import MAX_BYTES, SECTION_NAME

RUNTIME = NeededRuntime("python", Version(0, 1, 0), "sha256:" + "0" * 64)
SCRIPT = Script("plugin.py", {"rules/names.py": "NAMES = 'ä'\n", "plugin.py": "import rules.names\n"})

parts = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}", fullmatch=True)
scripts = st.dictionaries(parts.map(lambda part: f"x/{part}"), st.text(max_size=30), min_size=1, max_size=5).map(
    lambda files: Script(min(files), files)
)


def of_script(**changes: Any) -> Manifest:
    """A manifest of kind `script` with `changes`."""
    return manifest(**{"kind": "script", "runtime": RUNTIME, **changes})


@settings(deadline=None)
@given(scripts)
def test_a_script_survives_its_bytes(one: Script) -> None:
    """Every script is read back from its bytes, and the bytes from the script."""
    assert Script.from_bytes(one.to_bytes()) == one
    assert Script.from_bytes(one.to_bytes()).to_bytes() == one.to_bytes()


def test_the_bytes_are_canonical_json() -> None:
    """The written form is fixed: sorted paths, no spaces, UTF-8."""
    assert SCRIPT.to_bytes().decode() == (
        '{"entry":"plugin.py","files":{"plugin.py":"import rules.names\\n","rules/names.py":"NAMES = \'ä\'\\n"}}'
    )


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/plugin.py",
        "plugin/",
        "a//b",
        "..",
        "../plugin.py",
        "a/../b",
        "./a",
        "a\\b",
        "a b",
        "ä",
        "a\0",
        "a\n",
        "C:/a",
        "a" * 201,
    ],
)
def test_only_plain_relative_paths_are_taken(path: str) -> None:
    """A path that could lead elsewhere, or mean different files on different systems, is refused by name."""
    with pytest.raises(BadScript, match="path"):
        Script("plugin.py", {"plugin.py": "", path: ""})


@pytest.mark.parametrize(
    ("entry", "files", "message"),
    [
        ("a", {}, "files: has to be a table of at least one file"),
        ("a", [], "files: has to be a table"),
        ("b", {"a": ""}, "entry: has to be one of the files, not b"),
        (7, {"a": ""}, "entry: has to be one of the files"),
        ("a", {"a": 7}, "files.a: has to be a text"),
        ("a", {"a": "\ud800"}, "files.a: is not UTF-8 (character 0)"),
        ("a", {"a": "", "a/b": ""}, "files.a: is a file and a folder at the same time"),
        ("a", {"a": "x" * MAX_BYTES, "b": "x"}, "files: the files have 2097153 bytes; at most 2097152"),
        ("f0", {f"f{number}": "" for number in range(201)}, "files: has 201 files; at most 200"),
    ],
)
def test_each_rule_has_its_sentence(entry: Any, files: Any, message: str) -> None:
    """A script that breaks a rule is refused by a sentence that names the entry."""
    with pytest.raises(BadScript) as caught:
        Script(entry, files)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the script is not JSON"),
        (b"[]", "the script is not a JSON object"),
        (b"{}", "the script has the entries"),
        (b'{"entry":"a","files":{"a":"","a":""}}', "a: is given twice"),
        (b'{"entry":"a","files":{"a":""},"more":1}', "the script has the entries entry, files, more"),
        (b'{"entry":"a", "files":{"a":""}}', "not in its canonical form"),
        (b'{"files":{"a":""},"entry":"a"}', "not in its canonical form"),
        (b'{"entry":"a","files":{"a":1.5}}', "only whole numbers"),
    ],
)
def test_other_bytes_are_refused(data: bytes, message: str) -> None:
    """Everything but the one canonical spelling of a script is refused."""
    with pytest.raises(BadScript) as caught:
        Script.from_bytes(data)
    assert message in caught.value.message


@settings(deadline=None)
@given(st.binary(max_size=100) | st.text(st.sampled_from('{}[]",:entryfils/.a'), max_size=60).map(str.encode))
def test_bytes_that_are_no_script_are_refused(data: bytes) -> None:
    """Whatever the bytes, reading them as a script ends with a refusal and nothing else."""
    with pytest.raises(Refused):
        Script.from_bytes(data)


def test_a_packed_script_is_an_empty_component() -> None:
    """There is nothing in it but signature, script and manifest, whose source is the script's digest; twice the same
    bytes.
    """
    artifact = pack_script(SCRIPT, of_script(), ALICE)
    assert [one.name for one in wasm.sections(artifact)] == ["signature", "wasmpuck-script", "wasmpuck-manifest"]
    assert Manifest.of(artifact).source == SCRIPT.digest
    assert artifact == pack_script(SCRIPT, of_script(), ALICE)
    known = verify(artifact, keyring(), now=NOW)
    assert (known.script, known.manifest.runtime) == (SCRIPT, RUNTIME)


def test_a_manifest_of_another_kind_is_not_packed_with_a_script() -> None:
    """The kind decides how a server reads an artifact, so it has to be right from the start."""
    with pytest.raises(BadManifest, match="kind: has to be script, not component"):
        pack_script(SCRIPT, manifest(), ALICE)
    with pytest.raises(BadScript, match="has 0 scripts"):
        pack(SMALL, of_script(), ALICE)


def test_a_script_with_code_beside_it_is_refused() -> None:
    """What claims to be a script cannot bring code of its own, even under a good signature."""
    artifact = pack(wasm.append_custom(SMALL, SECTION_NAME, SCRIPT.to_bytes()), of_script(), ALICE)
    with pytest.raises(BadScript, match="more than a script"):
        verify(artifact, keyring(), now=NOW)


def test_a_component_with_a_script_in_it_is_refused() -> None:
    """A script in an artifact of another kind would never be executed: somebody has made a mistake."""
    artifact = pack(wasm.append_custom(SMALL, SECTION_NAME, SCRIPT.to_bytes()), manifest(), ALICE)
    with pytest.raises(BadScript, match="the manifest says component"):
        verify(artifact, keyring(), now=NOW)


def test_two_scripts_in_one_artifact_are_refused() -> None:
    """Which of them is meant cannot be known."""
    twice = wasm.append_custom(wasm.append_custom(EMPTY, SECTION_NAME, SCRIPT.to_bytes()), SECTION_NAME, b"{}")
    with pytest.raises(BadScript, match="has 2 scripts"):
        Script.of(twice)


def test_a_source_that_is_not_the_scripts_digest_is_refused() -> None:
    """The manifest's digest of the sources can be relied on."""
    body = wasm.append_custom(EMPTY, SECTION_NAME, SCRIPT.to_bytes())
    lying = wasm.append_custom(body, "wasmpuck-manifest", of_script(source="sha256:" + "1" * 64).to_bytes())
    with pytest.raises(BadManifest, match="source: is not the digest of the script"):
        verify(wasmsig.sign(lying, ALICE), keyring(), now=datetime.now(UTC))


def test_a_script_is_shown_file_by_file() -> None:
    """The summary for people names the runtime and each file with its size."""
    text = report.as_text(report.inspect(pack_script(SCRIPT, of_script(), ALICE)))
    assert "runtime     name python, version 0.1.0" in text
    assert "file        plugin.py (19 bytes, executed first)" in text
    assert "file        rules/names.py (13 bytes)" in text
