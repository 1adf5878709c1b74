"""Names of public-key algorithms (RFC 9580 §9.1)."""

from __future__ import annotations

__all__ = ["NAMES", "name"]

NAMES: dict[str, frozenset[int]] = {
    "rsa": frozenset({1, 2, 3}),
    "elgamal": frozenset({16, 20}),
    "dsa": frozenset({17}),
    "ecdh": frozenset({18}),
    "ecdsa": frozenset({19}),
    "eddsa": frozenset({22}),
    "x25519": frozenset({25}),
    "x448": frozenset({26}),
    "ed25519": frozenset({27}),
    "ed448": frozenset({28}),
}
"""The numbers that each name covers. `eddsa` and `ecdh` are what version 4 keys on Curve25519 commonly carry."""

_BY_NUMBER = {number: text for text, numbers in NAMES.items() for number in numbers}


def name(number: int) -> str:
    """The name of an algorithm, or `algorithm NUMBER` when it has none here."""
    return _BY_NUMBER.get(number, f"algorithm {number}")
