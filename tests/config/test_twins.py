"""Settings that other packages repeat, so that they need not import the configuration."""

from __future__ import annotations

import dataclasses
import re

import pytest

from wasmpuck.config import OpenPGPSettings
from wasmpuck.config.kinds import BadValue
from wasmpuck.config.openpgp import FILTERS, AnyFingerprintKind, FilterList
from wasmpuck.openpgp import policy
from wasmpuck.openpgp.policy import OPTIONAL_FILTERS, Policy


def test_the_openpgp_settings_are_the_policys() -> None:
    """`[openpgp]` has exactly the policy's limits and choices, with the same defaults."""
    assert dataclasses.asdict(OpenPGPSettings()) == dataclasses.asdict(Policy())


@pytest.mark.parametrize("left_out", FILTERS)
def test_a_filter_can_be_left_out_if_the_policy_says_so(left_out: str) -> None:
    """Leaving out a filter without which a certificate would not be one is a mistake with an explanation."""
    assert FILTERS == policy.FILTERS
    names = [name for name in FILTERS if name != left_out]
    if left_out in OPTIONAL_FILTERS:
        assert FilterList().read(names) == FilterList().from_text(",".join(names)) == tuple(names)
        return
    with pytest.raises(BadValue, match=re.escape(f'"{left_out}" cannot be left out')) as caught:
        FilterList().read(names)
    assert "drop:hardRevokedCruft" in caught.value.hint


@pytest.mark.parametrize("digits", [32, 40, 64])
def test_a_certificate_of_any_version_can_be_blacklisted(digits: int) -> None:
    """By its whole fingerprint, in any usual spelling; a key id is not one."""
    text = "0123456789ABCDEF" * 4
    spaced = " ".join(text[start : start + 4] for start in range(0, digits, 4))
    assert AnyFingerprintKind().read(f"0x{text[:digits]}") == AnyFingerprintKind().read(spaced) == text[:digits].lower()
    for wrong in (text[: digits - 1], text[:16], 7):
        with pytest.raises(BadValue):
            AnyFingerprintKind().read(wrong)
