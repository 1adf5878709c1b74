from __future__ import annotations

from collections import Counter

import pytest

from vectors.owner import CREATED, Item, Owner, packet, subpacket
from wasmpuck.openpgp import Packet, Policy, RefusalCode, Refused, Rule, vet, walk
from wasmpuck.openpgp.ingest import Examination, Prepared, Rejected, examine
from wasmpuck.openpgp.keys import parse_key
from wasmpuck.openpgp.signatures import Signature
from wasmpuck.openpgp.verify import Scope, Verifier

ANN, BEN = Owner("ann"), Owner("ben")
TEXT = "Ann <ann@example.org>"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many digests were computed and how many signatures checked with a public key."""
    counted: Counter[str] = Counter()
    digest, verifies = Scope.digest, Verifier.verifies

    def counting_digest(self: Scope, signature: Signature) -> bytes | None:
        counted["digests"] += 1
        return digest(self, signature)

    def counting_verifies(self: Verifier, signature: Signature, digest: bytes) -> bool | None:
        counted["checks"] += 1
        return verifies(self, signature, digest)

    monkeypatch.setattr(Scope, "digest", counting_digest)
    monkeypatch.setattr(Verifier, "verifies", counting_verifies)
    return counted


def only(examination: Examination) -> Prepared | Rejected:
    """The one outcome."""
    (outcome,) = examination.outcomes
    assert isinstance(outcome, Prepared | Rejected)
    return outcome


def test_a_thousand_bare_user_ids_cost_nothing(work: Counter[str]) -> None:
    """They fall before anything is computed, and the owner's packets stay."""
    bare: list[Item] = [(13, f"fake {number}".encode()) for number in range(1000)]
    outcome = only(examine(ANN.certificate(ANN.user_id(TEXT), bare), Policy()))
    assert isinstance(outcome, Prepared)
    assert outcome.drops == ((Rule.UNBOUND, 1000),)
    assert outcome.facts.user_ids == (TEXT,)
    assert work == {"digests": 1, "checks": 1}


def test_fifty_thousand_strangers_signatures_are_told_apart_by_one_digest_each(work: Counter[str]) -> None:
    """A certificate flooded as in 2019 keeps what is true; each false signature costs one digest."""
    kind, body = BEN.sign(0x10, ANN.about(TEXT), prefix=b"\0\0", spoil=True)
    flood = [(kind, body[:8] + number.to_bytes(4, "big") + body[12:]) for number in range(50_000)]
    outcome = only(examine(ANN.certificate(ANN.user_id(TEXT), flood, BEN.certify(ANN, TEXT)), Policy()))
    assert isinstance(outcome, Prepared)
    assert outcome.facts.signatures <= 4
    assert sum(number for _, number in outcome.drops) + outcome.facts.signatures == 50_002
    assert work["checks"] == 1
    assert work["digests"] == 50_002


def test_fifty_thousand_plausible_signatures_leave_room_for_the_owner(work: Counter[str]) -> None:
    """Whoever makes plausible signatures can fill what is left for strangers, and not one octet more."""
    policy = Policy(max_foreign_signatures=100)
    flood = [BEN.certify(ANN, TEXT, at=number, spoil=True) for number in range(1, 5001)]
    outcome = only(examine(ANN.certificate(ANN.user_id(TEXT), flood, ANN.revocation(reason=3, at=CREATED + 1)), policy))
    assert isinstance(outcome, Prepared)
    assert outcome.drops == ((Rule.SURPLUS, 4900),)
    assert outcome.summary["revoked"] is True
    assert outcome.facts.signatures == 102
    assert work["checks"] == 2


def test_a_flood_in_the_owners_name_is_refused_after_a_counted_number_of_checks(work: Counter[str]) -> None:
    """Checks with a public key are the dearest work, and their number is bounded by the policy."""
    flood = [ANN.sign(0x13, ANN.about(TEXT), at=number, spoil=True) for number in range(1, 1001)]
    outcome = only(examine(ANN.certificate(ANN.user_id(TEXT), flood), Policy(max_own_checks=200)))
    assert isinstance(outcome, Rejected)
    assert outcome.code == RefusalCode.TOO_MANY_SELF_SIGNATURES
    assert outcome.fingerprint == ANN.fingerprint
    assert work["checks"] == 200


@pytest.mark.parametrize(
    ("bits", "exponent", "cost"),
    [
        (1024, 17, 1),
        (4096, 65537, 1),
        (4096, 0xFFFFFFFF, 2),
        (8192, 65537, 4),
        (16384, 65537, 16),
        (16384, 0xFFFFFFFF, 32),
    ],
)
def test_a_check_counts_as_what_it_costs(bits: int, exponent: int, cost: int) -> None:
    """Long RSA keys are slow, more so with a long exponent: a flood under them ends sooner."""
    numbers = ((1 << bits) - 1).to_bytes(bits // 8, "big"), exponent.to_bytes(4, "big").lstrip(b"\0")
    body = b"\x04" + bytes(4) + b"\x01"
    for octets in numbers:
        body += int.from_bytes(octets, "big").bit_length().to_bytes(2, "big") + octets
    assert Verifier(parse_key(Packet(6, body))).cost == cost


def test_back_signatures_are_counted_as_well(work: Counter[str]) -> None:
    """A subkey's binding is worth a few tries, however many false back signatures it brings."""
    sub = Owner("sub")
    false = sub.sign(0x19, ANN.framed + sub.framed, spoil=True)[1]
    area = subpacket(27, b"\x02") + b"".join(subpacket(32, false) for _ in range(100))
    binding = ANN.sign(0x18, ANN.framed + sub.framed, hashed=area)
    outcome = only(examine(ANN.certificate(ANN.user_id(TEXT), (14, sub.body), binding), Policy()))
    assert isinstance(outcome, Prepared)
    assert outcome.facts.subkeys == ()
    assert work["checks"] <= 1 + 1 + 4


@pytest.mark.parametrize(
    "data",
    [
        b"\xcd\xff\xff\xff\xff\xff" + bytes(100),
        packet(6, ANN.body) + b"\xcd\xff\x7f\xff\xff\xff" + bytes(100),
        packet(6, b"\x06" + bytes(4) + b"\x01\xff\xff\xff\xff"),
        packet(6, b"\x04" + bytes(4) + b"\x01\xff\xff" + bytes(100)),
        packet(6, ANN.body) + packet(13, b"Ann") + packet(2, b"\x06\x13\x1b\x08\xff\xff\xff\xff"),
        packet(6, ANN.body) + packet(13, b"Ann") + packet(2, b"\x04\x13\x16\x08\xff\xff"),
        packet(6, ANN.body)
        + packet(13, b"Ann")
        + packet(2, b"\x04\x13\x16\x08\x00\x06\xff\xff\xff\xff\xff\x02\x00\x00"),
    ],
    ids=["packet", "second packet", "version 6 material", "number", "hashed area 6", "hashed area 4", "subpacket"],
)
def test_claimed_lengths_are_never_believed(data: bytes) -> None:
    """A length that promises gigabytes is answered in words, not in memory."""
    examination = examine(data, Policy())
    assert examination.problem is not None or isinstance(only(examination), Rejected)


def test_the_same_primary_again_is_another_certificate() -> None:
    """Nested or repeated primary keys begin anew, and each stands for itself."""
    data = ANN.certificate(ANN.user_id(TEXT)) + ANN.certificate() + ANN.certificate(ANN.user_id("Annie"))
    outcomes = examine(data, Policy()).outcomes
    assert [type(outcome) for outcome in outcomes] == [Prepared, Rejected, Prepared]
    assert {outcome.fingerprint for outcome in outcomes if not hasattr(outcome, "issuers")} == {ANN.fingerprint}


def test_a_long_user_id_under_many_signatures_is_hashed_once() -> None:
    """What thousands of signatures share is not hashed thousands of times."""
    long = "a" * 2000
    scope = Scope(vet(walk(ANN.certificate(ANN.user_id(long))), Policy()).certificate.primary, user_id=long.encode())
    certificate = vet(
        walk(ANN.certificate(ANN.user_id(long), [BEN.certify(ANN, long, at=number) for number in range(1, 300)])),
        Policy(),
    ).certificate
    digests = {scope.digest(signature) for signature in certificate.user_ids[0].signatures}
    assert len(digests) == 300
    assert len(scope._started) == 1


@pytest.mark.parametrize("size", [0, 1, 10, 50, 100, 200])
def test_a_truncated_certificate_is_refused_whole(size: int) -> None:
    """Nothing of a certificate that is cut off in the middle of a packet is taken."""
    whole = ANN.certificate(ANN.user_id(TEXT))
    examination = examine(whole[: len(whole) - 1 - size], Policy())
    assert examination.problem is not None
    assert not examination.outcomes


def test_refusals_carry_no_trace_of_a_library() -> None:
    """What a client is told names no file, line or library."""
    for data in (packet(6, b"\x04zzz"), ANN.certificate((7, b"x")), ANN.certificate()):
        with pytest.raises(Refused) as caught:
            vet(walk(data), Policy())
        assert not any(word in caught.value.text.lower() for word in ("backtrace", "rust", "sequoia", "python", ".rs"))
