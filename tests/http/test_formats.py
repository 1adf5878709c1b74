"""Listings, reports and statistics as text: pure functions over summaries."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.pages import DAY, FINGERPRINT, NOW, key, user_id
from wasmpuck.config import HTTPSettings
from wasmpuck.http.formats import listing_json, machine_readable, report_json, statistics_json
from wasmpuck.http.ui import statistics_page, validity_in_words
from wasmpuck.keyserver import SearchRules, SubmitEntry, SubmitReport
from wasmpuck.storage import Statistics, Tally


def test_a_listing_is_what_keyservers_send() -> None:
    """The lines for a plain key are those that gpg has read for twenty years."""
    assert machine_readable([key(user_id("Alice Lovelace <alice@openpgp.example>"))], NOW) == (
        "info:1:1\n"
        "pub:EB85BB5FA33A75E15E944E63F231550C4F47E38E:22:263:1548158185::\n"
        "uid:Alice Lovelace <alice@openpgp.example>:1571135290::\n"
    )


def test_flags_say_revoked_and_expired() -> None:
    """`r` and `e` stand on the key and on each user id that they are true of."""
    listing = machine_readable(
        [
            key(
                user_id("gone", revoked=True),
                user_id("old", expires=int(NOW) - DAY),
                user_id("fresh", expires=int(NOW) + DAY),
                user_id("nobody knows since when", created=None),
                revoked=True,
                expires=int(NOW) - DAY,
            )
        ],
        NOW,
    ).splitlines()
    assert listing[1].endswith(":1799913600:re")
    assert listing[2:] == [
        "uid:gone:1571135290::r",
        "uid:old:1571135290:1799913600:e",
        "uid:fresh:1571135290:1800086400:",
        "uid:nobody knows since when:::",
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_any_user_id_survives(texts: list[str]) -> None:
    """One line each, seven fields at most, ASCII only, and unquoting gives the user id back."""
    listing = machine_readable([key(*(user_id(text) for text in texts))], NOW)
    assert listing.isascii()
    lines = listing.splitlines()[2:]
    assert [unquote(line.split(":")[1]) for line in lines] == texts
    assert all(line.count(":") == 4 for line in lines)


def test_json_says_how_long_a_key_holds() -> None:
    """Keys and user ids either expire at a time or never do, and say whether they are revoked."""
    subkey = key(expires=int(NOW), revoked=True)
    (listed,) = json.loads(listing_json([key(user_id("x", created=None), subkeys=[subkey])]))
    assert listed["creation"] == "2019-01-22T11:56:25Z"
    assert listed["neverExpires"] is True
    assert "expiration" not in listed
    assert listed["userIDs"] == [
        {"keywords": "x", "validsince": "", "neverExpires": True, "revoked": False, "primary": False}
    ]
    assert listed["subKeys"][0]["expiration"] == "2027-01-15T08:00:00Z"
    assert listed["subKeys"][0]["revoked"] is True


def test_a_report_holds_reasons_and_rules() -> None:
    """Whoever uploads learns what became of each certificate and what was left out."""
    report = SubmitReport(
        inserted=[SubmitEntry(4, FINGERPRINT)],
        rejected=[SubmitEntry(6, "f" * 64, "Too large.", "too-large")],
        drops={"drop:UAT": 2},
    )
    assert json.loads(report_json(report)) == {
        "inserted": [{"version": 4, "fingerprint": FINGERPRINT}],
        "updated": [],
        "ignored": [],
        "invalid": [{"version": 6, "fingerprint": "f" * 64, "code": "too-large", "comment": "Too large."}],
        "dropped": {"drop:UAT": 2},
    }


def test_statistics_run_forward_in_time() -> None:
    """Crawlers expect the oldest hour first, and the contact only where there is one."""
    start = int(NOW) // 3600 * 3600
    statistics = Statistics(7, hourly=(Tally(start, 3, 2, 1), Tally(start - 3600, 1, 0, 0)), daily=())
    said = json.loads(statistics_json(statistics, HTTPSettings(hostname="keys.example"), NOW, SearchRules()))
    assert (said["total"], said["hostname"], said["now"]) == (7, "keys.example", "2027-01-15T08:00:00Z")
    assert [tally["Inserted"] for tally in said["hourly"]] == [1, 3]
    assert "contact" not in said
    assert json.loads(statistics_json(statistics, HTTPSettings(contact="ops@keys.example"), NOW, SearchRules()))[
        "contact"
    ]
    page = statistics_page(statistics, HTTPSettings(hostname="<keys>", contact="ops@keys.example"), NOW)
    assert "7 keys." in page
    assert "Statistics of &lt;keys&gt;" in page
    assert "Last 24 hours: 7 keys inserted, updated or removed" in page


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        ({"revoked": True, "expires": 0}, "revoked"),
        ({"revoked": False, "expires": None}, "does not expire"),
        ({"revoked": False, "expires": int(NOW)}, "expired on 15 January 2027"),
        ({"revoked": False, "expires": int(NOW) + 30 * DAY}, "valid until 14 February 2027"),
        ({"revoked": False, "expires": 10**12}, "valid until a day that no calendar here has"),
    ],
)
def test_validity_is_said_in_words(thing: dict[str, Any], words: str) -> None:
    """People read words, not flags."""
    assert f">{words}<" in validity_in_words(thing, NOW)
