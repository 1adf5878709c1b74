"""SQLite's schema as a list of steps, each run once and never changed after a release."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from .terms import join, term

__all__ = ["CERTIFICATES", "PLUGINS", "Step", "execute_all"]

Step = str | Callable[[sqlite3.Connection], None]
"""Statements, or a function that changes what statements cannot."""

_FIRST = """
    CREATE TABLE certificates (
        id INTEGER PRIMARY KEY,
        fingerprint BLOB NOT NULL UNIQUE,
        md5 BLOB NOT NULL,
        created REAL NOT NULL,
        modified REAL NOT NULL,
        summary BLOB NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX certificates_md5 ON certificates (md5);
    CREATE TABLE keys (
        certificate INTEGER NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
        key_id INTEGER NOT NULL,
        fingerprint BLOB NOT NULL,
        PRIMARY KEY (certificate, key_id, fingerprint)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX keys_fingerprint ON keys (fingerprint);
    CREATE INDEX keys_key_id ON keys (key_id & 4294967295);
    CREATE TABLE identities (
        certificate INTEGER NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
        identity TEXT NOT NULL,
        PRIMARY KEY (certificate, identity)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX identities_identity ON identities (identity);
    CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO totals VALUES ('certificates', 0);
    CREATE TABLE tallies (
        hour INTEGER PRIMARY KEY,
        inserted INTEGER NOT NULL DEFAULT 0,
        updated INTEGER NOT NULL DEFAULT 0,
        deleted INTEGER NOT NULL DEFAULT 0
    ) STRICT
"""

# `keys` and `terms` of a certificate: see `terms.Index`. The large columns stand last: what is behind them on
# overflow pages is slow to reach.
_NARROW = """
    ALTER TABLE certificates RENAME TO old_certificates;
    CREATE TABLE certificates (
        id INTEGER PRIMARY KEY,
        fingerprint BLOB NOT NULL,
        md5 BLOB NOT NULL,
        created REAL NOT NULL,
        modified REAL NOT NULL,
        keys BLOB NOT NULL,
        terms BLOB NOT NULL,
        summary BLOB NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE TABLE terms (
        term INTEGER NOT NULL,
        certificate INTEGER NOT NULL,
        PRIMARY KEY (term, certificate)
    ) STRICT, WITHOUT ROWID
"""
_NARROWED = """
    DROP TABLE identities;
    DROP TABLE keys;
    DROP TABLE old_certificates;
    CREATE UNIQUE INDEX certificates_fingerprint ON certificates (fingerprint);
    CREATE INDEX certificates_by_md5 ON certificates (md5)
"""

_OWNERS = """
    CREATE TABLE tombstones (
        fingerprint BLOB PRIMARY KEY, reason TEXT NOT NULL, until REAL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE claims (token BLOB PRIMARY KEY, expires REAL NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX claims_expires ON claims (expires);
    CREATE TABLE acts (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        actor TEXT NOT NULL,
        time REAL NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE TABLE verified (
        certificate INTEGER NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
        email TEXT NOT NULL,
        time REAL NOT NULL,
        PRIMARY KEY (certificate, email)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX verified_email ON verified (email);
    CREATE TABLE canonical (
        identity TEXT NOT NULL,
        place INTEGER NOT NULL,
        certificate INTEGER NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
        PRIMARY KEY (identity, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX canonical_certificate ON canonical (certificate)
"""

# `before` and `after` of a change: NULL where there was or is no certificate. `days` has the first change's number of
# each day (since 1970), which takes the place of an index by time.
_CHANGES = """
    CREATE TABLE changes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        time REAL NOT NULL,
        fingerprint BLOB NOT NULL,
        before BLOB,
        after BLOB
    ) STRICT;
    CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER NOT NULL) STRICT
"""

# `addresses`: those that were verified when it was taken out of publication, as a JSON object of times.
_QUARANTINE = """
    CREATE TABLE quarantine (
        fingerprint BLOB PRIMARY KEY,
        md5 BLOB NOT NULL,
        data BLOB NOT NULL,
        source TEXT NOT NULL,
        reason TEXT NOT NULL,
        time REAL NOT NULL,
        addresses TEXT NOT NULL
    ) STRICT
"""


def _narrow(database: sqlite3.Connection) -> None:
    """Moves rows of keys and identities into `terms`. Words and domains come with the next write of a certificate."""
    execute_all(database, _NARROW)
    rows = database.execute("SELECT id, fingerprint FROM old_certificates").fetchall()
    for number, primary in rows:
        terms: set[int] = set()
        keys = b""
        for fingerprint, key_id in database.execute(
            "SELECT fingerprint, key_id FROM keys WHERE certificate = ?", (number,)
        ):
            octets = key_id.to_bytes(8, "big", signed=True)
            terms.add(term("key-id", octets[-4:]))
            if fingerprint != primary:
                terms.add(term("fingerprint", fingerprint))
                keys += fingerprint
            if octets not in fingerprint:
                keys += octets
        for (identity,) in database.execute("SELECT identity FROM identities WHERE certificate = ?", (number,)):
            terms.add(term("identity", identity))
        database.execute(
            "INSERT INTO certificates SELECT id, fingerprint, md5, created, modified, ?, ?, summary, data "
            "FROM old_certificates WHERE id = ?",
            (keys, join(sorted(terms)), number),
        )
        database.executemany("INSERT INTO terms VALUES (?, ?)", [(item, number) for item in sorted(terms)])
    execute_all(database, _NARROWED)


def execute_all(database: sqlite3.Connection, statements: str) -> None:
    """Runs statements, separated by semicolons, in the transaction that is open."""
    for statement in statements.split(";"):
        if statement.strip():
            database.execute(statement)


CERTIFICATES: tuple[Step, ...] = (_FIRST, _narrow, _OWNERS, _CHANGES, _QUARANTINE)

PLUGINS: tuple[Step, ...] = (
    """
    CREATE TABLE plugin_entries (
        plugin TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        kind TEXT NOT NULL,
        expires REAL,
        PRIMARY KEY (plugin, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX plugin_entries_expires ON plugin_entries (plugin, expires) WHERE expires IS NOT NULL;
    CREATE TABLE plugin_versions (name TEXT PRIMARY KEY, version TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """,
)
