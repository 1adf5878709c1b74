"""SQLite's schema as a list of steps, each run once and never changed after a release."""

from __future__ import annotations

__all__ = ["CERTIFICATES", "PLUGINS"]

# Key ids are 64 bits in SQLite's signed integers; fingerprints and digests are their bytes. `keys` holds the primary
# key too.
CERTIFICATES: tuple[str, ...] = (
    """
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
    ) STRICT;
    """,
)

PLUGINS: tuple[str, ...] = (
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
