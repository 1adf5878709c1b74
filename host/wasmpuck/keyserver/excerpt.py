"""Parts of certificates: the same key with fewer user ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wasmpuck.openpgp.packets import Tag, walk
from wasmpuck.openpgp.userids import display_text
from wasmpuck.storage import Record
from wasmpuck.storage.listing import pack

__all__ = ["excerpt", "with_user_ids"]


def with_user_ids(data: bytes, keep: Callable[[str], bool]) -> bytes:
    """The certificate `data`, in canonical order, with those user ids alone whose text `keep` likes.

    The signatures about a user id go with it; everything else stays, byte for byte. Without any user id it still is a
    certificate that may be transferred (RFC 9580 §10.1.1), and brings revocations and subkeys to those who have it.
    """
    kept: list[bytes] = []
    taking = True
    for packet in walk(data):
        match packet.tag:
            case Tag.USER_ID:
                taking = keep(display_text(packet.body))
            case Tag.SIGNATURE:
                pass
            case _:
                taking = True
        if taking:
            kept.append(bytes(packet))
    return b"".join(kept)


def excerpt(record: Record, keep: Callable[[str], bool]) -> Record:
    """The record with the user ids whose text `keep` likes, in its bytes and in its summary; itself, if that is all.

    `md5` and `modified` stay those of the whole certificate: they tell one stored state from the next. The summary's
    size is that of the bytes.
    """
    summary: dict[str, Any] = record.summary
    user_ids = [user_id for user_id in summary["user_ids"] if keep(user_id["text"])]
    if len(user_ids) == len(summary["user_ids"]):
        return record
    data = with_user_ids(record.data, keep)
    return replace(record, data=data, packed=pack(summary | {"user_ids": user_ids, "size": len(data)}))
