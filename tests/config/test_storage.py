from __future__ import annotations

from pathlib import Path

import pytest

from wasmpuck.config import DatabaseURL, parse
from wasmpuck.errors import ConfigurationError, OperatorError
from wasmpuck.storage import PostgresKeyStore, SQLiteKeyStore, store_of

URL = "postgresql://wasmpuck:se%40cret@db.example:5433/keys?sslmode=require"


def test_the_url_chooses_postgresql_and_its_absence_sqlite(tmp_path: Path) -> None:
    """Without a url the file is used, by default that in the data folder."""
    assert isinstance(store_of(parse("", base=tmp_path).storage), SQLiteKeyStore)
    assert isinstance(store_of(parse(f'[storage]\nurl = "{URL}"').storage), PostgresKeyStore)


def test_no_representation_shows_the_password() -> None:
    """Neither that of the url nor that of what holds it; the url itself is whole."""
    settings = parse(f'[storage]\nurl = "{URL}"').storage
    assert settings.url == URL
    assert repr(settings.url) == "'postgresql://wasmpuck@db.example:5433/keys'"
    assert DatabaseURL("postgresql:///keys?host=/run").shown == "postgresql:///keys"
    assert "cret" not in repr(settings) + repr(store_of(settings))


BAD = (
    "postgresql://u:secret@h",
    "http://u:secret@h/d",
    "secret",
    "postgresql://u:secret@h:port/d",
    "postgresql://secret @h/d",
)


@pytest.mark.parametrize("url", BAD)
def test_a_bad_url_is_refused_without_repeating_it(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(ConfigurationError) as caught:
        parse(f'[storage]\nurl = "{url}"')
    assert "not the URL of a PostgreSQL database" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_password_file_is_read_to_its_first_line(tmp_path: Path) -> None:
    """One that cannot be read is named, with the setting."""
    path = tmp_path / "password"
    settings = parse(f'[storage]\nurl = "{URL}"\npasswordFile = "{path}"').storage
    with pytest.raises(OperatorError, match="password file") as caught:
        store_of(settings)
    assert "storage.passwordFile" in caught.value.hint
    path.write_text("first line\r\nsecond line\n")
    assert isinstance(store_of(settings), PostgresKeyStore)
