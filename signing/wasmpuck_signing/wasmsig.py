"""The signature section: the WebAssembly tool-conventions format (Signatures.md) in one strict profile.

The section `signature` comes first and speaks of everything behind it:

    01 01 01              specification version, content type, hash function (SHA-256)
    n_sets                1: exactly one set of hashes
      set_len             bytes that follow
      n_hashes            1: exactly one hash
      hash                32 bytes: SHA-256 of the file from the end of this section to its end
      n_sigs              1 to 16
        { sig_len | key_id_len | key_id | 01 (Ed25519) | 40 (64 bytes) | signature }

Numbers are LEB128 in shortest form. What is signed is `"wasmsig" 01 01 01` and the hash. The 8 bytes before the section
are not hashed: the walk in `wasm` accepts exactly one value for them, and the signed manifest names the kind.
Other readers of this format find whole-file signatures in what is written here. Formats that this profile leaves out
(several hashes with delimiters, detached signatures) allow to cut a file at a delimiter, so they are refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from . import wasm
from .errors import Tampered, Unreadable, Unsigned
from .keys import PrivateKey, PublicKey

__all__ = [
    "MAX_SIGNATURES",
    "SECTION_NAME",
    "Signature",
    "SignatureSet",
    "sign",
    "signatures",
    "verified",
]

SECTION_NAME = "signature"
"""The custom section that holds the signatures; it must be the first of all."""

MAX_SIGNATURES = 16
MAX_KEY_ID = 64

_PREFIX = b"\x01\x01\x01"
_CONTEXT = b"wasmsig" + _PREFIX
_ED25519 = 1
_SIGNATURE_LENGTH = 64
_HASH_LENGTH = 32
_HINT = "Get the artifact from its publisher again; do not load this copy."


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: the signer's key id (1 to 64 bytes; it is a claim until the signature is checked) and 64 bytes."""

    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class SignatureSet:
    """The signatures of an artifact over one hash (32 bytes), in file order."""

    digest: bytes
    signatures: tuple[Signature, ...]

    @property
    def message(self) -> bytes:
        """What each signature is over."""
        return _CONTEXT + self.digest

    def to_bytes(self) -> bytes:
        """What the section holds."""
        records = b"".join(
            _sized(_sized(one.key_id) + bytes([_ED25519]) + _sized(one.value)) for one in self.signatures
        )
        hashes = wasm.encode_u32(1) + self.digest + wasm.encode_u32(len(self.signatures)) + records
        return _PREFIX + wasm.encode_u32(1) + _sized(hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> SignatureSet:
        """The inverse of `to_bytes`. Raises `Tampered` for anything that `to_bytes` does not write."""
        try:
            found = _parse(data)
        except Unreadable as problem:
            raise Tampered(f"the signature section is garbled: {problem.message}", _HINT) from None
        if found.to_bytes() != data:
            raise Tampered("the signature section is not in its canonical form", _HINT)
        return found


def signatures(artifact: bytes) -> SignatureSet:
    """The signatures of an artifact, after checking that they speak of these bytes; who made them is not checked.

    Raises `Unsigned` (no signature section first), `Tampered` (garbled or doubled section, another hash), or as
    `wasm.sections` does.
    """
    found, end = _read(artifact)
    if hashlib.sha256(memoryview(artifact)[end:]).digest() != found.digest:
        raise Tampered("the artifact was changed after it was signed: its hash is not the signed one", _HINT)
    return found


def verified(found: SignatureSet, key: PublicKey) -> bool:
    """Whether `key` made one of the signatures. Raises `Tampered` when a signature claims `key` and is not by it."""
    claimed = [one for one in found.signatures if one.key_id.hex() == key.key_id]
    if claimed and not key.verifies(claimed[0].value, found.message):
        raise Tampered(f"the signature by key {key.key_id} does not hold", _HINT)
    return bool(claimed)


def sign(artifact: bytes, key: PrivateKey, *, key_id: bytes | None = None) -> bytes:
    """`artifact` with a signature by `key` added; every byte but those of the signature section is kept.

    A file that is signed already keeps its signatures, except an older one under the same id. `key_id` replaces the
    key's own id. Raises `Tampered` when existing signatures do not fit or there would be more than 16; or as
    `wasm.sections` does.
    """
    try:
        existing = signatures(artifact)
        end = _read(artifact)[1]
    except Unsigned:
        body = artifact[len(wasm.COMPONENT_HEADER) :]
        existing = SignatureSet(hashlib.sha256(body).digest(), ())
    else:
        body = artifact[end:]
    label = bytes.fromhex(key.public.key_id) if key_id is None else key_id
    if not 1 <= len(label) <= MAX_KEY_ID:
        raise ValueError(f"a key id has 1 to {MAX_KEY_ID} bytes, not {len(label)}")
    others = tuple(one for one in existing.signatures if one.key_id != label)
    if len(others) >= MAX_SIGNATURES:
        raise Tampered(f"the artifact has {len(others)} signatures; there is room for {MAX_SIGNATURES}")
    found = SignatureSet(existing.digest, (*others, Signature(label, key.sign(existing.message))))
    return wasm.COMPONENT_HEADER + wasm.custom_section(SECTION_NAME, found.to_bytes()) + body


def _read(artifact: bytes) -> tuple[SignatureSet, int]:
    walked = wasm.sections(artifact)
    places = [index for index, section in enumerate(walked) if section.id == 0 and section.name == SECTION_NAME]
    if not places:
        raise Unsigned("the artifact is not signed", "Sign it with `hockeypuck-plugin sign`.")
    if places[0] != 0:
        raise Unsigned(
            "the artifact is not signed: its signature section is not the first one",
            "Pack and sign it again with `hockeypuck-plugin sign`.",
        )
    if len(places) > 1:
        raise Tampered(f"the artifact has {len(places)} signature sections; exactly one is allowed", _HINT)
    first = walked[0]
    content = artifact[first.content : first.end]
    # The section's own header is not hashed either, so only one spelling of it is taken.
    if artifact[first.start : first.end] != wasm.custom_section(SECTION_NAME, content):
        raise Tampered("the header of the signature section is not in its canonical form", _HINT)
    return SignatureSet.from_bytes(content), first.end


def _sized(data: bytes) -> bytes:
    return wasm.encode_u32(len(data)) + data


class _Reader:
    """Takes a byte string apart from left to right."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def number(self) -> int:
        value, self.position = wasm.decode_u32(self.data, self.position, len(self.data), canonical=True)
        return value

    def take(self, length: int) -> bytes:
        end = self.position + length
        if end > len(self.data):
            raise Unreadable("it is cut off")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def part(self) -> _Reader:
        return _Reader(self.take(self.number()))

    def expect(self, what: str, number: int) -> None:
        value = self.number()
        if value != number:
            raise Tampered(f"the signature section has {what} {value}; only {number} is accepted", _HINT)

    def done(self) -> None:
        if self.position != len(self.data):
            raise Unreadable("bytes are left over")


def _parse(data: bytes) -> SignatureSet:
    section = _Reader(data)
    for what in ("specification version", "content type", "hash function"):
        section.expect(what, 1)
    section.expect("number of hash sets", 1)
    hashes = section.part()
    section.done()
    hashes.expect("number of hashes", 1)
    digest = hashes.take(_HASH_LENGTH)
    count = hashes.number()
    if not 1 <= count <= MAX_SIGNATURES:
        raise Tampered(f"the signature section has {count} signatures; 1 to {MAX_SIGNATURES} are accepted", _HINT)
    found = tuple(_parse_record(hashes.part()) for _ in range(count))
    hashes.done()
    if len({one.key_id for one in found}) != count:
        raise Tampered("the signature section holds two signatures under one key id", _HINT)
    return SignatureSet(digest, found)


def _parse_record(record: _Reader) -> Signature:
    key_id = record.take(record.number())
    if not 1 <= len(key_id) <= MAX_KEY_ID:
        raise Tampered(f"a signature has a key id of {len(key_id)} bytes; 1 to {MAX_KEY_ID} are accepted", _HINT)
    record.expect("signature algorithm", _ED25519)
    record.expect("signature length", _SIGNATURE_LENGTH)
    value = record.take(_SIGNATURE_LENGTH)
    record.done()
    return Signature(key_id, value)
