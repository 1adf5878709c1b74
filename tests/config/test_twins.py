"""Settings that other packages repeat, so that they need not import the configuration."""

from __future__ import annotations

import dataclasses

from wasmpuck.config import OpenPGPSettings
from wasmpuck.openpgp.policy import Policy


def test_the_openpgp_settings_are_the_policys() -> None:
    """`[openpgp]` has exactly the policy's limits, with the same defaults."""
    assert dataclasses.asdict(OpenPGPSettings()) == dataclasses.asdict(Policy())
