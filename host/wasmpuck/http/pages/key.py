"""One key with all that a person wants to know of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from wasmpuck.http.html import page
from wasmpuck.http.markup import Content, Markup, element, join
from wasmpuck.http.pages.details import Details, Foreign
from wasmpuck.http.pages.parts import command, copy_button, facts, table
from wasmpuck.http.pages.qr import qr_code
from wasmpuck.http.pages.words import algorithm, day, fingerprint, grouped, person, usage, validity_in_words
from wasmpuck.http.visit import current, plain, say

__all__ = ["key_page", "old_sequoia", "server_of"]

_MOST_SIGNATURES = 50
"""Signatures by others that are listed under each user id; the rest is counted."""

_LONGEST_TITLE = 120


def server_of(origin: str) -> str:
    """The keyserver at the URL `origin` in the words of `gpg --keyserver`: `hkps://host` or `hkp://host:port`."""
    scheme, _, host = origin.partition("://")
    named = re.search(r":\d+$", host) is not None
    if scheme == "https":
        return f"hkps://{host}"
    return f"hkp://{host}" if named else f"hkp://{host}:80"


def old_sequoia(server: str) -> str:
    """How `sq` of Debian 12 (version 0.27) begins to talk to a keyserver; without TLS it has to be told twice."""
    policy = "" if server.startswith("hkps:") else " --policy insecure"
    return f"sq keyserver{policy} --server {server}"


def key_page(key: Mapping[str, Any], details: Details, stored: tuple[float, float], now: float) -> str:
    """The page of a key: `key` is its summary, `stored` when it was first stored and last changed."""
    digits = key["fingerprint"]
    names = key["user_ids"]
    title = names[0]["text"] if names and current().site.addresses else ""
    return page(
        title[:_LONGEST_TITLE] or plain("key.title", fingerprint=digits[-16:].upper()),
        element(
            "div",
            element("h1", person(names[0]["text"]) if names else say("key.title", fingerprint=digits[-16:].upper())),
            element("p", _validity(key, digits, details, now), class_="verdict"),
            class_="title",
        ),
        _fingerprint(digits),
        _facts(key, details, stored, now),
        _user_ids(key, details, now),
        _subkeys(key, details, now),
        _fetch(key),
        _others(key, details),
        here="search",
    )


def _validity(thing: Mapping[str, Any], name: str, details: Details, now: float) -> Markup:
    return validity_in_words(thing, now, details.revocations.get(name))


def _fingerprint(digits: str) -> Markup:
    return element(
        "section",
        element(
            "div",
            element("h2", say("key.fingerprint")),
            element("p", fingerprint(digits, id="fingerprint"), class_="large"),
            copy_button("fingerprint", "copy.fingerprint"),
            element("p", say("site.caution"), class_="hint"),
        ),
        element(
            "figure",
            qr_code(digits, plain("qr.title", fingerprint=grouped(digits))),
            element("figcaption", say("qr.hint")),
        ),
        class_="card identity",
    )


def _facts(key: Mapping[str, Any], details: Details, stored: tuple[float, float], now: float) -> Markup:
    return element(
        "section",
        element("h2", say("key.primary_key")),
        facts(
            [
                (say("key.algorithm"), algorithm(key)),
                (say("key.created"), day(key["created"])),
                (say("key.validity"), _validity(key, key["fingerprint"], details, now)),
                (say("key.usage"), usage(details.flags.get(key["fingerprint"]))),
                (say("key.key_id"), element("span", key["key_id"].upper(), class_="fingerprint", translate="no")),
                (say("key.version"), str(key["version"])),
                (say("key.size"), say("key.bytes", count=key["size"])),
                (say("others.title"), say("key.signatures", count=details.foreign_count)),
            ]
        ),
        element("p", say("key.seen", first=day(stored[0]), last=day(stored[1])), class_="hint"),
    )


def _user_ids(key: Mapping[str, Any], details: Details, now: float) -> Markup:
    rows = [
        (
            join(
                person(user_id["text"]),
                join(" ", element("span", say("key.main"), class_="tag")) if user_id["primary"] else None,
            ),
            "" if user_id["created"] is None else day(user_id["created"]),
            _validity(user_id, user_id["text"], details, now),
            _count(number, details.foreign.get(user_id["text"], ())),
        )
        for number, user_id in enumerate(key["user_ids"])
    ]
    headings = [say("key.user_id"), say("key.confirmed"), say("key.validity"), say("others.title")]
    return element(
        "section",
        element("h2", say("key.user_ids")),
        table(say("key.user_ids_caption"), headings, rows, hidden=True)
        if rows
        else element("p", say("key.no_user_ids")),
        None if current().site.addresses else element("p", say("key.hidden"), class_="hint"),
    )


def _count(number: int, foreign: tuple[Foreign, ...]) -> Content:
    if not foreign:
        return "0"
    return element("a", say("key.signatures", count=len(foreign)), href=f"#signatures-{number}")


def _subkeys(key: Mapping[str, Any], details: Details, now: float) -> Markup:
    rows = [
        (
            fingerprint(subkey["fingerprint"]),
            algorithm(subkey),
            usage(details.flags.get(subkey["fingerprint"])),
            day(subkey["created"]),
            _validity(subkey, subkey["fingerprint"], details, now),
        )
        for subkey in key["subkeys"]
    ]
    headings = [say(f"key.{name}") for name in ("fingerprint", "algorithm", "usage", "created", "validity")]
    return element(
        "section",
        element("h2", say("key.subkeys")),
        table(say("key.subkeys_caption"), headings, rows, hidden=True) if rows else element("p", say("key.no_subkeys")),
    )


def _fetch(key: Mapping[str, Any]) -> Markup:
    digits, origin = key["fingerprint"], current().origin
    server = server_of(origin)
    # Old clients cannot read keys beyond version 4, so the legacy protocol only gives them in binary form.
    legacy = key["version"] <= 4
    address = f"/pks/lookup?op=get{'' if legacy else '&options=bin'}&search=0x{digits}"
    lines = [
        ("gpg", f"gpg --keyserver {server} --recv-keys {digits.upper()}") if legacy else None,
        ("sq", f"sq network keyserver search --server {server} {digits.upper()}"),
        ("sq_old", f"{old_sequoia(server)} get {digits.upper()}") if legacy else None,
        ("curl", f"curl -o {digits[-16:].upper()}.{'asc' if legacy else 'pgp'} '{origin}{address}'"),
    ]
    links = [
        element("a", say("fetch.armored"), href=f"/pks/lookup?op=get&search=0x{digits}", class_="button", download=True)
        if legacy
        else None,
        element(
            "a",
            say("fetch.binary"),
            href=f"/pks/lookup?op=get&options=bin&search=0x{digits}",
            class_="button",
            download=True,
        ),
    ]
    return element(
        "section",
        element("h2", say("fetch.title")),
        element("p", *links, class_="actions"),
        *(command(f"command-{line[0]}", say(f"fetch.{line[0]}"), line[1]) for line in lines if line),
        class_="card",
    )


def _others(key: Mapping[str, Any], details: Details) -> Markup:
    groups = [
        (number, user_id["text"], details.foreign.get(user_id["text"], ()))
        for number, user_id in enumerate(key["user_ids"])
    ]
    groups.append((len(groups), "", details.foreign.get("", ())))
    shown = [_signers(number, name, found) for number, name, found in groups if found]
    return element(
        "section",
        element("h2", say("others.title")),
        *([element("p", say("others.lead"), class_="hint"), *shown] if shown else [element("p", say("others.none"))]),
        id="signatures",
    )


def _signers(number: int, name: str, found: tuple[Foreign, ...]) -> Markup:
    visit = current()
    target: Markup = person(name) if name else say("others.direct")
    listed = found[:_MOST_SIGNATURES]
    rows = [
        (
            element(
                "a",
                fingerprint(signature.issuer),
                href=visit.link(f"/key/{signature.issuer}")
                if len(signature.issuer) != 16
                else visit.link("/pks/lookup", op="index", search=f"0x{signature.issuer}"),
            ),
            datetime.fromtimestamp(signature.created, UTC).strftime("%Y-%m-%d"),
            say("others.kind_revoked" if signature.revokes else "others.kind_certified"),
        )
        for signature in listed
    ]
    left = len(found) - len(listed)
    headings = [say("others.signer"), say("others.signed"), say("others.kind")]
    return element(
        "details",
        element("summary", target, ": ", say("key.signatures", count=len(found))),
        table(say("others.caption", user_id=target), headings, rows, hidden=True),
        element("p", say("others.more", count=left), class_="hint") if left else None,
        id=f"signatures-{number}",
    )
