"""The demonstration set-up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from wasmpuck import demo
from wasmpuck.config import load
from wasmpuck.openpgp.ingest import Prepared, examine
from wasmpuck.openpgp.policy import Policy, Rule
from wasmpuck.trust import Artifact, load_keyring, policy_for, verify

PLUGINS = ["admission-policy", "ratelimit-window"]


def test_the_configuration_holds(tmp_path: Path) -> None:
    """`demo.toml` loads, listens on loopback only, and names both plugins and the key set."""
    configuration = demo.configuration({"server.dataDir": str(tmp_path)})
    assert configuration.server.profile == "demonstration"
    assert configuration.server.bind.host == "127.0.0.1"
    assert configuration.server.admin_bind.host == "127.0.0.1"
    assert configuration.server.data_dir == tmp_path
    assert configuration.storage.seed == (demo.CERTIFICATES,)
    assert configuration.plugins.keyring == demo.KEYRING
    assert [table.name for table in configuration.plugins.tables if table.enabled] == PLUGINS


def test_the_data_folder_is_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another wish the demonstration writes to `.data` where it was started."""
    monkeypatch.chdir(tmp_path)
    assert demo.configuration().server.data_dir == tmp_path / ".data"


def test_the_configuration_can_be_read_again(tmp_path: Path) -> None:
    """A reload finds the same files."""
    configuration = demo.configuration({"server.dataDir": str(tmp_path)})
    assert configuration.reload() == configuration


@pytest.mark.parametrize("name", PLUGINS)
def test_both_plugins_are_trusted_and_granted_what_they_import(name: str) -> None:
    """Each plugin's signature holds by the demonstration's own keyring, and its grants cover its manifest's imports."""
    configuration = demo.configuration()
    policy = policy_for(load_keyring(configuration.plugins.keyring), allow_demonstration=True)
    artifact = Artifact.read(configuration.plugins.directory / f"{name}.wasm")
    verified = verify(artifact, policy)
    assert set(verified.manifest.imports) <= set(configuration.plugin(name).grants)


def test_the_keyring_is_that_of_the_demonstration_key() -> None:
    """The packaged publisher file is the one beside the key's source."""
    source = Path(__file__).parents[2] / "plugins-src" / "demonstration-key" / "demonstration.toml"
    assert (demo.KEYRING / "demonstration.toml").read_bytes() == source.read_bytes()


def test_production_refuses_the_demonstration(tmp_path: Path) -> None:
    """The same file in the production profile is refused because of its key."""
    from wasmpuck.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="demonstration keys are refused"):
        load(demo.SETTINGS, {"server.profile": "production", "server.dataDir": str(tmp_path)})


def test_every_certificate_is_taken_whole() -> None:
    """A dozen certificates of ten algorithms at example domains, without secret keys, of which policy drops nothing but
    what a key gives up that is revoked for good.
    """
    examination = examine(demo.CERTIFICATES.read_bytes(), Policy())
    taken = [outcome for outcome in examination.outcomes if isinstance(outcome, Prepared)]
    assert len(taken) == len(examination.outcomes) == 12
    dropped = {outcome.summary["revoked"]: dict(outcome.drops) for outcome in taken if outcome.drops}
    assert dropped == {True: {Rule.HARD_REVOKED: 2}}
    keys = {(key.algorithm, key.bits) for outcome in taken for key in (outcome.facts.primary, *outcome.facts.subkeys)}
    assert len({algorithm for algorithm, _ in keys}) >= 6
    assert len(keys) >= 10
    for outcome in taken:
        for user_id in outcome.facts.user_ids:
            assert user_id.endswith(("example.org>", "example.com>", "example.net>"))


def test_gpg_sees_only_public_keys(tmp_path: Path) -> None:
    """The file holds public key packets alone."""
    tmp_path.chmod(0o700)
    listed = subprocess.run(
        ["gpg", "--homedir", str(tmp_path), "--batch", "--with-colons", "--show-keys", str(demo.CERTIFICATES)],
        capture_output=True,
        text=True,
        check=True,
    )
    kinds = {line.split(":")[0] for line in listed.stdout.splitlines()}
    assert {"pub", "sub", "uid", "fpr"} <= kinds
    assert not kinds & {"sec", "ssb"}
