from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectors.owner import Item, Owner, packet
from wasmpuck.openpgp import armor, walk
from wasmpuck.openpgp.ingest import Prepared, examine
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.rewriting import rewrite

ANN, BEN, SUB = Owner("ann"), Owner("ben"), Owner("ann's subkey")
POLICY = Policy(third_party="keep")
NAMES = ("Ann <ann@example.org>", "Annie", "Ann at work")
PARTS: list[Item] = [
    ANN.sign(0x1F, ANN.framed),
    *ANN.user_id(NAMES[0]),
    BEN.certify(ANN, NAMES[0]),
    *ANN.user_id(NAMES[1]),
    ANN.revoke_user_id(NAMES[1]),
    *ANN.user_id(NAMES[2]),
    *ANN.subkey(SUB, signing=True),
]
FOREIGN: list[Item] = [
    *ANN.user_id("Never seen"),
    ANN.sign(0x13, ANN.about(NAMES[0]), at=ANN.created + 5),
    BEN.certify(ANN, NAMES[1]),
    ANN.revocation(),
    ANN.sign(0x13, ANN.about(NAMES[2]), spoil=True),
    *ANN.subkey(Owner("another subkey")),
    *BEN.user_id("Ben"),
    (12, b"\1"),
    (21, b"\0" * 8),
]


def prepared(data: bytes) -> Prepared:
    """A certificate as the server has it."""
    (made,) = examine(data, POLICY).outcomes
    assert isinstance(made, Prepared), made
    return made


WHOLE = prepared(ANN.certificate(*PARTS)).data
assert len(list(walk(WHOLE))) == len(PARTS) + 1


def text(*items: Item | list[Item], owner: Owner = ANN) -> str:
    """Armor of a primary key and these packets."""
    return armor(owner.certificate(*items))


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*PARTS, *FOREIGN]), max_size=12), st.booleans())
def test_nothing_comes_in_that_did_not_come(items: list[Item], first: bool) -> None:
    """Whatever packets a plugin puts together, in whatever order, the result has only those that there were."""
    made = rewrite(WHOLE, text(*([PARTS[1], PARTS[2], *items] if first else items)), POLICY)
    if isinstance(made, Prepared):
        assert set(walk(made.data)) <= set(walk(WHOLE))
        assert made.fingerprint == ANN.fingerprint
        assert not any(item in FOREIGN for item in items)
    else:
        assert made.endswith(".")


@settings(max_examples=100)
@given(st.sets(st.sampled_from(NAMES), min_size=1), st.booleans())
def test_whole_components_may_be_left_out(names: set[str], subkey: bool) -> None:
    """A certificate of some of the user ids, with or without the subkey, is just that."""
    kept = [item for name in sorted(names) for item in ANN.user_id(name)] + (PARTS[-2:] if subkey else [])
    made = rewrite(WHOLE, text(*kept), POLICY)
    assert isinstance(made, Prepared)
    assert set(walk(made.data)) == set(walk(ANN.certificate(*kept)))


def test_the_whole_may_stand_for_itself() -> None:
    """What was not changed is the same, to the byte."""
    made = rewrite(WHOLE, armor(WHOLE), POLICY)
    assert isinstance(made, Prepared)
    assert made.data == WHOLE


def test_a_signature_stays_where_it_was() -> None:
    """Another person's signature about one user id cannot be moved below another one."""
    moved = text(*ANN.user_id(NAMES[2]), BEN.certify(ANN, NAMES[0]))
    made = rewrite(WHOLE, moved, POLICY)
    assert isinstance(made, Prepared)
    assert set(walk(made.data)) == set(walk(ANN.certificate(ANN.user_id(NAMES[2]))))


@pytest.mark.parametrize(
    ("armored", "why"),
    [
        ("", "empty"),
        ("no armor at all", "neither an armored"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA", "END line is missing"),
        (text(ANN.user_id(NAMES[0])) + text(ANN.user_id(NAMES[1])), "not one certificate alone"),
        (text(BEN.user_id("Ben"), owner=BEN), "holds a packet"),
        (text(*FOREIGN[:2]), "holds a packet"),
        (text(), "signature"),
        (armor(packet(*PARTS[0])), "without a key"),
        (armor(packet(13, NAMES[0].encode())), "no certificate"),
    ],
    ids=["nothing", "words", "cut", "two", "another", "more", "bare", "signature", "no key"],
)
def test_what_cannot_stand_for_it_is_said(armored: str, why: str) -> None:
    """In a sentence."""
    made = rewrite(WHOLE, armored, POLICY)
    assert isinstance(made, str)
    assert why in made


def test_a_subkeys_owner_cannot_take_its_place() -> None:
    """A certificate whose primary key is a subkey of the one that came is another one."""
    made = rewrite(WHOLE, text(SUB.user_id("Sub"), owner=SUB), POLICY)
    assert isinstance(made, str)
