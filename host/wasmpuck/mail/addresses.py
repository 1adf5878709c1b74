"""Mail addresses that mail can be sent to, and one spelling for those that mean the same mailbox."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from wasmpuck.errors import Unprocessable

__all__ = ["BadMailbox", "Mailbox", "domain_of_host"]

_LONGEST = 254
"""Characters of an address in a command of SMTP (RFC 5321 §4.5.3.1.3, less the angle brackets)."""

_LONGEST_LOCAL = 64
"""Octets before the `@` (RFC 5321 §4.5.3.1.1)."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DIGITS = re.compile(r"[0-9.]+")


class BadMailbox(Unprocessable):
    """Text that is no address that mail can be sent to."""


def _bad(reason: str) -> BadMailbox:
    return BadMailbox(f"this is not a mail address: {reason}", hint="Give one address such as alice@example.org.")


def _ascii_domain(domain: str) -> str:
    """The domain in lower case with internationalised labels in their ASCII form (RFC 3490); `BadMailbox`."""
    try:
        plain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _bad("its domain cannot be written in DNS") from None
    if len(plain) > 253 or not _DOMAIN.fullmatch(plain) or _DIGITS.fullmatch(plain):
        raise _bad("what follows the @ is no domain")
    return plain


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address: `local` as it was written, `domain` in lower case and in ASCII.

    Quoted local parts, comments and address literals (RFC 5321 §4.1.2) are none of ours: what they can smuggle is
    worth more than who uses them.
    """

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Mailbox:
        """Reads an address without angle brackets. Raises `BadMailbox`."""
        if len(text) > _LONGEST:
            raise _bad(f"it is longer than {_LONGEST} characters")
        local, at, domain = text.rpartition("@")
        if not at:
            raise _bad("there is no @ in it")
        if not _LOCAL.fullmatch(local) or not local.isprintable() or any(map(str.isspace, local)):
            raise _bad("what precedes the @ has characters that are not taken")
        try:
            size = len(local.encode())
        except UnicodeEncodeError:
            raise _bad("it is not Unicode") from None
        if size > _LONGEST_LOCAL:
            raise _bad(f"what precedes the @ is longer than {_LONGEST_LOCAL} octets")
        return cls(local, _ascii_domain(domain))

    @classmethod
    def key_of(cls, text: str) -> str | None:
        """`parse(text).key`, or None where that is no address."""
        try:
            return cls.parse(text).key
        except BadMailbox:
            return None

    @property
    def key(self) -> str:
        """The one spelling of all that mean this mailbox: lower case, the domain in ASCII."""
        return f"{self.local.lower()}@{self.domain}"

    @property
    def address(self) -> str:
        """For the envelope of a letter: the local part as it was written."""
        return f"{self.local}@{self.domain}"

    @property
    def spellings(self) -> tuple[str, ...]:
        """The lower-case texts by which a store may know it: with the domain in ASCII and in Unicode."""
        spelled = [self.key]
        if "xn--" in self.domain:
            with suppress(UnicodeError):
                spelled.append(f"{self.local.lower()}@{self.domain.encode('ascii').decode('idna').lower()}")
        return tuple(dict.fromkeys(spelled))


def domain_of_host(host: str) -> str | None:
    """The domain in a `Host` header or a path, in ASCII and lower case; None where it is none."""
    name = host.strip().removesuffix(".")
    head, colon, port = name.rpartition(":")
    if colon and (port.isdecimal() or not port):
        name = head
    try:
        return _ascii_domain(name.removesuffix("."))
    except BadMailbox:
        return None
