"""A database as Hockeypuck 2 makes it: its schema, and documents as it writes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from wasmpuck.openpgp.packets import Packet, Tag, walk

__all__ = ["SCHEMA", "document", "insert"]

SCHEMA = """
CREATE TABLE keys (
    rfingerprint TEXT PRIMARY KEY, doc jsonb NOT NULL, ctime TIMESTAMPTZ NOT NULL, mtime TIMESTAMPTZ NOT NULL,
    md5 TEXT NOT NULL UNIQUE, keywords tsvector, idxtime TIMESTAMPTZ NOT NULL, vfingerprint TEXT NOT NULL
);
CREATE TABLE subkeys (
    rfingerprint TEXT NOT NULL REFERENCES keys, rsubfp TEXT PRIMARY KEY, vsubfp TEXT NOT NULL
);
CREATE TABLE userids (
    rfingerprint TEXT NOT NULL REFERENCES keys, uidstring TEXT NOT NULL, identity TEXT, confidence INTEGER NOT NULL,
    PRIMARY KEY (rfingerprint, uidstring)
);
CREATE TABLE pks_status (addr TEXT PRIMARY KEY, last_sync TIMESTAMPTZ, last_error TEXT);
CREATE INDEX keys_rfp ON keys (rfingerprint text_pattern_ops);
CREATE INDEX keys_vfp ON keys (vfingerprint);
CREATE INDEX keys_ctime ON keys (ctime);
CREATE INDEX keys_mtime ON keys (mtime);
CREATE INDEX keys_idxtime ON keys (idxtime);
CREATE INDEX keys_keywords ON keys USING GIN (keywords);
CREATE INDEX subkeys_rfp ON subkeys (rsubfp text_pattern_ops);
CREATE INDEX subkeys_vfp ON subkeys (vsubfp);
CREATE INDEX userids_identity ON userids (identity text_pattern_ops);
"""


def _node(packet: Packet, **more: Any) -> dict[str, Any]:
    return {"packet": {"tag": packet.tag, "data": base64.b64encode(bytes(packet)).decode()}, **more}


def document(certificate: bytes, fingerprint: str, md5: str) -> str:
    """The `doc` of a certificate: a tree of its packets, with some of the fields that stand beside them."""
    primary: dict[str, Any] = {}
    current: dict[str, Any] = {}
    for packet in walk(certificate):
        match packet.tag:
            case Tag.PUBLIC_KEY:
                primary = current = _node(
                    packet, fingerprint=fingerprint, md5=md5, length=len(certificate), version=4, neverExpires=True
                )
            case Tag.SIGNATURE:
                kind = packet.body[1]
                current.setdefault("signatures", []).append(_node(packet, version=4, sigType=kind))
            case Tag.USER_ID:
                current = _node(packet, keywords=packet.body.decode(errors="replace"), validsince="")
                primary.setdefault("userIDs", []).append(current)
            case _:
                current = _node(packet, version=4)
                primary.setdefault("subKeys", []).append(current)
    return json.dumps(primary)


async def insert(connection: Any, rows: Iterable[tuple[str, str, str]]) -> None:
    """Rows of `keys` from (fingerprint, document, digest)."""
    await connection.executemany(
        "INSERT INTO keys VALUES ($1, $2::jsonb, now(), now(), $3, ''::tsvector, now(), $4)",
        [(fingerprint[::-1], doc, md5, "04" + fingerprint) for fingerprint, doc, md5 in rows],
    )
