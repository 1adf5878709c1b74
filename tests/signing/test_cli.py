from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from signing.publisher import ALICE, BOB, CORE_MODULE, DEMONSTRATION, DEMONSTRATION_FOLDER, SMALL, manifest, signed
from wasmpuck_signing import Manifest, PrivateKey, PublicKey, pack, wasm, wasmsig
from wasmpuck_signing.cli import main
from wasmpuck_signing.verify import DEFAULT_MAX_BYTES

PLUGIN_TOML = """
[plugin]
name = "example"
version = "1.0.0"
description = "An example"
license = "Apache-2.0"
worlds = ["lifecycle", "middleware"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a component, a plugin.toml, Alice's key and a keyring that trusts her."""
    (tmp_path / "component.wasm").write_bytes(SMALL)
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML)
    ALICE.save(tmp_path / "alice.pem")
    (tmp_path / "keyring").mkdir()
    (tmp_path / "keyring" / "alice.toml").write_text(
        f'format = 1\npublisher = "Alice"\nkey = "{ALICE.public.line()}"\nplugins = ["*"]\n'
    )
    return tmp_path


def run(*arguments: str | Path, given: str | None = None) -> Result:
    """Runs the program with `arguments` and `given` as its standard input."""
    return CliRunner().invoke(main, [str(one) for one in arguments], input=given)


def test_the_way_from_key_to_verified_artifact(tmp_path: Path) -> None:
    """A new key, a signature with it and a keyring of it make an artifact that verifies."""
    made = run("keygen", tmp_path / "key.pem", "--comment", "release key")
    assert made.exit_code == 0
    public = PublicKey.from_line(made.stdout)
    assert public.comment == "release key"
    assert public.key_id in made.stderr
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    (tmp_path / "component.wasm").write_bytes(SMALL)
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML)
    (tmp_path / "trusted.toml").write_text(
        f'format = 1\npublisher = "Releases"\nkey = "{made.stdout.strip()}"\nplugins = ["exam*"]\n'
    )
    output = tmp_path / "example.wasm"
    signed_now = run(
        "sign",
        tmp_path / "component.wasm",
        *("--manifest", tmp_path / "plugin.toml", "--key", tmp_path / "key.pem", "-o", output),
    )
    assert (signed_now.exit_code, signed_now.stderr) == (0, "")
    assert signed_now.stdout.startswith(f"example 1.0.0 signed by {public.key_id}\nsha256 ")
    (tmp_path / "keyring").mkdir()
    (tmp_path / "trusted.toml").rename(tmp_path / "keyring" / "trusted.toml")
    checked = run("verify", output, "--keyring", tmp_path / "keyring")
    assert checked.exit_code == 0
    assert checked.stdout.startswith(f"example 1.0.0 is signed by Releases ({public.key_id})\nsha256 ")


def test_signing_is_the_library_call(folder: Path) -> None:
    """What `sign` writes is what `pack` returns, in one file that others may read and nothing beside it."""
    output = folder / "example.wasm"
    done = run(
        "sign",
        folder / "component.wasm",
        *("--manifest", folder / "plugin.toml", "--key", folder / "alice.pem", "-o", output),
        *("--source", "sha256:" + "0" * 64),
    )
    assert done.exit_code == 0
    assert output.read_bytes() == pack(SMALL, manifest(source="sha256:" + "0" * 64), ALICE)
    assert stat.S_IMODE(output.stat().st_mode) == 0o644
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_second_signature_is_added_in_place(folder: Path) -> None:
    """Without a manifest, `sign` adds a signature to the artifact."""
    artifact = folder / "example.wasm"
    artifact.write_bytes(signed(ALICE))
    BOB.save(folder / "bob.pem")
    assert run("sign", artifact, "--key", folder / "bob.pem", "-o", artifact).exit_code == 0
    assert artifact.read_bytes() == signed(ALICE, BOB)


def test_a_passphrase_protects_a_key(tmp_path: Path) -> None:
    """A key made with a passphrase signs only with it."""
    path = tmp_path / "key.pem"
    assert run("keygen", path, "--passphrase", given="open sesame\nopen sesame\n").exit_code == 0
    assert b"ENCRYPTED" in path.read_bytes()
    artifact = tmp_path / "example.wasm"
    artifact.write_bytes(signed())
    assert run("sign", artifact, "--key", path, "-o", artifact, given="open barley\n").exit_code == 3
    assert run("sign", artifact, "--key", path, "-o", artifact, given="open sesame\n").exit_code == 0
    key_id = PrivateKey.load(path, b"open sesame").public.key_id
    assert [one.key_id.hex() for one in wasmsig.signatures(artifact.read_bytes()).signatures][1:] == [key_id]


def test_an_open_key_file_is_pointed_out(folder: Path) -> None:
    """A private key that others can read is used, with a warning; the published one without."""
    (folder / "alice.pem").chmod(0o644)
    artifact = folder / "example.wasm"
    artifact.write_bytes(signed())
    done = run("sign", artifact, "--key", folder / "alice.pem", "-o", artifact)
    assert done.exit_code == 0
    assert "warning: others can read the private key; run `chmod 600" in done.stderr
    done = run("sign", artifact, "--key", DEMONSTRATION_FOLDER / "demonstration.pem", "-o", artifact)
    assert (done.exit_code, done.stderr) == (0, "")


def test_inspecting_shows_what_the_artifact_says(folder: Path) -> None:
    """As JSON and as text, an artifact's manifest, signatures and sections are shown, and no word of trust."""
    path = folder / "example.wasm"
    path.write_bytes(signed(limits={"fuel": 5}))
    summary = json.loads(run("inspect", path, "--json").stdout)
    assert summary["manifest"]["name"] == "example"
    assert summary["manifest"]["limits"] == {"fuel": 5}
    assert summary["signatures"] == [{"keyId": ALICE.public.key_id, "demonstration": False}]
    assert [one["kind"] for one in summary["sections"]] == ["custom", "core-module", "custom", "custom"]
    assert summary["problems"] == []
    assert summary["bytes"] == len(signed(limits={"fuel": 5}))
    text = run("inspect", path).stdout
    assert "limits      fuel 5\n" in text
    assert f"signed by   {ALICE.public.key_id}, not checked against a keyring\n" in text
    assert "wasmpuck-manifest" in text
    assert "trust" not in text


def test_inspecting_works_without_manifest_and_signature(folder: Path) -> None:
    """A bare component can be looked into; what it lacks is listed, and names are made safe for a terminal."""
    path = folder / "bare.wasm"
    path.write_bytes(wasm.append_custom(SMALL, "\x1b[2J", b""))
    done = run("inspect", path)
    assert done.exit_code == 0
    assert "problem     the artifact has no manifest" in done.stdout
    assert "problem     the artifact is not signed" in done.stdout
    assert "custom \\x1b[2J" in done.stdout
    assert "\x1b" not in done.stdout
    path.write_bytes(signed(DEMONSTRATION))
    assert "demonstration key: its private half is public" in run("inspect", path).stdout


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "refused (not-a-component): the file is empty"),
        (CORE_MODULE, "refused (not-a-component): this is a core WebAssembly module"),
        (pack(SMALL, manifest(), None), "refused (unsigned): the artifact is not signed"),
        (signed(BOB), "refused (unknown-signer): the artifact is signed by"),
    ],
)
def test_a_refused_artifact_ends_with_code_one(folder: Path, data: bytes, message: str) -> None:
    """A refusal is one line with its code and one with a hint on standard error, and exit code 1."""
    path = folder / "example.wasm"
    path.write_bytes(data)
    done = run("verify", path, "--keyring", folder / "keyring")
    assert (done.exit_code, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(message)
    assert second.startswith("  ")


def test_files_that_cannot_be_used_end_with_code_three(folder: Path) -> None:
    """Keys, keyrings and plugin.toml that cannot be used, and outputs that cannot be written, end with exit code 3."""
    component, key, toml = folder / "component.wasm", folder / "alice.pem", folder / "plugin.toml"
    output = folder / "out.wasm"
    (folder / "bad.toml").write_text(PLUGIN_TOML.replace("1.0.0", "one"))
    (folder / "binary.toml").write_bytes(b"\xff")
    for arguments, message in (
        (("keygen", key), "is already there"),
        (("sign", component, "--manifest", toml, "--key", toml, "-o", output), "not a private key"),
        (("sign", component, "--manifest", toml, "--key", folder / "no.pem", "-o", output), "No such file"),
        (("sign", component, "--manifest", folder / "bad.toml", "--key", key, "-o", output), "plugin.version: 'one'"),
        (("sign", component, "--manifest", folder / "binary.toml", "--key", key, "-o", output), "not UTF-8"),
        (("sign", component, "--manifest", folder / "no.toml", "--key", key, "-o", output), "No such file"),
        (("sign", component, "--manifest", toml, "--key", key, "-o", folder / "no" / "out.wasm"), "No such file"),
        (("verify", component, "--keyring", folder / "no"), "No such file"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (3, ""), arguments
        assert done.stderr.startswith("error: ")
        assert message in done.stderr
    assert not output.exists()


def test_wrong_usage_ends_with_code_two(folder: Path) -> None:
    """A missing option and options that exclude each other end with exit code 2."""
    component, key = folder / "component.wasm", folder / "alice.pem"
    assert run("sign", component).exit_code == 2
    assert run("sign", component, "--key", key, "-o", component, "--source", "sha256:0").exit_code == 2
    assert run("frobnicate").exit_code == 2


def test_artifacts_that_cannot_be_read_are_refused(folder: Path) -> None:
    """A missing file and one over the size limit are refused before anything is parsed."""
    missing = run("inspect", folder / "no.wasm")
    assert missing.exit_code == 1
    assert "refused (unreadable)" in missing.stderr
    with (folder / "large.wasm").open("wb") as file:
        file.truncate(DEFAULT_MAX_BYTES + 1)
    large = run("inspect", folder / "large.wasm")
    assert large.exit_code == 1
    assert "refused (too-large)" in large.stderr


def test_nothing_is_signed_without_a_manifest(folder: Path) -> None:
    """A signature alone does not make an artifact."""
    component = folder / "component.wasm"
    done = run("sign", component, "--key", folder / "alice.pem", "-o", component)
    assert done.exit_code == 1
    assert "refused (bad-manifest)" in done.stderr
    assert component.read_bytes() == SMALL


def test_broken_keyring_files_are_warnings(folder: Path) -> None:
    """A keyring file that cannot be used is named, and the others still count."""
    (folder / "keyring" / "broken.toml").write_text("format")
    path = folder / "example.wasm"
    path.write_bytes(signed())
    done = run("verify", path, "--keyring", folder / "keyring")
    assert done.exit_code == 0
    assert done.stderr.startswith("warning: ")
    assert "broken.toml: not TOML" in done.stderr


def test_the_demonstration_key_needs_permission(folder: Path) -> None:
    """An artifact by the published key verifies only with the option for it."""
    path = folder / "example.wasm"
    path.write_bytes(signed(DEMONSTRATION))
    refused = run("verify", path, "--keyring", DEMONSTRATION_FOLDER)
    assert refused.exit_code == 1
    assert "refused (demonstration-key)" in refused.stderr
    assert run("verify", path, "--keyring", DEMONSTRATION_FOLDER, "--allow-demonstration").exit_code == 0


def test_the_manifest_of_an_artifact_is_its_own() -> None:
    """The manifest that the tests write by hand is the one that the library makes."""
    assert Manifest.from_toml(PLUGIN_TOML) == manifest()
