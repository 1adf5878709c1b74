"""Where certificates are kept."""

# ruff: noqa: RUF009 - `setting` makes a dataclass field, it is not called once for all instances

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wasmpuck.config.durations import Duration
from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import BadValue, Choice, Kind, ListOf, Number, PathKind

__all__ = ["DatabaseURL", "StorageSettings"]

_SCHEMES = ("postgresql", "postgres")


class DatabaseURL(str):
    """A database's address. `repr` hides the password, so that it is in no log."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self.shown)

    @property
    def shown(self) -> str:
        """The URL without password and query."""
        parts = urlsplit(self)
        user, at, host = parts.netloc.rpartition("@")
        return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}"


class DatabaseURLKind(Kind[DatabaseURL]):
    """`postgresql://user@host:port/database`; messages do not repeat it, because of the password."""

    @property
    def article(self) -> str:
        return "a PostgreSQL URL"

    def read(self, value: object) -> DatabaseURL:
        if not isinstance(value, str):
            raise self._expected(value)
        hint = 'such as "postgresql://wasmpuck@db.example:5432/wasmpuck"'
        try:
            parts = urlsplit(value)
            complete = parts.scheme in _SCHEMES and len(parts.path) > 1 and parts.port != 0
        except ValueError:
            complete = False
        if not complete or any(ord(character) < 33 for character in value):
            raise BadValue("this is not the URL of a PostgreSQL database", hint)
        return DatabaseURL(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """`[storage]`: where certificates are kept, in an SQLite file or in PostgreSQL."""

    path: Path = setting(
        PathKind(), Path(), "The SQLite file; its folder must be writable.", shown="`dataDir`/keys.sqlite"
    )
    url: DatabaseURL | None = setting(
        DatabaseURLKind(),
        None,
        "The PostgreSQL database, in place of `path`. It may hold a password; `passwordFile` is better.",
        shown="none",
    )
    password_file: Path | None = setting(
        PathKind(),
        None,
        "File whose first line is the database's password; without it, that of `url`, PGPASSWORD or ~/.pgpass.",
        shown="none",
    )
    pool_size: int = setting(Number(1, 1_000, "connections"), 10, "Connections to PostgreSQL at most.")
    isolation: str = setting(
        Choice("read committed", "serializable", noun="isolation"),
        "read committed",
        "Of PostgreSQL's transactions. Both are correct; what only resembles PostgreSQL may need the stricter.",
    )
    retry_for: float = setting(
        Duration("100ms", "5m"),
        20.0,
        "How long an operation is tried again after a lost connection or a serialization failure; a server that does "
        "not answer at all gets half of it.",
    )
    seed: tuple[Path, ...] = setting(
        ListOf(PathKind(), "paths"), (), "Keyring files that are loaded at start when the database is empty."
    )
