from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.publisher import ALICE, BOB, DEMONSTRATION, DEMONSTRATION_FOLDER
from wasmpuck_signing import DEMONSTRATION_KEY_IDS, KeyFault, Keyring, PrivateKey, PublicKey
from wasmpuck_signing.errors import KeyLocked

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The sum of two points in affine coordinates (RFC 8032 §5.1, the curve's addition law)."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def encode(point: Point) -> bytes:
    """A point's 32 bytes (RFC 8032 §5.1.2)."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def small_order_points() -> list[Point]:
    """All eight multiples of a point of order eight."""
    root = pow(2, (P - 1) // 4, P)  # a square root of -1
    for y in range(2, 100):
        x_squared = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(x_squared, (P + 3) // 8, P)
        if x * x % P != x_squared:
            x = x * root % P
        if x * x % P != x_squared:
            continue
        order = 2**252 + 27742317777372353535851937790883648493  # RFC 8032 §5.1: L
        torsion, power = IDENTITY, (x, y)
        while order:
            torsion = add(torsion, power) if order & 1 else torsion
            power, order = add(power, power), order >> 1
        points = [IDENTITY]
        while (following := add(points[-1], torsion)) != IDENTITY:
            points.append(following)
        if len(points) == 8:
            return points
    raise AssertionError("no point of order eight found")


def test_the_eight_points_of_small_order_are_refused() -> None:
    """No key under which anybody can sign anything is ever accepted."""
    points = small_order_points()
    assert len({encode(point) for point in points}) == 8
    for point in points:
        with pytest.raises(KeyFault, match="small order"):
            PublicKey(encode(point))


def test_the_library_alone_would_accept_a_point_of_small_order() -> None:
    """The check is needed: with the identity as key one fixed signature holds for every message."""
    identity = encode(IDENTITY)
    Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"anything")


@pytest.mark.parametrize("number", [P, P + 1, 2**255 - 1, 2**255 + P + 1, 2**256 - 1])
def test_encodings_that_are_not_canonical_are_refused(number: int) -> None:
    """A coordinate that is not reduced is refused (RFC 8032 §5.1.3)."""
    with pytest.raises(KeyFault, match="not canonically encoded"):
        PublicKey(number.to_bytes(32, "little"))


def test_the_identity_with_a_negative_zero_is_refused() -> None:
    """The second spelling of a point with x = 0 is refused too."""
    with pytest.raises(KeyFault, match="small order"):
        PublicKey((1 | 1 << 255).to_bytes(32, "little"))


def test_coordinates_off_the_curve_are_refused() -> None:
    """About half of all numbers are not the y coordinate of a point; such a key is refused at once."""
    with pytest.raises(KeyFault, match="not a point on the curve"):
        PublicKey((2).to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_keys_of_another_length_are_refused(length: int) -> None:
    """A public key and a seed have exactly 32 bytes."""
    with pytest.raises(KeyFault, match="32 bytes"):
        PublicKey(bytes(length))
    with pytest.raises(KeyFault, match="32 bytes"):
        PrivateKey.from_seed(bytes(length))


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50))
def test_real_keys_are_accepted_and_verify(seed: bytes, message: bytes) -> None:
    """Every seed gives a key that passes the checks and whose signatures hold, and for no other message or key."""
    key = PrivateKey.from_seed(seed)
    signature = key.sign(message)
    assert key.public.verifies(signature, message)
    assert not key.public.verifies(signature, message + b"x")
    assert not BOB.public.verifies(signature, message)


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.text(max_size=20).map(str.strip).filter(str.isprintable))
def test_a_public_key_survives_its_line(seed: bytes, comment: str) -> None:
    """A public key is read back from its line, with its comment and whatever blanks stand around it."""
    key = PrivateKey.from_seed(seed, comment).public
    assert PublicKey.from_line(key.line()) == key
    assert PublicKey.from_line(f"  {key.line()}\n") == key


@pytest.mark.parametrize("comment", ["two\nlines", "\x1b[2J", "a" * 201])
def test_comments_that_are_not_one_line_are_refused(comment: str) -> None:
    """A key's comment is short and can be shown as it is."""
    with pytest.raises(KeyFault, match="one printable line"):
        PublicKey(ALICE.public.raw, comment)


def test_a_key_id_is_twelve_bytes_and_stable() -> None:
    """The id of a key never changes, or every keyring and signature would lose its key."""
    assert ALICE.public.key_id == "12ff3451cea027020434a710"
    assert PublicKey(ALICE.public.raw, "another comment").key_id == ALICE.public.key_id


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "not a public key line"),
        ("wasmpuck-ed25519", "not a public key line"),
        ("ssh-ed25519 AAAA", "not a public key line"),
        ("wasmpuck-ed25519 !!!!", "not base64"),
        ("wasmpuck-ed25519 äöü", "not base64"),
        ("wasmpuck-ed25519 AAAA", "32 bytes, this one 3"),
        (ALICE.public.line().replace("= ", " "), "not base64"),
    ],
)
def test_lines_that_are_no_key_are_refused(line: str, message: str) -> None:
    """A line that is not a public key is refused with a sentence that says why."""
    with pytest.raises(KeyFault) as caught:
        PublicKey.from_line(line)
    assert message in caught.value.message


def test_a_second_base64_spelling_is_refused() -> None:
    """Unused bits in the last base64 digit must be zero, so that one key has one line."""
    encoded = base64.b64encode(ALICE.public.raw).decode()
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = encoded[:-2] + digits[digits.index(encoded[-2]) ^ 1] + "="
    assert base64.b64decode(other) == ALICE.public.raw
    with pytest.raises(KeyFault, match="canonical base64"):
        PublicKey.from_line(f"wasmpuck-ed25519 {other}")


@pytest.mark.parametrize("password", [None, b"correct horse"])
def test_a_private_key_survives_its_file(tmp_path: Path, password: bytes | None) -> None:
    """A key is read back from its file, encrypted or not, and only its owner may read the file."""
    path = tmp_path / "key.pem"
    ALICE.save(path, password)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PrivateKey.load(path, password).sign(b"x") == ALICE.sign(b"x")


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    """Saving over an existing file is refused and leaves it alone."""
    path = tmp_path / "key.pem"
    ALICE.save(path)
    before = path.read_bytes()
    with pytest.raises(KeyFault, match="already there"):
        BOB.save(path)
    assert path.read_bytes() == before


def test_files_that_hold_no_usable_key_are_named(tmp_path: Path) -> None:
    """A missing, foreign, locked or broken key file is refused by name, each in its own words."""
    path = tmp_path / "key.pem"
    with pytest.raises(KeyFault, match=r"key\.pem: No such file"):
        PrivateKey.load(path)
    with pytest.raises(KeyFault, match="No such file"):
        ALICE.save(tmp_path / "nowhere" / "key.pem")
    path.write_bytes(b"-----BEGIN NOTHING-----")
    with pytest.raises(KeyFault, match=r"key\.pem: not a private key"):
        PrivateKey.load(path)
    foreign = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(foreign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFault, match="not an Ed25519 key"):
        PrivateKey.load(path)
    path.write_bytes(ALICE.to_pem(b"secret"))
    with pytest.raises(KeyLocked, match="is encrypted"):
        PrivateKey.load(path)
    with pytest.raises(KeyFault, match="wrong passphrase"):
        PrivateKey.load(path, b"guess")
    path.write_bytes(ALICE.to_pem())
    with pytest.raises(KeyFault, match="is not encrypted"):
        PrivateKey.load(path, b"secret")


def test_a_generated_key_is_new() -> None:
    """Two generated keys differ, and their text shows no more than the id."""
    one, other = PrivateKey.generate(), PrivateKey.generate("other")
    assert one.public.key_id != other.public.key_id
    assert repr(one) == f"PrivateKey({one.public.key_id})"


def test_the_demonstration_key_is_known_to_the_code() -> None:
    """The published key pair is the one that the code refuses by id, and its keyring file says so as well."""
    assert {DEMONSTRATION.public.key_id} == DEMONSTRATION_KEY_IDS
    assert DEMONSTRATION.public.is_demonstration
    assert not ALICE.public.is_demonstration
    ring = Keyring.load(DEMONSTRATION_FOLDER)
    assert ring.problems == ()
    (publisher,) = ring.publishers
    assert publisher.key.raw == DEMONSTRATION.public.raw
    assert publisher.demonstration
    assert publisher.may_publish("anything")
