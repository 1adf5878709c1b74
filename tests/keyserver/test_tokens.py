"""Tokens: ours are believed until they expire, nobody else's ever; and how often something may happen."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.errors import OperatorError
from wasmpuck.keyserver.pace import Pace, TooOften
from wasmpuck.keyserver.tokens import BadToken, Tokens

SECRET = bytes(32)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@given(
    purpose=st.text(max_size=10),
    values=st.dictionaries(st.text(max_size=10), st.text(max_size=40), max_size=3),
    lifetime=st.floats(1, 1e8),
)
def test_a_token_says_what_was_put_into_it(purpose: str, values: dict[str, str], lifetime: float) -> None:
    """Whatever it is, and in letters that need no escape in a URL."""
    tokens = Tokens(SECRET, clock=Clock())
    text = tokens.issue(purpose, values, lifetime)
    read = tokens.read(purpose, text)
    assert (read.values, read.expires) == (values, int(1_000_000.0 + lifetime))
    assert text.replace("-", "").replace("_", "").isalnum()
    assert text.isascii()


@given(where=st.integers(0, 200), byte=st.integers(1, 255))
def test_an_altered_token_is_none(where: int, byte: int) -> None:
    """Change any byte, and it is not believed."""
    tokens = Tokens(SECRET)
    text = tokens.issue("verify", {"address": "ann@example.org"}, 60)
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[where % len(raw)] ^= byte
    with pytest.raises(BadToken):
        tokens.read("verify", base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@given(st.text(max_size=100) | st.binary(max_size=100).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_made_up_texts_are_no_tokens(text: str) -> None:
    """Nothing that was not made under the secret is one."""
    with pytest.raises(BadToken):
        Tokens(SECRET).read("verify", text)


def test_a_token_is_for_one_purpose_under_one_secret_and_for_some_time() -> None:
    """For another purpose, under another secret, or too late it is not valid."""
    clock = Clock()
    tokens = Tokens(SECRET, clock=clock)
    text = tokens.issue("verify", {}, 60)
    with pytest.raises(BadToken):
        tokens.read("upload", text)
    with pytest.raises(BadToken):
        Tokens(b"x" * 32, clock=clock).read("verify", text)
    clock.now += 59
    tokens.read("verify", text)
    clock.now += 1
    with pytest.raises(BadToken, match="expired"):
        tokens.read("verify", text)


def test_two_tokens_are_never_the_same() -> None:
    """Even for the same values, so that one can be used up without the other."""
    tokens = Tokens(SECRET)
    first, second = (tokens.read("verify", tokens.issue("verify", {}, 60)) for _ in range(2))
    assert first.nonce != second.nonce


def test_the_secret_outlives_a_restart(tmp_path: Path) -> None:
    """It is made once, for its owner alone."""
    path = tmp_path / "tokens.key"
    text = Tokens.stored(path).issue("verify", {}, 60)
    assert path.stat().st_mode & 0o777 == 0o600
    Tokens.stored(path).read("verify", text)
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.key"]


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """So is one of another length, and a folder that cannot be written."""
    path = tmp_path / "tokens.key"
    Tokens.stored(path)
    path.chmod(0o640)
    with pytest.raises(OperatorError, match="read by others"):
        Tokens.stored(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(OperatorError, match="32 bytes"):
        Tokens.stored(path)
    with pytest.raises(OperatorError, match="cannot be used"):
        Tokens.stored(tmp_path / "missing" / "tokens.key")


def test_a_pace_allows_so_many_in_a_window() -> None:
    """Each subject has its own, and what is long ago does not count."""
    clock = Clock()
    pace = Pace(2, 60, clock=clock)
    for _ in range(2):
        pace.check("ann", "too often")
        pace.note("ann")
        clock.now += 10
    with pytest.raises(TooOften) as refused:
        pace.check("ann", "too often")
    assert refused.value.retry_after == 41
    pace.check("bob", "too often")
    clock.now += 40
    pace.check("ann", "too often")
    pace.note("ann")
    assert pace.wait("ann") == 10


def test_a_pace_counts_several_at_once() -> None:
    """As many as there is room for, and never more than are allowed at all."""
    clock = Clock()
    pace = Pace(3, 60, clock=clock)
    pace.note("ann")
    clock.now += 10
    pace.note("ann")
    assert pace.wait("ann", 1) == 0
    assert pace.wait("ann", 2) == 50
    assert pace.wait("ann", 3) == 60
    assert pace.wait("bob", 3) == 0
    assert pace.wait("bob", 4) == 60
