"""Listings for programs that are kept in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.errors import StorageUnavailable
from wasmpuck.http import formats
from wasmpuck.http.listings import Listings
from wasmpuck.http.shelf import Shelf
from wasmpuck.storage import Record
from wasmpuck.storage.listing import pack

FINGERPRINT = "ab" * 20


def record(*ends: int | None, md5: str = "cd" * 16) -> Record:
    """A certificate of which the user ids end at these times."""
    user_ids = [
        {"text": f"<{n}@x>", "created": 1, "expires": end, "revoked": False, "primary": False}
        for n, end in enumerate(ends)
    ]
    key = {"version": 4, "fingerprint": FINGERPRINT, "key_id": FINGERPRINT[-16:], "algorithm": 22, "name": "eddsa"}
    key |= {"bits": 255, "curve": None, "created": 1, "expires": None, "revoked": False, "md5": md5, "size": 4}
    return Record(FINGERPRINT, md5, b"data", pack(key | {"user_ids": user_ids, "subkeys": []}), 1.0, 1.0)


@given(
    ends=st.lists(st.none() | st.integers(1, 30), max_size=4),
    times=st.lists(st.integers(0, 31), min_size=1, max_size=12),
)
def test_what_is_kept_is_what_would_be_rendered(ends: list[int | None], times: list[int]) -> None:
    """At every time, whatever the clock does, and another listing has another tag."""
    listings = Listings(Shelf(100_000), cut=False)
    found = record(*ends)
    tags: dict[str, bytes] = {}
    for now in times:
        listing = listings.machine_readable([found], now)
        assert listing.body.decode() == formats.machine_readable([found.summary], now)
        assert listing.since == max((end for end in ends if end is not None and end <= now), default=0)
        assert tags.setdefault(listing.tag, listing.body) == listing.body


def test_a_listing_is_rendered_once() -> None:
    """Who asks again gets the same object, in both forms, until the certificate changes."""
    listings = Listings(Shelf(100_000), cut=False)
    first, other = record(None), record(None, None, md5="ef" * 16)
    assert listings.machine_readable([first], 5) is listings.machine_readable([record(None)], 6)
    assert listings.json([other]) is listings.json([other])
    assert listings.machine_readable([other], 5).body != listings.machine_readable([first], 5).body


def test_what_could_not_be_read_is_tried_again() -> None:
    """A listing without one of its certificates is not kept, since mending that one does not change its tag."""
    listings = Listings(Shelf(100_000), cut=False)
    whole, damaged = record(None), Record("ef" * 20, "12" * 16, b"data", b"\x00garbage", 1.0, 1.0)
    mended = Record("ef" * 20, "12" * 16, b"data", record(3).packed, 1.0, 1.0)
    assert listings.machine_readable([whole, damaged], 5).body.startswith(b"info:1:1\n")
    assert listings.machine_readable([whole, mended], 5).body.startswith(b"info:1:2\n")
    with pytest.raises(StorageUnavailable):
        listings.machine_readable([damaged], 5)
