from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wasmpuck_signing import Manifest, NeededRuntime, Refused, Requirement, Version
from wasmpuck_signing.errors import BadManifest

WHOLE = """
[plugin]
name = "ratelimit-window"
version = "1.4.0-rc.1"
description = "Limits requests in a sliding window"
license = "Apache-2.0 OR MIT"
homepage = "https://example.org/ratelimit"
kind = "component"
contract = "wasmpuck:plugin@0.1.0"
worlds = ["task-handler", "lifecycle", "middleware"]
imports = ["storage", "log"]
expires = 2027-01-31

[limits]
fuel = 1_000_000
deadline = "100ms"
memoryMB = 16
instances = 4
storageBytes = 0
logRate = 5

[build]
command = ["cargo", "build"]
anything.goes = { here = true }
"""
SHORT = """
[plugin]
name = "short"
version = "1.0.0"
description = "Short"
license = "MIT"
worlds = ["lifecycle"]
"""


def test_every_entry_arrives() -> None:
    """A whole plugin.toml becomes the manifest that it describes; the build table is left out."""
    source = "sha256:" + "0" * 64
    assert Manifest.from_toml(WHOLE, source=source) == Manifest(
        name="ratelimit-window",
        version=Version(1, 4, 0, ("rc", "1")),
        description="Limits requests in a sliding window",
        license="Apache-2.0 OR MIT",
        homepage="https://example.org/ratelimit",
        contract="wasmpuck:plugin@0.1.0",
        worlds=("lifecycle", "middleware", "task-handler"),
        imports=("log", "storage"),
        limits={
            "fuel": 1_000_000,
            "deadline-ms": 100,
            "memory-mb": 16,
            "instances": 4,
            "storage-bytes": 0,
            "log-rate": 5,
        },
        expires=datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC),
        source=source,
    )


def test_most_entries_have_defaults() -> None:
    """Five entries are enough."""
    short = Manifest.from_toml(SHORT)
    assert (short.kind, short.imports, dict(short.limits), short.expires) == ("component", (), {}, None)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ('"2027-01-31"', datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("2027-01-31T12:00:00+02:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
        ('"2027-01-31T12:00:00Z"', datetime(2027, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_a_date_or_a_time(written: str, instant: datetime) -> None:
    """A date means the end of that day in UTC, a time with a zone itself, as TOML values and as texts."""
    assert Manifest.from_toml(f"{SHORT}expires = {written}").expires == instant


@pytest.mark.parametrize(("written", "milliseconds"), [("100ms", 100), ("2s", 2000), ("1m", 60_000)])
def test_a_deadline_has_a_unit(written: str, milliseconds: int) -> None:
    """A deadline is read in milliseconds, seconds or minutes."""
    assert Manifest.from_toml(f'{SHORT}[limits]\ndeadline = "{written}"').limits == {"deadline-ms": milliseconds}


@pytest.mark.parametrize(
    ("text", "key", "message", "hint"),
    [
        ("", "plugin", "is missing", ""),
        ("plugin = 1", "plugin", "has to be a table", "Write it as [plugin]."),
        ("name = 'x'", "name", "is not a known key", ""),
        (f"{SHORT}[limit]", "limit", "is not a known key", "Did you mean limits?"),
        (f"{SHORT}import = []", "plugin.import", "is not a known key", "Did you mean plugin.imports?"),
        (SHORT.replace('license = "MIT"', ""), "plugin.license", "is missing", ""),
        (SHORT.replace("1.0.0", "1"), "plugin.version", "'1': not a semantic version", ""),
        (SHORT.replace('"1.0.0"', "1"), "plugin.version", "has to be a text", ""),
        (SHORT.replace('"short"', '"Short"'), "name", "is not of the right form", ""),
        (f"{SHORT}expires = 2027-01-31T12:00:00", "expires", "a time with its zone", ""),
        (f'{SHORT}expires = "soon"', "expires", "a time with its zone", ""),
        (f"{SHORT}expires = 12:00:00", "expires", "a time with its zone", ""),
        (f"{SHORT}[limits]\ndeadline = 100", "limits.deadline", "a duration with its unit", '"100ms"'),
        (f"{SHORT}[limits]\nmemory = 1", "limits.memory", "is not a known key", "Did you mean limits.memoryMB?"),
        (f"{SHORT}[limits]\nfuel = 1.5", "limits.fuel", "has to be a whole number", ""),
        ("[plugin", "", "plugin.toml is not TOML", ""),
        ("x = " + "[" * 5000, "", "plugin.toml is not TOML", ""),
        ("x = " + "9" * 5000, "", "plugin.toml is not TOML", ""),
    ],
)
def test_mistakes_are_named(text: str, key: str, message: str, hint: str) -> None:
    """Each mistake is answered with its place, what is wrong and, where one is near, the right name."""
    with pytest.raises(BadManifest) as caught:
        Manifest.from_toml(text)
    assert caught.value.key == key
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_script_names_its_runtime() -> None:
    """A runtime is given by its name, for a builder to find, or in full."""
    digest = "sha256:" + "1" * 64
    full = NeededRuntime("python", Version(0, 1, 2), digest)
    text = f'{SHORT}kind = "script"\n'
    assert Manifest.from_toml(f'{text}runtime = "python"', runtime=lambda name: full).runtime == full
    table = f'{{ name = "python", version = "0.1.2", digest = "{digest}" }}'
    assert Manifest.from_toml(f"{text}runtime = {table}").runtime == full
    with pytest.raises(BadManifest, match=r"plugin\.runtime: names 'python', and no runtimes are at hand"):
        Manifest.from_toml(f'{text}runtime = "python"')


def test_dependencies_and_services_arrive() -> None:
    """Both stand in the table of the plugin."""
    one = Manifest.from_toml(f'{SHORT}dependencies = {{ other = ">=1.2, <2" }}\nservices = ["lookup", "audit"]')
    assert one.dependencies == {"other": Requirement.parse(">=1.2.0, <2.0.0")}
    assert one.services == ("audit", "lookup")


def test_a_schema_is_a_table_or_a_file(tmp_path: Path) -> None:
    """The schema of the settings in TOML and the one in a JSON file beside it make the same manifest."""
    (tmp_path / "schema.json").write_text('{"type": "object", "properties": {"share": {"minimum": 0.5}}}')
    table = f'{SHORT}[configuration]\ntype = "object"\nproperties.share.minimum = 0.5\n'
    expected = Manifest.from_toml(table)
    assert expected.configuration == {"type": "object", "properties": {"share": {"minimum": 0.5}}}
    assert Manifest.from_toml(f'{SHORT}configuration = "schema.json"', folder=tmp_path) == expected
    assert Manifest.from_toml(f'configuration = "schema.json"\n{SHORT}', folder=tmp_path) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"missing.json"', "missing.json: No such file"),
        ('"../schema.json"', "has to be a table, or the name of a file"),
        ('"broken.json"', "broken.json is not JSON"),
        ("7", "has to be a JSON Schema: a table"),
        ("{ default = 2027-01-01 }", "has to be something that JSON has"),
        ("{ default = nan }", "has to be a finite number"),
    ],
)
def test_a_schema_that_cannot_be_read_is_named(tmp_path: Path, value: str, message: str) -> None:
    """What is wrong with the file or the table is said."""
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BadManifest, match="configuration") as caught:
        Manifest.from_toml(f"{SHORT}configuration = {value}", folder=tmp_path)
    assert message in caught.value.message


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_taken_or_refused(text: str) -> None:
    """Whatever an author writes behind a good beginning, the answer is a manifest or a refusal."""
    try:
        one = Manifest.from_toml(SHORT + text)
    except Refused:
        return
    assert Manifest.from_bytes(one.to_bytes()) == one
