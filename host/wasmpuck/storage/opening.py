"""The store that the configuration names."""

from __future__ import annotations

from pathlib import Path

from wasmpuck.config import StorageSettings
from wasmpuck.errors import OperatorError

from .indexing import EVERYTHING, Indexing
from .postgres import PostgresKeyStore
from .sqlite import SQLiteKeyStore

__all__ = ["store_of"]


def store_of(settings: StorageSettings, indexing: Indexing = EVERYTHING) -> SQLiteKeyStore | PostgresKeyStore:
    """A store that has yet to be opened. `indexing` says which texts certificates are found by.

    Raises OperatorError for a password file that cannot be read.
    """
    if settings.url is None:
        return SQLiteKeyStore(settings.path, indexing=indexing)
    return PostgresKeyStore(
        settings.url,
        password=_password(settings.password_file),
        pool_size=settings.pool_size,
        isolation=settings.isolation,
        retry_for=settings.retry_for,
        indexing=indexing,
    )


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OperatorError(
            f"the database's password file {path} cannot be read: {reason}", hint="see storage.passwordFile"
        ) from None
