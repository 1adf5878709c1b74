"""`[mail]`, `[vks]` and `[wkd]`: keys by address, and how the server asks who reads mail there."""

# ruff: noqa: RUF009 - `setting` makes a dataclass field, it is not called once for all instances

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from wasmpuck.config.durations import Duration
from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import BadValue, Choice, Kind, ListOf, Number, PathKind, Text, quoted

__all__ = ["AddressText", "DomainKind", "MailSettings", "URLKind", "VKSSettings", "WKDSettings"]


class DomainKind(Kind[str]):
    """A mail domain; read as lower case, internationalised labels in their ASCII form."""

    _LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"

    @property
    def article(self) -> str:
        return "a mail domain"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._expected(value)
        try:
            name = value.encode("idna").decode("ascii").lower()
        except UnicodeError:
            name = ""
        if len(name) > 253 or not re.fullmatch(rf"{self._LABEL}(?:\.{self._LABEL})*", name):
            raise BadValue(f"{quoted(value)} is not a mail domain", "write what follows the @, like example.org")
        return name


class AddressText(Kind[str]):
    """A mail address in ASCII, or nothing."""

    @property
    def article(self) -> str:
        return "a mail address"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._expected(value)
        if value and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9_.-]{1,253}", value):
            raise BadValue(f"{quoted(value)} is not a mail address", "write it like keys@example.org")
        return value


class URLKind(Kind[str]):
    """An `https://` or `http://` address without query and fragment; read without a slash at the end."""

    @property
    def article(self) -> str:
        return "a URL"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._expected(value)
        if value and not re.fullmatch(r"https?://[A-Za-z0-9._:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?", value):
            raise BadValue(f"{quoted(value)} is not a URL", "write it like https://keys.example.org")
        return value.rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """`[mail]`: the relay for letters, and how many of them."""

    relay: str = setting(Text(253), "", "Host of the mail server that takes letters for any domain; empty sends none.")
    port: int = setting(Number(1, 65_535, "port"), 587, "587 for submission, 465 with `tls`, 25 in one's own network.")
    tls: str = setting(
        Choice("starttls", "tls", "none", noun="kind of encryption"),
        "starttls",
        "`starttls` is required when chosen, `tls` is from the first byte; `none` is for a relay on the same machine.",
    )
    authority: Path | None = setting(
        PathKind(), None, "PEM file of who signs the relay's certificate.", shown="the system's authorities"
    )
    user: str = setting(Text(256), "", "Name for logging in; empty does not log in.")
    password_file: Path | None = setting(
        PathKind(), None, "File whose first line is the password for `user`.", shown="none"
    )
    sender: str = setting(AddressText(), "", "Whom letters are from; needed with `relay`.", key="from")
    timeout: float = setting(Duration("1s", "5m"), 20.0, "For each answer of the relay.")
    queue: int = setting(
        Number(1, 100_000, "letters"), 1_000, "Letters that wait at most; when there are more, clients are told 503."
    )
    attempts: int = setting(Number(1, 20, "attempts"), 5, "How often a letter is tried before it is lost.")
    pause: float = setting(Duration("100ms", "1h"), 15.0, "Before the second attempt; doubled before each further one.")
    public_url: str = setting(
        URLKind(),
        "",
        "Where links in letters lead: this server as people reach it.",
        shown="https:// and `server.hostname`",
        key="publicURL",
    )
    link_lifetime: float = setting(
        Duration("5m", "31d"), 86_400.0, "How long a link or a token in a letter holds; each works once."
    )
    window: float = setting(Duration("1m", "31d"), 3_600.0, "The time over which the two limits below count.")
    per_address: int = setting(Number(1, 10_000, "letters"), 3, "Letters that one address gets in `window`.")
    per_client: int = setting(
        Number(1, 1_000_000, "letters"),
        20,
        "Letters that one client causes in `window`.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VKSSettings:
    """`[vks]`: what is shown of keys whose addresses nobody confirmed."""

    mode: str = setting(
        Choice("open", "verified", noun="mode"),
        "open",
        "`verified` shows user ids, and finds keys by them, only when the reader of the address confirmed it; `open` "
        "shows all but at `/vks/v1/by-email`, which always wants confirmation.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WKDSettings:
    """`[wkd]`: the domains whose Web Key Directory this server is."""

    domains: tuple[str, ...] = setting(
        ListOf(DomainKind(), "mail domains"), (), "Domains that are answered for; none is no directory."
    )
    publish: str = setting(
        Choice("verified", "all", noun="rule"),
        "verified",
        "`verified` gives keys whose address was confirmed; `all` any stored key that has the address, so that who "
        "may upload decides.",
    )
    policy: tuple[str, ...] = setting(
        ListOf(Choice("mailbox-only", "dane-only", "auth-submit", noun="keyword"), "keywords"),
        (),
        "Keywords of the policy file.",
    )
    submission_address: str = setting(
        AddressText(), "", "Where the domains take keys by mail (Web Key Service); empty is nowhere."
    )
