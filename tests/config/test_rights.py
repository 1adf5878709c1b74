"""`[rights]` in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmpuck.config import parse
from wasmpuck.errors import ConfigurationError

FINGERPRINT = "0CCE EBFE B48B 9BB8 18E0  EEEE 4541 520E 6513 C001"


def test_fingerprints_are_taken_as_gpg_shows_them(tmp_path: Path) -> None:
    """With blanks and in upper case; files are absolute afterwards; names are lower case."""
    text = f'[rights]\nadminKeys = ["{FINGERPRINT}"]\nadminCertificates = ["a.asc"]\nserverNames = ["A.Example."]\n'
    rights = parse(text, base=tmp_path).rights
    assert rights.admin_keys == ("0cceebfeb48b9bb818e0eeee4541520e6513c001",)
    assert rights.admin_certificates == (tmp_path / "a.asc",)
    assert rights.server_names == ("a.example",)
    assert rights.owner_requests


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('adminKeys = ["4541520E6513C001"]', "is not a fingerprint"),
        ("adminKeys = [1]", "a fingerprint of 40 or 64"),
        (f'adminKeys = ["{FINGERPRINT}", "{FINGERPRINT.lower()}"]', "given twice"),
        ('serverNames = ["https://a.example"]', "is not a host name"),
        ('serverNames = [""]', "is not a host name"),
        ('longestValidity = "1y"', "unit"),
        ('longestValidity = "40d"', '"31d"'),
        ("clockDifference = 2", "no unit"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(line: str, said: str) -> None:
    """Key ids, addresses in place of names, times without bounds."""
    with pytest.raises(ConfigurationError, match=said):
        parse(f"[rights]\n{line}\n")
