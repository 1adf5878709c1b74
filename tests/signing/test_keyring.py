from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.publisher import ALICE, BOB, DEMONSTRATION
from wasmpuck_signing import Keyring, KeyringFault, Publisher

GOOD = f"""
format = 1
publisher = "Alice's plugins"
key = "{ALICE.public.line()}"
plugins = ["ratelimit-*", "admission-policy"]
"""


def test_a_publisher_is_read() -> None:
    """A keyring file becomes a publisher with key, patterns and dates."""
    one = Publisher.from_toml(f"{GOOD}not-after = 2027-12-31", "alice.toml")
    assert one == Publisher(
        name="Alice's plugins",
        key=ALICE.public,
        plugins=("ratelimit-*", "admission-policy"),
        not_after=datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC),
        file="alice.toml",
    )


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("ratelimit-window", True),
        ("ratelimit-", True),
        ("admission-policy", True),
        ("ratelimit", False),
        ("admission-policy-2", False),
        ("xratelimit-window", False),
        ("Ratelimit-window", False),
    ],
)
def test_patterns_cover_whole_names(name: str, allowed: bool) -> None:
    """A pattern speaks of the whole name; only `*` stands for something else than itself."""
    assert Publisher.from_toml(GOOD).may_publish(name) is allowed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = ", "not TOML"),
        ("x = " + "[" * 5000, "not TOML"),
        ("x = " + "9" * 5000, "not TOML"),
        ("", "format: is missing"),
        (GOOD.replace("format = 1", "format = 2"), "format: has to be 1"),
        (GOOD.replace("format = 1", "format = true"), "format: has to be 1"),
        (GOOD.replace("publisher =", "name ="), "name: is not a known key"),
        (GOOD.replace('"Alice\'s plugins"', '""'), "publisher: must not be empty"),
        (GOOD.replace("wasmpuck-ed25519", "ed25519"), "not a public key line"),
        (GOOD.replace(ALICE.public.line(), "wasmpuck-ed25519 " + "A" * 43 + "="), "small order"),
        (GOOD.replace('["ratelimit-*", "admission-policy"]', "[]"), "plugins: has to list at least one"),
        (GOOD.replace('["ratelimit-*", "admission-policy"]', '"*"'), "plugins: has to list at least one"),
        (GOOD.replace("admission-policy", "admission?"), "plugins: 'admission?' is not of the right form"),
        (GOOD.replace('"admission-policy"', "1"), "plugins: has to be a text"),
        (f"{GOOD}not-after = 1", "not-after: has to be a date"),
        (f"{GOOD}not-after = 2027-12-31T00:00:00", "not-after: has to be a date, or a time with its zone"),
        (f"{GOOD}demonstration = 1", "demonstration: has to be true or false"),
        (f"{GOOD}demo = true", "demo: is not a known key"),
    ],
)
def test_mistakes_name_the_file(text: str, message: str) -> None:
    """Each mistake in a keyring file is answered with the file and what is wrong."""
    with pytest.raises(KeyringFault) as caught:
        Publisher.from_toml(text, "alice.toml")
    assert caught.value.message.startswith("alice.toml: ")
    assert message in caught.value.message


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_file_is_read_or_refused(text: str) -> None:
    """Whatever stands behind a good beginning, the answer is a publisher or a fault."""
    try:
        one = Publisher.from_toml(GOOD + text)
    except KeyringFault:
        return
    assert one.key == ALICE.public


def test_the_demonstration_key_cannot_be_laundered() -> None:
    """A file that trusts the published key is one of a demonstration, whatever it says."""
    text = GOOD.replace(ALICE.public.line(), DEMONSTRATION.public.line())
    assert Publisher.from_toml(text).demonstration
    assert Publisher.from_toml(f"{text}demonstration = false").demonstration
    assert Publisher.from_toml(f"{GOOD}demonstration = true").demonstration


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    """Every file that can be used counts; each of the others is a problem that names it."""
    (tmp_path / "alice.toml").write_text(GOOD)
    (tmp_path / "alice-again.toml").write_text(GOOD)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "bob.toml").write_text(GOOD.replace(ALICE.public.line(), BOB.public.line()))
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "large.toml").write_text("#" * 65_537)
    (tmp_path / "README.md").write_text("not a keyring file")
    ring = Keyring.load(tmp_path)
    assert [one.key for one in ring.publishers] == [ALICE.public, BOB.public]
    messages = [problem.message.removeprefix(f"{tmp_path}/") for problem in ring.problems]
    assert messages == [
        f"alice.toml: its key is already that of {tmp_path}/alice-again.toml",
        "binary.toml: not UTF-8",
        "folder.toml: Is a directory",
        "large.toml: larger than 65536 bytes",
    ]


def test_an_empty_folder_trusts_nobody(tmp_path: Path) -> None:
    """A keyring without files has no publishers and no problems."""
    assert Keyring.load(tmp_path) == Keyring()


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    """A keyring that is not there is not taken for an empty one."""
    with pytest.raises(KeyringFault, match="No such file or directory"):
        Keyring.load(tmp_path / "nowhere")
