from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Profile, Tsk

from vectors.gpg import ALGORITHMS, Gpg
from vectors.owner import Owner
from wasmpuck.openpgp import Packet, Unparseable, walk
from wasmpuck.openpgp.keys import parse_key

NAMES = {
    "rsa": ("rsa2048", 2048, "rsa2048", 2048),
    "dsa": ("dsa2048", 2048, "elgE2048", 2048),
    "ed25519": ("eddsa_Curve25519", 263, "ecdh_Curve25519", 263),
    "nistp256": ("ecdsa_P256", 515, "ecdh_P256", 515),
    "nistp384": ("ecdsa_P384", 771, "ecdh_P384", 771),
    "nistp521": ("ecdsa_P521", 1059, "ecdh_P521", 1059),
    "brainpool": ("ecdsa_BrainpoolP256", 515, "ecdh_BrainpoolP256", 515),
    "brainpool512": ("ecdsa_BrainpoolP512", 1027, "ecdh_BrainpoolP512", 1027),
    "secp256k1": ("ecdsa_SecP256k1", 515, "ecdh_SecP256k1", 515),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_gpgs_keys_are_named_as_gpg_identifies_them(algorithm: str) -> None:
    """Fingerprint, key id, number and time agree with gpg's, names and sizes with those that keyservers list."""
    with Gpg() as gpg:
        gpg.generate("Ann <ann@example.org>", algorithm)
        listed = [line for line in gpg.colons("Ann") if line[0] in ("pub", "sub", "fpr")]
        packets = [packet for packet in walk(gpg.export()) if packet.tag in (6, 14)]
    for packet, key_line, fingerprint_line in zip(packets, listed[::2], listed[1::2], strict=True):
        key = parse_key(packet)
        assert key.fingerprint == fingerprint_line[9].lower()
        assert key.key_id == key_line[4].lower()
        assert key.algorithm == int(key_line[3])
        assert key.created == int(key_line[5])
    primary, subkey = map(parse_key, packets)
    assert (primary.name, primary.bits, subkey.name, subkey.bits) == NAMES[algorithm]


def test_version_6_keys_agree_with_sequoia() -> None:
    """A version 6 fingerprint is SHA-256, and its key id the first 16 digits."""
    certificate = Tsk.generate(user_ids=["Ann"], profile=Profile.RFC9580).extract_certificate()
    keys = [parse_key(packet) for packet in walk(bytes(certificate)) if packet.tag in (6, 14)]
    assert keys[0].fingerprint == certificate.fingerprint
    assert keys[0].key_id == certificate.fingerprint[:16]
    assert [(key.version, key.name, key.bits) for key in keys] == [
        (6, "ed25519", 256),
        (6, "x25519", 256),
        (6, "ed25519", 256),
    ]


def test_version_3_keys_are_named_by_their_modulus() -> None:
    """A version 3 fingerprint is MD5 over modulus and exponent, its key id the modulus's end (RFC 9580 §5.5.4.1)."""
    modulus, exponent = (1 << 1023 | 0x1234_5678_9ABC_DEF1).to_bytes(128, "big"), b"\x11"
    body = b"\x03" + bytes(4) + b"\x00\x1e\x01" + b"\x04\x00" + modulus + b"\x00\x05" + exponent
    key = parse_key(Packet(6, body))
    assert key.fingerprint == hashlib.md5(modulus + exponent, usedforsecurity=False).hexdigest()
    assert key.key_id == "123456789abcdef1"
    assert (key.lifetime, key.name) == (30, "rsa1024")


@given(st.binary(max_size=120))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    """No body of a key packet raises anything but `Unparseable`."""
    for start in (b"", b"\x03", b"\x04" + bytes(4), b"\x04" + bytes(4) + b"\x16", b"\x06" + bytes(4) + b"\x1b"):
        try:
            parse_key(Packet(6, start + body))
        except Unparseable:
            continue


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[:-1],
        lambda body: body + b"\0",
        lambda body: b"\x05" + body[1:],
        lambda body: body[:5] + b"\x14" + body[6:],
        lambda body: body[:5] + b"\x13" + body[6:],
        lambda body: body[:7] + b"\xff" + body[8:],
        lambda body: body[:18] + b"\x04" + body[19:],
        lambda body: b"",
    ],
    ids=["short", "long", "version 5", "algorithm 20", "ECDSA on Ed25519", "unknown curve", "wrong point", "empty"],
)
def test_a_key_is_understood_to_its_last_octet_or_refused(spoil: object) -> None:
    """Nothing that is only half understood passes as a key."""
    assert callable(spoil)
    with pytest.raises(Unparseable):
        parse_key(Packet(6, spoil(Owner("ann").body)))
