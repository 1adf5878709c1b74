from __future__ import annotations

from datetime import timedelta

import pytest

from signing.publisher import ALICE, BOB, DEMONSTRATION, NOW, SMALL, keyring, manifest, publisher, signed
from wasmpuck.trust import (
    SignedPolicy,
    TrustPolicy,
    UnsignedDevelopmentPolicy,
    UnverifiedDevelopmentPolicy,
    policy_for,
)
from wasmpuck_signing import Keyring, Refused, pack, wasm

UNSIGNED = pack(SMALL, manifest(), None)
TAMPERED = wasm.append_custom(signed(), "more", b"")
RING = keyring(publisher(ALICE), publisher(DEMONSTRATION))


def outcome(policy: TrustPolicy, data: bytes) -> str:
    """What a policy makes of `data`: `signed`, `without signer`, or `refused:` and the code."""
    try:
        return "signed" if policy.judge(data, now=NOW).signers else "without signer"
    except Refused as problem:
        return f"refused: {problem.code}"


@pytest.mark.parametrize(
    ("options", "kind", "outcomes"),
    [
        (
            {},
            SignedPolicy,
            [
                "signed",
                "refused: unsigned",
                "refused: tampered",
                "refused: unknown-signer",
                "refused: demonstration-key",
            ],
        ),
        (
            {"allow_demonstration": True},
            SignedPolicy,
            ["signed", "refused: unsigned", "refused: tampered", "refused: unknown-signer", "signed"],
        ),
        (
            {"allow_unsigned": True},
            UnsignedDevelopmentPolicy,
            [
                *("signed", "without signer", "refused: tampered"),
                *("refused: unknown-signer", "refused: demonstration-key"),
            ],
        ),
        (
            {"verify_signatures": False, "allow_unsigned": True},
            UnverifiedDevelopmentPolicy,
            ["without signer"] * 5,
        ),
        (
            {"verify_signatures": False},
            UnverifiedDevelopmentPolicy,
            ["without signer", "refused: unsigned", "refused: tampered", "without signer", "without signer"],
        ),
    ],
)
def test_the_settings_choose_a_policy(options: dict[str, bool], kind: type, outcomes: list[str]) -> None:
    """Each combination of settings has its policy, and each policy its outcome for the five kinds of artifact."""
    policy = policy_for(RING, **options)
    assert type(policy) is kind
    artifacts = [signed(), UNSIGNED, TAMPERED, signed(BOB), signed(DEMONSTRATION)]
    assert [outcome(policy, data) for data in artifacts] == outcomes
    assert bool(policy.risk) is bool(options)


def test_unsigned_artifacts_still_have_dates_and_a_size() -> None:
    """Doing without signatures is no way around expiry and the size cap."""
    old = pack(SMALL, manifest(expires=NOW - timedelta(days=1)), None)
    for options in ({"allow_unsigned": True}, {"allow_unsigned": True, "verify_signatures": False}):
        policy = policy_for(RING, **options)
        assert outcome(policy, old) == "refused: expired"
        assert outcome(policy, SMALL) == "refused: bad-manifest"
        small = policy_for(RING, max_bytes=10, **options)
        assert outcome(small, UNSIGNED) == "refused: too-large"


def test_an_empty_keyring_accepts_nothing() -> None:
    """Whoever trusts nobody loads nothing."""
    assert outcome(policy_for(Keyring()), signed()) == "refused: unknown-signer"
