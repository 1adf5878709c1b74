"""Armored answers that are kept in memory."""

from __future__ import annotations

import os
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.http.armoring import Armory, commented
from wasmpuck.http.shelf import Shelf
from wasmpuck.openpgp.armor import armor, dearmor

SAMPLES = [os.urandom(size) for size in (2_100, 3_000, 4_000, 5_000, 200_000, 10)]


@given(
    asked=st.lists(st.integers(0, len(SAMPLES) - 1), max_size=60),
    most=st.sampled_from([0, 10_000, 20_000, 1_000_000]),
)
def test_what_is_kept_is_what_would_be_made(asked: list[int], most: int) -> None:
    """Whatever is asked for in whatever order, the answer is the right one, and memory is bounded."""
    shelf = Shelf(most)
    armory = Armory(shelf)
    for number in asked:
        assert armory.armored(f'"{number}"', partial(bytes, SAMPLES[number])) == armor(SAMPLES[number]).encode()
        assert shelf.size <= most


def test_what_was_asked_for_last_stays() -> None:
    """It is the same object then."""
    armory = Armory(Shelf(40_000))

    def armored(tag: str, number: int) -> bytes:
        return armory.armored(tag, partial(bytes, SAMPLES[number]))

    first = armored("0", 0)
    for number in (1, 2, 3):
        armored(str(number), number)
        assert armored("0", 0) is first
    for turn in range(20):
        armored(f"other {turn}", 2)
    assert armored("0", 0) is not first


def test_a_comment_is_in_the_head() -> None:
    """It changes nothing else."""
    block = commented(armor(SAMPLES[0]).encode(), "Be careful.")
    assert block.splitlines()[:3] == [b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"Comment: Be careful.", b""]
    assert dearmor(block) == SAMPLES[0]
