from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.publisher import ALICE, BOB, EMPTY, NOW, SMALL, keyring, publisher, signed
from wasmpuck_signing import PrivateKey, Refused, verify, wasm, wasmsig
from wasmpuck_signing.errors import NotAComponent, Tampered, Unreadable, Unsigned
from wasmpuck_signing.wasmsig import Signature, SignatureSet

SEED = bytes(range(32))
PUBLIC = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
VECTOR = bytes.fromhex(
    "0061736d0d0001000079097369676e6174757265010101016a01e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8"
    "55014704746573740140525106a0cba83edf010ba8e5c33878e3c5748f9ef8f9157bd0994d644f92441331e78ffee5bf9a1c1b8cc32112fb12"
    "a556c49000e8848ed6974a545096e3e00d"
)
"""An empty component signed under the key id `test` by another implementation of the same layout."""

ARTIFACTS = {
    "plain": signed(),
    "empty component": signed(component=EMPTY),
    "two known signers": signed(ALICE, BOB, limits={"fuel": 5}),
}
RING = keyring(publisher(ALICE), publisher(BOB))


def body_of(artifact: bytes) -> bytes:
    """Everything behind the signature section."""
    return artifact[wasm.sections(artifact)[0].end :]


def with_section(content: bytes, body: bytes) -> bytes:
    """A file with `content` as its signature section and `body` behind it."""
    return EMPTY + wasm.custom_section("signature", content) + body


def test_the_vector_is_reproduced() -> None:
    """Signing gives byte for byte what another implementation of the format wrote, and reads it."""
    key = PrivateKey.from_seed(SEED)
    assert key.public.raw.hex() == PUBLIC
    assert wasmsig.sign(EMPTY, key, key_id=b"test") == VECTOR
    found = wasmsig.signatures(VECTOR)
    assert found.digest == hashlib.sha256(b"").digest()
    assert [one.key_id for one in found.signatures] == [b"test"]
    assert key.public.verifies(found.signatures[0].value, b"wasmsig\x01\x01\x01" + found.digest)


def test_the_signature_section_comes_first_and_changes_nothing_else() -> None:
    """Signing puts one section in front and keeps every other byte."""
    artifact = wasmsig.sign(SMALL, ALICE)
    assert artifact.startswith(EMPTY)
    assert body_of(artifact) == SMALL[8:]
    assert [one.name for one in wasm.sections(artifact)] == ["signature", "", "note"]


def test_signing_is_deterministic_and_repeatable() -> None:
    """Signing again with the same key changes nothing; with another key it adds a signature over the same hash."""
    once = wasmsig.sign(SMALL, ALICE)
    assert wasmsig.sign(SMALL, ALICE) == once
    assert wasmsig.sign(once, ALICE) == once
    both = wasmsig.signatures(wasmsig.sign(once, BOB))
    assert both.digest == wasmsig.signatures(once).digest
    assert [one.key_id.hex() for one in both.signatures] == [ALICE.public.key_id, BOB.public.key_id]
    assert wasmsig.verified(both, ALICE.public)
    assert wasmsig.verified(both, BOB.public)
    assert not wasmsig.verified(both, PrivateKey.from_seed(SEED).public)


def test_padded_numbers_in_other_sections_are_kept() -> None:
    """A section whose length is padded, as linkers write it, is signed as it is."""
    padded = EMPTY + b"\x01\x88\x80\x80\x80\x00" + b"\0asm\x01\0\0\0"
    artifact = wasmsig.sign(padded, ALICE)
    assert body_of(artifact) == padded[8:]
    assert wasmsig.signatures(artifact)


@pytest.mark.parametrize("name", ARTIFACTS)
def test_every_flipped_bit_is_refused(name: str) -> None:
    """No single bit of a signed artifact can be changed, wherever it is."""
    artifact = ARTIFACTS[name]
    assert verify(artifact, RING, now=NOW).signers
    accepted = []
    for position in range(len(artifact) * 8):
        changed = bytearray(artifact)
        changed[position // 8] ^= 1 << position % 8
        try:
            verify(bytes(changed), RING, now=NOW)
        except Refused:
            continue
        accepted.append(position)
    # With two signers whose keys are known, a flipped key id makes one of them unknown and leaves the other: nothing
    # that was signed changes, and taking a signature away is open to everybody.
    found = wasmsig.signatures(artifact).signatures
    ids = [artifact.index(one.key_id) for one in found] if len(found) > 1 else []
    assert {position // 8 for position in accepted} <= {start + index for start in ids for index in range(12)}


def test_every_truncation_is_refused() -> None:
    """No shorter beginning of a signed artifact is accepted, also not one that ends between two sections."""
    artifact = signed()
    for length in range(len(artifact)):
        with pytest.raises(Refused):
            verify(artifact[:length], keyring(), now=NOW)


@settings(deadline=None)
@given(st.data())
def test_any_edit_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    """Replacing, inserting or removing any run of bytes is refused unless it gives the same bytes."""
    artifact = signed()
    start = data.draw(st.integers(0, len(artifact)))
    end = data.draw(st.integers(start, min(len(artifact), start + 40)))
    other = data.draw(st.binary(max_size=40) | st.integers(0, len(artifact)).map(lambda at: artifact[at : at + 30]))
    changed = artifact[:start] + other + artifact[end:]
    if changed == artifact:
        assert verify(changed, keyring(), now=NOW).digest == hashlib.sha256(artifact).hexdigest()
        return
    with pytest.raises(Refused):
        verify(changed, keyring(), now=NOW)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_signature_section_is_read_or_refused(content: bytes) -> None:
    """Whatever a signature section holds, reading ends with signatures or a refusal."""
    with pytest.raises(Refused):
        wasmsig.signatures(with_section(content, b""))


@settings(deadline=None)
@given(
    st.binary(min_size=32, max_size=32),
    st.lists(st.binary(min_size=1, max_size=64), min_size=1, max_size=16, unique=True),
)
def test_signature_sets_survive_their_bytes(digest: bytes, key_ids: list[bytes]) -> None:
    """Every set of up to sixteen signatures is read back from its bytes."""
    one = SignatureSet(digest, tuple(Signature(key_id, bytes(64)) for key_id in key_ids))
    assert SignatureSet.from_bytes(one.to_bytes()) == one


def test_another_header_is_refused() -> None:
    """The header, which the hash does not cover, cannot be that of a core module."""
    with pytest.raises(NotAComponent, match="core WebAssembly module"):
        wasmsig.signatures(b"\0asm\x01\0\0\0" + signed()[8:])


def test_an_appended_section_is_refused() -> None:
    """The hash covers everything up to the end of the file."""
    with pytest.raises(Tampered, match="changed after it was signed"):
        wasmsig.signatures(wasm.append_custom(signed(), "more", b""))


def test_a_copied_signature_section_is_refused() -> None:
    """A signature section says nothing about another file."""
    section = wasm.sections(signed())[0]
    with pytest.raises(Tampered, match="changed after it was signed"):
        wasmsig.signatures(signed()[: section.end] + SMALL[8:] + b"\x01\x00")


def test_a_second_signature_section_is_refused() -> None:
    """There is one signature section, also when the first one covers the second."""
    inner = wasm.append_custom(SMALL, "signature", b"x")
    content = SignatureSet(
        hashlib.sha256(inner[8:]).digest(), (Signature(b"test", ALICE.sign(b"wasmsig\x01\x01\x01")),)
    ).to_bytes()
    with pytest.raises(Tampered, match="2 signature sections; exactly one"):
        wasmsig.signatures(with_section(content, inner[8:]))


def test_a_signature_section_further_back_counts_as_none() -> None:
    """A signature that is not in front does not cover what comes before it."""
    section = wasm.sections(VECTOR)[0]
    with pytest.raises(Unsigned, match="is not the first one"):
        wasmsig.signatures(EMPTY + b"\x01\x00" + VECTOR[section.start : section.end])


def test_a_file_without_signature_is_unsigned() -> None:
    """A component as a compiler makes it is unsigned, with a hint to sign it."""
    with pytest.raises(Unsigned, match="is not signed") as caught:
        wasmsig.signatures(SMALL)
    assert "hockeypuck-plugin sign" in caught.value.hint


def test_a_padded_section_header_is_refused() -> None:
    """The header of the signature section has one spelling, for the hash does not cover it."""
    section = wasm.sections(VECTOR)[0]
    assert VECTOR[8:10] == b"\x00\x79"
    with pytest.raises(Tampered, match="header of the signature section"):
        wasmsig.signatures(EMPTY + b"\x00\xf9\x00" + VECTOR[10 : section.end])


CONTENT = VECTOR[20:]
RECORD = CONTENT[39:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "garbled"),
        (b"\x02" + CONTENT[1:], "specification version 2; only 1"),
        (b"\x01\x02" + CONTENT[2:], "content type 2; only 1"),
        (b"\x01\x01\x02" + CONTENT[3:], "hash function 2; only 1"),
        (CONTENT[:3] + b"\x02" + CONTENT[4:] + CONTENT[4:], "number of hash sets 2; only 1"),
        (CONTENT[:3] + b"\x00", "number of hash sets 0; only 1"),
        (CONTENT[:5] + b"\x02" + CONTENT[6:], "number of hashes 2; only 1"),
        (CONTENT[:38] + b"\x00" + CONTENT[39:], "has 0 signatures; 1 to 16"),
        (CONTENT[:38] + b"\x11" + CONTENT[39:], "has 17 signatures; 1 to 16"),
        (CONTENT[:38] + b"\x02" + CONTENT[39:], "garbled"),
        (CONTENT + b"\x00", "bytes are left over"),
        (CONTENT[:-1], "it is cut off"),
        (b"\x81\x00" + CONTENT[1:], "not in its shortest form"),
        (
            CONTENT[:4] + b"\xb2\x01" + CONTENT[5:38] + b"\x02" + RECORD + RECORD,
            "two signatures under one key id",
        ),
        (CONTENT[:4] + b"\x66" + CONTENT[5:39] + b"\x43\x00" + RECORD[6:], "key id of 0 bytes; 1 to 64"),
        (CONTENT[:45] + b"\x02" + CONTENT[46:], "signature algorithm 2; only 1"),
        (CONTENT[:46] + b"\x3f" + CONTENT[47:], "signature length 63; only 64"),
    ],
)
def test_other_layouts_are_refused(content: bytes, message: str) -> None:
    """Whatever the convention allows beyond one hash and sixteen signatures is refused in its own words."""
    with pytest.raises(Tampered) as caught:
        wasmsig.signatures(with_section(content, b""))
    assert message in caught.value.message


def test_a_signature_that_does_not_hold_is_refused() -> None:
    """A signature under a known key id that the key did not make is tampering, not an unknown signer."""
    found = wasmsig.signatures(signed())
    forged = SignatureSet(found.digest, (Signature(found.signatures[0].key_id, bytes(64)),))
    with pytest.raises(Tampered, match=f"signature by key {ALICE.public.key_id} does not hold"):
        wasmsig.verified(forged, ALICE.public)


def test_there_is_room_for_sixteen_signatures() -> None:
    """A seventeenth signature is not added."""
    artifact = SMALL
    for number in range(16):
        artifact = wasmsig.sign(artifact, PrivateKey.from_seed(bytes([number]) * 32))
    with pytest.raises(Tampered, match="has 16 signatures; there is room for 16"):
        wasmsig.sign(artifact, ALICE)


def test_a_tampered_file_is_not_signed_again() -> None:
    """Signing refuses a file whose existing signatures do not fit, so that a change is not covered up."""
    with pytest.raises(Tampered):
        wasmsig.sign(wasm.append_custom(signed(), "more", b""), BOB)
    with pytest.raises(Unreadable):
        wasmsig.sign(signed()[:-1], BOB)


@pytest.mark.parametrize("key_id", [b"", b"x" * 65])
def test_key_ids_have_a_length(key_id: bytes) -> None:
    """A key id of no bytes or of more than 64 is a programming error."""
    with pytest.raises(ValueError, match="1 to 64 bytes"):
        wasmsig.sign(SMALL, ALICE, key_id=key_id)
