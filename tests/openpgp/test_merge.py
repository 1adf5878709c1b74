from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectors.owner import CREATED, Item, Owner
from wasmpuck.openpgp import Certificate, Policy, merge, vet, walk
from wasmpuck.openpgp.limits import limit
from wasmpuck.openpgp.settling import is_hard, settle
from wasmpuck.openpgp.signatures import SignatureType

ANN, BEN, EVE = Owner("ann"), Owner("ben"), Owner("eve")
NAMES = ["Ann", "Ann <ann@example.org>", "Annie", "Ann at work"]

# Every piece is valid by itself, so that every choice of pieces is a certificate.
PIECES: list[list[Item]] = [
    *([user_id, signature] for user_id, signature in map(ANN.user_id, NAMES)),
    *([*ANN.user_id(name, at=CREATED + 5)] for name in NAMES),
    *([*ANN.user_id(name), BEN.certify(ANN, name)] for name in NAMES),
    *([*ANN.user_id(name), EVE.certify(ANN, name, at=CREATED + 9)] for name in NAMES[:2]),
    *([(13, name.encode()), ANN.revoke_user_id(name)] for name in NAMES[2:]),
    *(ANN.subkey(Owner(f"sub{number}"), signing=number % 2 == 0) for number in range(4)),
]
DIRECT: list[Item] = [
    ANN.revocation(),
    ANN.revocation(reason=1),
    ANN.revocation(reason=3, at=CREATED + 1),
    ANN.sign(0x1F, ANN.framed),
    BEN.sign(0x1F, ANN.framed),
]


def build(direct: Sequence[Item], pieces: Sequence[list[Item]]) -> Certificate:
    """A vetted certificate of these."""
    return vet(walk(ANN.certificate(list(direct), *pieces)), Policy()).certificate


CERTIFICATES = st.builds(
    build, st.lists(st.sampled_from(DIRECT)), st.lists(st.sampled_from(PIECES), min_size=1, max_size=8)
)


@given(CERTIFICATES, CERTIFICATES)
def test_merging_is_commutative(one: Certificate, other: Certificate) -> None:
    """It does not matter who is merged into whom."""
    assert merge(one, other).bytes == merge(other, one).bytes


@given(CERTIFICATES, CERTIFICATES, CERTIFICATES)
def test_merging_is_associative(one: Certificate, two: Certificate, three: Certificate) -> None:
    """It does not matter in which steps states come together."""
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(CERTIFICATES)
def test_merging_is_idempotent(one: Certificate) -> None:
    """A certificate merged with itself is itself."""
    assert merge(one, one) == one
    assert merge(one, one).md5 == one.md5


@given(CERTIFICATES, CERTIFICATES)
def test_merging_loses_nothing_and_adds_nothing(one: Certificate, other: Certificate) -> None:
    """The packets of a merged certificate are the packets of both."""
    assert set(merge(one, other).packets) == set(one.packets) | set(other.packets)


@given(CERTIFICATES, CERTIFICATES)
def test_merging_valid_certificates_gives_a_valid_one(one: Certificate, other: Certificate) -> None:
    """What was vetted apart need not be vetted again together: only the policy's rules apply to the whole."""
    merged = merge(one, other)
    assert vet(walk(merged.bytes), Policy()).certificate == settle(merged, Policy())


@given(CERTIFICATES, CERTIFICATES, CERTIFICATES)
def test_the_limit_on_other_peoples_signatures_keeps_the_laws(
    one: Certificate, two: Certificate, three: Certificate
) -> None:
    """Which signatures stay within a limit on their number does not depend on the order of arrival."""
    policy = Policy(max_foreign_signatures=2)

    def bounded(left: Certificate, right: Certificate) -> Certificate:
        return limit(merge(left, right), policy)

    assert bounded(bounded(one, two), three) == bounded(one, bounded(two, three))


@given(
    CERTIFICATES,
    CERTIFICATES,
    CERTIFICATES,
    st.sampled_from(
        [
            Policy(),
            Policy(max_foreign_signatures=1),
            Policy(third_party="self-only"),
            Policy(filters=(), max_foreign_signatures=3),
        ]
    ),
)
def test_settled_merges_keep_the_laws(one: Certificate, two: Certificate, three: Certificate, policy: Policy) -> None:
    """What a server stores depends on what came, not on the order in which it came or on how often."""

    def joined(left: Certificate, right: Certificate) -> Certificate:
        return settle(merge(left, right), policy)

    assert joined(one, two) == joined(two, one)
    assert joined(joined(one, two), three) == joined(one, joined(two, three))
    assert joined(joined(one, two), two) == joined(one, two)
    assert settle(joined(one, two), policy) == joined(one, two)


@given(CERTIFICATES, CERTIFICATES, st.integers(0, 3))
def test_the_owner_loses_nothing_to_the_limits(one: Certificate, other: Certificate, most: int) -> None:
    """However little room there is, of the owner's packets only those go that a hard revocation makes void."""
    before = merge(one, other)
    after = settle(before, Policy(max_foreign_signatures=most))
    dead = any(is_hard(item) for item in before.direct if item.type == SignatureType.KEY_REVOCATION)
    owned = {item.packet for item in before.direct if before.is_own(item)}
    for subkey in before.subkeys:
        owned |= {subkey.key.packet, *(item.packet for item in subkey.signatures if before.is_own(item))}
    if not dead:
        for user_id in before.user_ids:
            owned |= {user_id.packet, *(item.packet for item in user_id.signatures if before.is_own(item))}
    assert owned <= set(after.packets)


def test_different_certificates_are_not_merged() -> None:
    """Merging needs one primary key."""
    with pytest.raises(ValueError, match="two different certificates"):
        merge(build([], PIECES[:1]), vet(walk(BEN.certificate(BEN.user_id("Ben"))), Policy()).certificate)
