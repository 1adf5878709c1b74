from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.publisher import (
    ALICE,
    BOB,
    CORE_MODULE,
    DEMONSTRATION,
    EMPTY,
    NOW,
    SMALL,
    keyring,
    manifest,
    publisher,
    signed,
)
from wasmpuck_signing import Keyring, Refused, SigningError, pack, read_unverified, verify, wasm, wasmsig

DAY = timedelta(days=1)


def test_a_good_artifact_is_verified() -> None:
    """Verification tells the manifest, the signers and the digest of the whole file."""
    artifact = signed()
    known = verify(artifact, keyring(), now=NOW, expected_name="example")
    assert known.manifest == manifest()
    assert known.signers == (publisher(ALICE),)
    assert known.digest == hashlib.sha256(artifact).hexdigest()


REFUSALS: list[tuple[str, bytes, Keyring, dict[str, Any], str, str]] = [
    ("large", signed(), keyring(), {"max_bytes": 100}, "too-large", "at most 100 are accepted"),
    ("empty", b"", keyring(), {}, "not-a-component", "the file is empty"),
    ("text", b"hello\n", keyring(), {}, "not-a-component", "a text file"),
    ("module", CORE_MODULE, keyring(), {}, "not-a-component", "a core WebAssembly module"),
    ("cut", signed()[:-1], keyring(), {}, "unreadable", "truncated"),
    ("unsigned", pack(SMALL, manifest(), None), keyring(), {}, "unsigned", "the artifact is not signed"),
    ("changed", wasm.append_custom(signed(), "x", b""), keyring(), {}, "tampered", "changed after it was signed"),
    ("stranger", signed(BOB), keyring(), {}, "unknown-signer", "signed by " + BOB.public.key_id),
    ("strangers", signed(BOB), Keyring(), {}, "unknown-signer", "the keyring has no such key"),
    (
        "old key",
        signed(),
        keyring(publisher(not_after=NOW - DAY)),
        {},
        "expired",
        "of alice ended on 2026-05-31T12:00:00Z",
    ),
    ("demonstration", signed(DEMONSTRATION), keyring(), {}, "demonstration-key", "private half is public"),
    (
        "demonstration in the keyring",
        signed(DEMONSTRATION),
        keyring(publisher(DEMONSTRATION)),
        {},
        "demonstration-key",
        "private half is public",
    ),
    (
        "demonstration by mark",
        signed(),
        keyring(publisher(demonstration=True)),
        {},
        "demonstration-key",
        "private half is public",
    ),
    (
        "demonstration allowed but not in the keyring",
        signed(DEMONSTRATION),
        keyring(),
        {"allow_demonstration": True},
        "unknown-signer",
        "the keyring has no such key",
    ),
    (
        "foreign name",
        signed(),
        keyring(publisher(plugins=("ratelimit-*", "other"))),
        {},
        "wrong-name",
        "alice signed a plugin called example, but may publish only ratelimit-*, other",
    ),
    ("no manifest", wasmsig.sign(SMALL, ALICE), keyring(), {}, "bad-manifest", "has no manifest"),
    (
        "broken manifest",
        wasmsig.sign(wasm.append_custom(SMALL, "wasmpuck-manifest", b"{}"), ALICE),
        keyring(),
        {},
        "bad-manifest",
        "format: is missing",
    ),
    ("expired", signed(expires=NOW - DAY), keyring(), {}, "expired", "example 1.0.0 expired on 2026-05-31T12:00:00Z"),
    ("other name", signed(), keyring(), {"expected_name": "other"}, "wrong-name", "the plugin example, not other"),
    (
        "two faults",
        signed(ALICE, BOB),
        keyring(publisher(ALICE, not_after=NOW - DAY), publisher(BOB, demonstration=True)),
        {},
        "expired",
        "ended on 2026-05-31T12:00:00Z; the artifact is signed with the demonstration key",
    ),
]


@pytest.mark.parametrize(
    ("artifact", "ring", "options", "code", "message"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_each_refusal_says_what_and_what_to_do(
    artifact: bytes, ring: Keyring, options: dict[str, Any], code: str, message: str
) -> None:
    """Each way to be refused has a code, a sentence of its own and a hint."""
    with pytest.raises(Refused) as caught:
        verify(artifact, ring, now=NOW, **options)
    assert caught.value.code == code
    assert message in caught.value.message
    assert caught.value.hint or code == "bad-manifest"


def test_a_key_and_an_artifact_are_good_until_their_last_second() -> None:
    """What ends now is accepted now, and refused a second later."""
    artifact = signed(expires=NOW)
    ring = keyring(publisher(not_after=NOW))
    assert verify(artifact, ring, now=NOW)
    with pytest.raises(Refused, match="ended on"):
        verify(artifact, ring, now=NOW + timedelta(seconds=1))
    with pytest.raises(Refused, match="expired on"):
        verify(artifact, keyring(), now=NOW + timedelta(seconds=1))


def test_the_demonstration_key_is_accepted_when_allowed() -> None:
    """A demonstration server may trust the published key."""
    ring = keyring(publisher(DEMONSTRATION))
    assert verify(signed(DEMONSTRATION), ring, now=NOW, allow_demonstration=True).signers == ring.publishers


def test_one_signer_in_force_is_enough() -> None:
    """An unknown, ended or unfitting second signer does not take away what the first one vouches for."""
    artifact = signed(ALICE, BOB)
    alice = publisher(ALICE)
    others = [(), (publisher(BOB, not_after=NOW - DAY),), (publisher(BOB, plugins=("other",)),)]
    for other in others:
        assert verify(artifact, keyring(alice, *other), now=NOW).signers == (alice,)
    assert verify(artifact, keyring(alice, publisher(BOB)), now=NOW).signers == (alice, publisher(BOB))


def test_a_forged_known_signature_spoils_a_good_one() -> None:
    """When one trusted signer's signature does not hold, the artifact is refused whatever the others say."""
    found = wasmsig.signatures(signed(ALICE, BOB))
    forged = wasmsig.SignatureSet(
        found.digest, (found.signatures[0], wasmsig.Signature(found.signatures[1].key_id, bytes(64)))
    )
    body = wasm.without_custom(signed(), "signature")[8:]
    artifact = EMPTY + wasm.custom_section("signature", forged.to_bytes()) + body
    assert verify(artifact, keyring(), now=NOW)
    with pytest.raises(Refused) as caught:
        verify(artifact, keyring(publisher(ALICE), publisher(BOB)), now=NOW)
    assert caught.value.code == "tampered"


def test_a_borrowed_key_id_is_no_signature() -> None:
    """Signing under somebody else's key id is found out."""
    artifact = wasmsig.sign(pack(SMALL, manifest(), None), BOB, key_id=bytes.fromhex(ALICE.public.key_id))
    with pytest.raises(Refused) as caught:
        verify(artifact, keyring(), now=NOW)
    assert caught.value.code == "tampered"


def test_reading_without_verifying_names_no_signer() -> None:
    """What was not verified has no signers, also when it is signed; its dates, name and size still count."""
    assert read_unverified(signed(), now=NOW).signers == ()
    assert read_unverified(pack(SMALL, manifest(), None), now=NOW).manifest == manifest()
    for options, code in (({"max_bytes": 9}, "too-large"), ({"expected_name": "other"}, "wrong-name")):
        with pytest.raises(Refused) as caught:
            read_unverified(signed(), now=NOW, **options)
        assert caught.value.code == code
    with pytest.raises(Refused, match="expired on"):
        read_unverified(signed(expires=NOW), now=NOW + DAY)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", EMPTY, signed()[:40], signed()[:-30], signed()]))
def test_any_bytes_are_refused_properly(tail: bytes, head: bytes) -> None:
    """Whatever the bytes, verification ends with the true artifact or with a refusal that has a code."""
    try:
        known = verify(head + tail, keyring(), now=NOW)
    except SigningError as problem:
        if not isinstance(problem, Refused):
            raise
        return
    assert known.digest == hashlib.sha256(signed()).hexdigest()


def test_the_package_stands_alone() -> None:
    """An author's installation needs neither the server nor an engine."""
    program = "import sys, wasmpuck_signing.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"wasmpuck", "wasmtime", "aiohttp", "pysequoia", "rich"} & set(done.stdout.split())
