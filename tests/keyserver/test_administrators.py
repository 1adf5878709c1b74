"""From `[rights]` to who may do what."""

from __future__ import annotations

from pathlib import Path

import pytest
from pysequoia import Tsk

from wasmpuck.config import RightsSettings
from wasmpuck.errors import OperatorError
from wasmpuck.keyserver.administrators import rules_of
from wasmpuck.openpgp.policy import Policy

ROOT, OTHER = (Tsk.generate(user_ids=[name]) for name in ("Root", "Other"))
NAME = ROOT.extract_certificate().fingerprint


def test_names_are_compared_in_one_form() -> None:
    """The server's own name comes first; case and a final dot do not count, nor does a repetition."""
    settings = RightsSettings(server_names=("other.example", "keys.example.org"))
    assert rules_of(settings, "Keys.Example.ORG.", Policy()).server_names == ("keys.example.org", "other.example")


def test_an_administrator_without_a_file_is_looked_up_later() -> None:
    """Then only the fingerprint is known; the certificate has to be in the database."""
    assert rules_of(RightsSettings(admin_keys=(NAME,)), "a", Policy()).administrators == {NAME: b""}


@pytest.mark.parametrize("armored", [True, False])
def test_a_file_gives_certificates(tmp_path: Path, armored: bool) -> None:
    """Armored or not, checked as an upload would be."""
    path, certificate = tmp_path / "admins", ROOT.extract_certificate()
    path.write_bytes(str(certificate).encode() if armored else bytes(certificate))
    rules = rules_of(RightsSettings(admin_keys=(NAME,), admin_certificates=(path,)), "a", Policy())
    assert len(rules.administrators[NAME]) > 100


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "empty"),
        (b"hello", "neither an armored"),
        (str(OTHER.extract_certificate()).encode(), "adminKeys does not name"),
        (bytes(ROOT), "something else than certificates"),
        (bytes(ROOT.extract_certificate().revoke(ROOT.certifier())), "a signature without a key"),
    ],
)
def test_a_file_that_does_not_hold_ends_the_start(tmp_path: Path, content: bytes | None, said: str) -> None:
    """A missing file, rubbish, secret keys, and somebody whom the configuration does not name."""
    path = tmp_path / "admins"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OperatorError, match=said) as refused:
        rules_of(RightsSettings(admin_keys=(NAME,), admin_certificates=(path,)), "a", Policy())
    assert refused.value.hint
