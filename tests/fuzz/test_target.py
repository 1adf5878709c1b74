from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.seeds import debian, poisoned, samples, write
from fuzz.target import POLICIES, Budget, OverBudget, check
from vectors.packages import debian_keyrings
from wasmpuck.openpgp.ingest import examine

FOUND = sorted((Path(__file__).parent / "found").iterdir())
SEEDS = [*samples(), *poisoned()]


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_the_fuzzer_once_found_holds(path: Path) -> None:
    """An input that once broke a promise keeps it now."""
    check(path.read_bytes())


@pytest.mark.parametrize("policy", range(len(POLICIES)))
@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_the_seeds_hold(number: int, policy: int) -> None:
    """Samples and poisoned shapes keep every promise under every policy."""
    check(bytes((policy,)) + SEEDS[number])


def test_pieces_of_debians_keyrings_hold() -> None:
    """Real certificates keep every promise, also when cut off."""
    for keyring in debian_keyrings():
        for number, data in enumerate(debian(keyring, 12)):
            check(bytes((number,)) + data)
            check(bytes((number,)) + data[: len(data) // 2])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A seed with some octets changed, cut out, repeated or taken from another seed."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 40)))
        match draw(st.integers(0, 4)):
            case 0 if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = data[at:end] * draw(st.integers(1, 8))
            case 3:
                data[at:end] = draw(st.binary(max_size=12))
            case _:
                other = draw(st.sampled_from(SEEDS))
                start = draw(st.integers(0, len(other)))
                data[at:end] = other[start : start + 400]
    return bytes((draw(st.integers(0, 2)),)) + bytes(data)


@settings(max_examples=300)
@given(mutated())
def test_mutated_seeds_hold(data: bytes) -> None:
    """Whatever is changed in a seed, every promise is kept."""
    check(data)


@given(st.binary(max_size=300))
def test_noise_holds(data: bytes) -> None:
    """Any bytes at all keep every promise."""
    check(data)


REPEATED = {
    "empty user ids": b"\xcd\x00",
    "empty signatures": b"\xc2\x00",
    "empty subkeys": b"\xce\x00",
    "empty primary keys": b"\xc6\x00",
    "trust packets": b"\xcc\x00",
    "lines of armor": b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n",
    "brackets": b"\xcd\x40" + b"<" * 63 + b">",
    "primary keys": b"\xc6\x29\x06\0\0\0\0\x1b\0\0\0\x20" + bytes(29),
}


@pytest.mark.parametrize("what", REPEATED)
def test_the_work_grows_with_the_size(what: str) -> None:
    """Ten times as much of the same costs ten times the work, and nothing costs more than its size allows."""
    spent: list[int] = []
    for times in (200, 2000):
        data = SEEDS[-4][:53] + REPEATED[what] * times if what != "lines of armor" else REPEATED[what] * times
        with Budget(len(data)) as budget:
            examine(data, POLICIES[0])
        spent.append(budget.spent)
    assert spent[1] <= 11 * spent[0] + 1000


def test_a_budget_tells_who_exceeds_it() -> None:
    """The check of the check: work out of proportion is noticed."""

    def waste(times: int) -> None:
        if times:
            waste(times - 1)

    budget = Budget(1)
    budget.allowed = 50
    with pytest.raises(OverBudget, match="50 allowed"), budget:
        waste(100)


def test_the_seeds_are_written_for_the_fuzzer(tmp_path: Path) -> None:
    """One file each, so that the recipe can start from them."""
    assert write(tmp_path / "corpus") == len(list((tmp_path / "corpus").iterdir()))
