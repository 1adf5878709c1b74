from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
import wasmtime
import wasmtime.component

from signing.publisher import ALICE, BOB, CORE_MODULE, DEMONSTRATION, NOW, SMALL, keyring, manifest, publisher, signed
from wasmpuck.errors import ArtifactRefused, OperatorError, Refusal
from wasmpuck.trust import (
    Artifact,
    Keyring,
    SignedPolicy,
    TrustPolicy,
    Version,
    load_keyring,
    policy_for,
    refuse_older,
    verify,
)
from wasmpuck_signing import pack, wasm, wasmsig
from wasmpuck_signing.errors import Refused, SigningError

POLICY = SignedPolicy(keyring())


def test_a_verified_artifact_is_what_the_manifest_says() -> None:
    """Name, version, signer and digest come from what was verified, and the bytes are the very ones."""
    data = signed()
    verified = verify(Artifact("example.wasm", data), POLICY, now=NOW)
    assert (verified.name, str(verified.version), verified.signed, verified.signer) == (
        "example",
        "1.0.0",
        True,
        "alice",
    )
    assert verified.manifest == manifest()
    assert verified.component is data
    assert verified.digest == hashlib.sha256(data).hexdigest()
    assert "component=" not in repr(verified)


def test_the_engine_takes_a_signed_artifact_as_it_is() -> None:
    """Signature and manifest are sections that an engine skips: no byte has to be taken out before compiling."""
    verified = verify(Artifact("example.wasm", signed()), POLICY, now=NOW)
    assert wasmtime.component.Component(wasmtime.Engine(), verified.component)


def test_bytes_that_change_later_do_not_count() -> None:
    """When the artifact's data is a buffer that somebody else holds, its copy is checked and returned."""
    buffer = bytearray(signed())
    artifact = Artifact("example.wasm", buffer)  # type: ignore[arg-type]  # what a caller without mypy may do
    verified = verify(artifact, POLICY, now=NOW)
    buffer[:] = b"something else"
    assert verified.component == signed()


@pytest.mark.parametrize("name", ["example.wasm", "example-1.0.0.wasm", "example"])
def test_the_file_has_the_name_of_the_plugin(name: str) -> None:
    """A file is called like its plugin, with or without the version."""
    assert verify(Artifact(name, signed()), POLICY, now=NOW).name == "example"


UNSIGNED = pack(SMALL, manifest(), None)


@pytest.mark.parametrize(
    ("name", "data", "policy", "reason", "message"),
    [
        ("example.wasm", b"", POLICY, Refusal.NOT_A_COMPONENT, "the file is empty"),
        ("example.wasm", CORE_MODULE, POLICY, Refusal.NOT_A_COMPONENT, "a core WebAssembly module"),
        ("example.wasm", b"hello\n", POLICY, Refusal.NOT_A_COMPONENT, "a text file"),
        ("example.wasm", signed()[:-1], POLICY, Refusal.UNREADABLE, "truncated"),
        ("example.wasm", signed(), SignedPolicy(keyring(), max_bytes=9), Refusal.TOO_LARGE, "at most 9"),
        ("example.wasm", UNSIGNED, POLICY, Refusal.UNSIGNED, "is not signed"),
        ("example.wasm", wasm.append_custom(signed(), "x", b""), POLICY, Refusal.TAMPERED, "changed after"),
        ("example.wasm", signed(BOB), POLICY, Refusal.UNKNOWN_SIGNER, "the keyring has no such key"),
        ("example.wasm", signed(expires=NOW - timedelta(days=1)), POLICY, Refusal.EXPIRED, "expired on"),
        ("example.wasm", signed(DEMONSTRATION), POLICY, Refusal.DEMONSTRATION_KEY, "demonstration key"),
        ("example.wasm", wasmsig.sign(SMALL, ALICE), POLICY, Refusal.BAD_MANIFEST, "has no manifest"),
        ("other.wasm", signed(), POLICY, Refusal.WRONG_NAME, "calls this plugin example 1.0.0"),
        ("example-1.0.1.wasm", signed(), POLICY, Refusal.WRONG_NAME, "calls this plugin example 1.0.0"),
        ("Example.wasm", signed(), POLICY, Refusal.WRONG_NAME, "calls this plugin example 1.0.0"),
        (
            "example.wasm",
            signed(),
            SignedPolicy(keyring(publisher(plugins=("x",)))),
            Refusal.WRONG_NAME,
            "may publish only x",
        ),
    ],
)
def test_each_refusal_has_a_reason_and_names_the_file(
    name: str, data: bytes, policy: TrustPolicy, reason: Refusal, message: str
) -> None:
    """Each way to be refused becomes the server's own error with reason, file name, sentence and hint."""
    with pytest.raises(ArtifactRefused) as caught:
        verify(Artifact(name, data), policy, now=NOW)
    assert caught.value.reason is reason
    assert caught.value.message.startswith(f"{name}: ")
    assert message in caught.value.message
    assert caught.value.hint


def test_an_older_version_is_refused() -> None:
    """A version below the newest that ran is refused; the same and a newer one are not."""
    artifact = Artifact("example.wasm", signed(version="1.2.0"))
    for floor in (None, Version.parse("1.2.0"), Version.parse("1.2.0-rc.1"), Version.parse("1.1.9")):
        verified = verify(artifact, POLICY, newest_known=floor, now=NOW)
        refuse_older(verified, floor)
    with pytest.raises(ArtifactRefused, match=r"example 1\.2\.0 is older than 1\.10\.0") as caught:
        verify(artifact, POLICY, newest_known=Version.parse("1.10.0"), now=NOW)
    assert caught.value.reason is Refusal.OLDER_VERSION
    with pytest.raises(ArtifactRefused, match="is older than"):
        refuse_older(verified, Version.parse("1.10.0"))


def test_an_unsigned_artifact_is_marked() -> None:
    """Where unsigned artifacts are allowed, the result says that nobody vouches for it."""
    verified = verify(Artifact("example.wasm", UNSIGNED), policy_for(keyring(), allow_unsigned=True), now=NOW)
    assert (verified.signed, verified.signer, verified.signers) == (False, "unsigned", ())
    assert verified.name == "example"


def test_the_clock_is_used_when_no_time_is_given() -> None:
    """Without a time, an artifact that ended long ago is refused and one without an end is not."""
    assert verify(Artifact("example.wasm", signed()), POLICY)
    with pytest.raises(ArtifactRefused, match="expired on 2001-"):
        verify(Artifact("example.wasm", signed(expires=NOW.replace(year=2001))), POLICY)


def test_every_code_of_the_format_is_a_reason_of_the_server() -> None:
    """The two lists of reasons do not come apart."""
    for kind in Refused.__subclasses__():
        assert kind.code in set(Refusal)
    assert issubclass(Refused, SigningError)


def test_a_keyring_that_cannot_be_listed_is_the_operators_to_mend(tmp_path: Path) -> None:
    """A file in the keyring's place is an operator's error that names it; a broken file inside is only reported."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(OperatorError, match="file: Not a directory") as caught:
        load_keyring(tmp_path / "file")
    assert caught.value.hint
    (tmp_path / "broken.toml").write_text("x")
    assert len(load_keyring(tmp_path).problems) == 1


def test_a_keyring_folder_that_does_not_exist_trusts_nobody(tmp_path: Path) -> None:
    """Without the folder there is no trusted publisher, and nothing to complain about."""
    assert load_keyring(tmp_path / "nowhere") == Keyring()
