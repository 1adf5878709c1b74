from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.publisher import SMALL, manifest
from wasmpuck_signing import Manifest, NeededRuntime, Refused, Requirement, Version, pack, strictjson, wasm
from wasmpuck_signing.errors import BadManifest
from wasmpuck_signing.fields import LIMITS
from wasmpuck_signing.manifest import SECTION_NAME

DIGEST = "sha256:" + "0" * 64
NEEDED = NeededRuntime("python", Version(0, 1, 0), DIGEST)

words = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
printable = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1).filter(
    lambda text: text.isprintable()
)
versions = st.builds(Version, *[st.integers(0, 999_999_999)] * 3)
requirements = st.builds(
    Requirement, st.lists(st.tuples(st.sampled_from([">=", ">", "<=", "<", "=="]), versions), max_size=3).map(tuple)
)
plain = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | printable
schemas = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "properties": st.dictionaries(
            printable,
            st.fixed_dictionaries({}, optional={"default": plain, "enum": st.lists(plain, max_size=3)}),
            max_size=3,
        ),
        "required": st.lists(printable, max_size=3),
    },
)
manifests = st.builds(
    manifest,
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
    version=st.sampled_from(["0.0.1", "1.2.3-rc.1", "999999999.0.0"]),
    description=printable.map(lambda text: text[:1000]),
    worlds=st.lists(words, min_size=1, max_size=5, unique=True).map(tuple),
    imports=st.lists(words, max_size=5, unique=True).map(tuple),
    limits=st.dictionaries(st.sampled_from(sorted(LIMITS)), st.integers(1, 2**53 - 1)),
    homepage=st.sampled_from(["", "https://example.org/a?b#c"]),
    expires=st.none() | st.datetimes(timezones=st.just(UTC)),
    source=st.none() | st.binary(min_size=32, max_size=32).map(lambda digest: f"sha256:{digest.hex()}"),
    kind=st.just("script"),
    runtime=st.builds(NeededRuntime, st.sampled_from(["python", "quickjs"]), versions, st.just(DIGEST)),
    dependencies=st.dictionaries(st.from_regex(r"other-[a-z0-9]{1,9}", fullmatch=True), requirements, max_size=3),
    services=st.lists(words, max_size=5, unique=True).map(tuple),
    configuration=st.none() | schemas,
) | st.builds(manifest, kind=st.sampled_from(["component", "runtime"]))

SMALLEST: dict[str, Any] = json.loads(manifest().to_bytes())


def changed(**entries: Any) -> bytes:
    """The smallest manifest as canonical JSON with other `entries`; `None` takes one out."""
    table = {key: value for key, value in {**SMALLEST, **entries}.items() if value is not None}
    return strictjson.canonical(table)


@settings(deadline=None)
@given(manifests)
def test_a_manifest_survives_its_bytes(one: Manifest) -> None:
    """Every manifest is read back from its bytes, and the bytes from the manifest."""
    data = one.to_bytes()
    assert Manifest.from_bytes(data) == one
    assert Manifest.from_bytes(data).to_bytes() == data


def test_the_bytes_are_canonical_json() -> None:
    """The written form is fixed: sorted keys, no spaces, UTF-8 without escapes, empty entries left out."""
    one = manifest(
        description="Zählt",
        worlds=("middleware", "lifecycle"),
        limits={"log-rate": 5, "fuel": 7},
        expires=datetime(2027, 1, 31, 23, 59, 59, 999_999, timezone(timedelta(hours=2))),
    )
    assert one.to_bytes().decode() == (
        '{"contract":"wasmpuck:plugin@0.1.0","description":"Zählt","expires":"2027-01-31T21:59:59Z","format":1,"imports":[],'
        '"kind":"component","license":"Apache-2.0","limits":{"fuel":7,"log-rate":5},"name":"example","version":"1.0.0",'
        '"worlds":["lifecycle","middleware"]}'
    )


@pytest.mark.parametrize(
    ("entries", "key", "message"),
    [
        ({"format": 2}, "format", "2 is not a format that this version reads"),
        ({"format": 2, "novelty": 1}, "format", "2 is not a format that this version reads"),
        ({"format": True}, "format", "True is not a format"),
        ({"format": "1"}, "format", "'1' is not a format"),
        ({"licence": "MIT"}, "licence", "is not a known key"),
        ({"name": None}, "name", "is missing"),
        ({"name": "Example"}, "name", "'Example' is not of the right form"),
        ({"name": "../x"}, "name", "is not of the right form"),
        ({"name": "-x"}, "name", "is not of the right form"),
        ({"name": "a" * 64}, "name", "at most 63 are allowed"),
        ({"name": 5}, "name", "has to be a text"),
        ({"version": "1.0"}, "version", "'1.0': not a semantic version"),
        ({"version": 1}, "version", "has to be a text such as 1.4.0"),
        ({"description": ""}, "description", "must not be empty"),
        ({"description": "a\nb"}, "description", "cannot be shown"),
        ({"description": "\u202egnp.exe"}, "description", "cannot be shown"),
        ({"description": "a" * 1001}, "description", "has 1001 characters; at most 1000"),
        ({"license": "<script>"}, "license", "is not of the right form"),
        ({"homepage": "javascript:alert(1)"}, "homepage", "is not of the right form"),
        ({"homepage": 1}, "homepage", "has to be a text"),
        ({"kind": "module"}, "kind", "has to be component, script or runtime"),
        ({"kind": ["component"]}, "kind", "has to be component"),
        ({"kind": "script"}, "runtime", "is missing: a script needs a language runtime"),
        ({"runtime": NEEDED.entries()}, "runtime", "is for scripts, and this is a component"),
        ({"kind": "script", "runtime": "python"}, "runtime", "has to be a table with name, version and digest"),
        ({"kind": "script", "runtime": {"name": "python"}}, "runtime.version", "is missing"),
        ({"kind": "script", "runtime": {**NEEDED.entries(), "x": 1}}, "runtime.x", "is not a known key"),
        ({"kind": "script", "runtime": {**NEEDED.entries(), "name": "P"}}, "runtime.name", "is not of the right form"),
        ({"kind": "script", "runtime": {**NEEDED.entries(), "version": "1"}}, "runtime.version", "not a semantic"),
        ({"kind": "script", "runtime": {**NEEDED.entries(), "digest": "0"}}, "runtime.digest", "not of the right form"),
        ({"dependencies": []}, "dependencies", "has to be a table"),
        ({"dependencies": {"Other": "*"}}, "dependencies.Other", "is not of the right form"),
        ({"dependencies": {"other": 1}}, "dependencies.other", "has to be a text such as >=1.2, <2"),
        ({"dependencies": {"other": "~1"}}, "dependencies.other", "is no condition such as >=1.2"),
        ({"dependencies": {"other": "> 1.0.0"}}, "", "not in its canonical form"),
        ({"dependencies": {"example": "*"}}, "dependencies.example", "a plugin cannot depend on itself"),
        ({"dependencies": {f"p{n}": "*" for n in range(65)}}, "dependencies", "names 65 plugins; at most 64"),
        ({"services": ["A"]}, "services", "is not of the right form"),
        ({"services": ["a", "a"]}, "services", "names a twice"),
        ({"services": [f"s{n}" for n in range(33)]}, "services", "names 33 services; at most 32"),
        ({"kind": "runtime", "services": ["a"]}, "services", "is for plugins, and this is a language runtime"),
        ({"kind": "runtime", "configuration": {"x": 1}}, "configuration", "is for plugins"),
        ({"configuration": True}, "configuration", "has to be a JSON Schema: a table"),
        ({"configuration": {"type": "array"}}, "configuration.type", "has to be object"),
        ({"configuration": {"$schema": "x"}}, "configuration.$schema", "has to be https://json-schema.org/draft/2020"),
        ({"configuration": {"$ref": "https://e.org/"}}, "configuration.$ref", "must not lead outside of the schema"),
        ({"configuration": {"items": [{"$id": "x"}]}}, "configuration.items[0].$id", "is not taken here"),
        ({"configuration": {"pattern": "a" * 257}}, "configuration.pattern", "has 257 characters; at most 256"),
        ({"configuration": {"x": "y" * 65_536}}, "configuration", "at most 65536 are allowed"),
        ({"configuration": {"x": 2**53}}, "configuration.x", "has to be -9007199254740991 to"),
        ({"contract": "wasmpuck:plugin"}, "contract", "is not of the right form"),
        ({"contract": "wasmpuck:plugin@1"}, "contract", "'1': not a semantic version"),
        ({"worlds": []}, "worlds", "must name at least one interface"),
        ({"worlds": "lifecycle"}, "worlds", "has to be a list"),
        ({"worlds": ["life cycle"]}, "worlds", "is not of the right form"),
        ({"worlds": [1]}, "worlds", "has to be a text"),
        ({"imports": ["log", "log"]}, "imports", "names log twice"),
        ({"imports": [f"i{n}" for n in range(65)]}, "imports", "names 65 interfaces; at most 64"),
        ({"limits": []}, "limits", "has to be a table"),
        ({"limits": {"cpu": 1}}, "limits.cpu", "is not a known limit"),
        ({"limits": {"\x1b[2J": 1}}, "limits.\\x1b[2J", "is not a known limit"),
        ({"limits": {"fuel": "many"}}, "limits.fuel", "has to be a whole number"),
        ({"limits": {"fuel": True}}, "limits.fuel", "has to be a whole number"),
        ({"limits": {"fuel": 0}}, "limits.fuel", "has to be 1 to"),
        ({"limits": {"storage-bytes": -1}}, "limits.storage-bytes", "has to be 0 to"),
        ({"limits": {"fuel": 2**53}}, "limits.fuel", "has to be 1 to"),
        ({"expires": "2027-01-31"}, "expires", "has to be a time in UTC"),
        ({"expires": "2027-02-31T00:00:00Z"}, "expires", "has to be a time in UTC"),
        ({"expires": 1}, "expires", "has to be a time in UTC"),
        ({"source": "md5:00"}, "source", "is not of the right form"),
    ],
)
def test_each_entry_has_its_rule(entries: dict[str, Any], key: str, message: str) -> None:
    """A manifest that breaks a rule is refused by a sentence that names the key."""
    with pytest.raises(BadManifest) as caught:
        Manifest.from_bytes(changed(**entries))
    assert caught.value.key == key
    assert caught.value.message.startswith(f"{key}: " if key else "the manifest")
    assert message in caught.value.message


def test_a_misspelt_key_is_corrected() -> None:
    """For an unknown key the nearest known one is proposed."""
    with pytest.raises(BadManifest) as caught:
        Manifest.from_bytes(changed(import_=["log"]))
    assert caught.value.hint == "Did you mean imports?"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"\xff", "is not UTF-8 (byte 0)"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b'{"name":"a","name":"b"}', "name: is given twice"),
        (b'{"limits":{"fuel":1,"fuel":2}}', "fuel: is given twice"),
        (b'{"limits":{"fuel":1.5}}', "the number 1.5; only whole numbers"),
        (b'{"limits":{"fuel":NaN}}', "the number NaN; only whole numbers"),
        (b'{"limits":{"fuel":-Infinity}}', "the number -Infinity; only whole numbers"),
        (b'{"limits":{"fuel":' + b"9" * 5000 + b"}}", "is not JSON"),
        (b"[" * 60_000, "nested deeper than 32"),
        (b'{"a":' * 10_000, "nested deeper than 32"),
        (b'{"configuration":{"minimum":1e999}}', "the number 1e999; only whole numbers"),
        (b" " * 131_073, "has 131073 bytes; at most 131072 are read"),
        (manifest().to_bytes() + b" ", "not in its canonical form"),
        (manifest().to_bytes().replace(b":[", b": ["), "not in its canonical form"),
        (b'{"homepage":"",' + manifest().to_bytes()[1:], "not in its canonical form"),
        (manifest().to_bytes().replace(b"An example", rb"\u0041n example"), "not in its canonical form"),
        (manifest().to_bytes().replace(b"An example", rb"\ud800"), "cannot be shown"),
    ],
)
def test_json_that_could_be_read_in_two_ways_is_refused(data: bytes, message: str) -> None:
    """Everything but the one canonical spelling of a manifest is refused."""
    with pytest.raises(BadManifest) as caught:
        Manifest.from_bytes(data)
    assert message in caught.value.message


@settings(deadline=None)
@given(st.binary(max_size=100) | st.text(st.sampled_from('{}[]",:\\u0dnaf1e- '), max_size=40).map(str.encode))
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    """Whatever the bytes, reading them as a manifest ends with a refusal and nothing else."""
    with pytest.raises(Refused):
        Manifest.from_bytes(data)


@settings(deadline=None)
@given(
    st.sampled_from(
        [*SMALLEST, "homepage", "expires", "source", "runtime", "dependencies", "services", "configuration"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=4,
    ),
)
def test_any_value_of_any_entry_is_taken_or_refused(key: str, value: object) -> None:
    """Whatever JSON value an entry has, reading ends with a manifest that says the same or with a refusal."""
    try:
        data = strictjson.canonical({**SMALLEST, key: value})
    except UnicodeEncodeError:
        return
    try:
        one = Manifest.from_bytes(data)
    except Refused:
        return
    assert one.to_bytes() == data


def test_a_time_without_a_zone_is_refused() -> None:
    """An expiry that could mean two instants is not taken."""
    with pytest.raises(BadManifest, match="expires: has to be a date, or a time with its zone"):
        manifest(expires=datetime(2027, 1, 1))


def test_a_time_outside_of_the_calendar_is_refused() -> None:
    """An expiry that has no UTC form is refused like other bad values."""
    with pytest.raises(BadManifest, match="expires: lies outside"):
        manifest(expires=datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))))


def test_an_artifact_has_exactly_one_manifest() -> None:
    """No manifest and two manifests are both refused, each in its own words."""
    with pytest.raises(BadManifest, match="has no manifest"):
        Manifest.of(SMALL)
    one = pack(SMALL, manifest(), None)
    assert Manifest.of(one) == manifest()
    with pytest.raises(BadManifest, match="has 2 manifests"):
        Manifest.of(wasm.append_custom(one, SECTION_NAME, manifest().to_bytes()))


def test_manifests_can_be_members_of_sets() -> None:
    """Equal manifests have equal hashes, their limits notwithstanding."""
    assert len({manifest(limits={"fuel": 1}), manifest(limits={"fuel": 1})}) == 1


@pytest.mark.parametrize(
    ("needed", "offered", "accepted"),
    [
        ("1.2.0", "1.2.0", True),
        ("1.2.0", "1.3.0", True),
        ("1.2.0", "1.1.9", False),
        ("1.2.0", "2.0.0", False),
        ("0.1.1", "0.1.2", True),
        ("0.1.1", "0.1.0", False),
        ("0.1.1", "0.2.0", False),
        ("0.1.0", "1.0.0", False),
    ],
)
def test_a_runtime_may_be_newer_but_compatible(needed: str, offered: str, accepted: bool) -> None:
    """A script runs on its runtime's version or a later one of the same series, and on no other runtime."""
    need = NeededRuntime("python", Version.parse(needed), DIGEST)
    assert need.accepts("python", Version.parse(offered)) is accepted
    assert not need.accepts("quickjs", Version.parse(needed))
