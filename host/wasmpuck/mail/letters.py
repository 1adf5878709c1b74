"""Letters as values, and as the bytes that a relay gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid

from .addresses import Mailbox

__all__ = ["Letter", "compose"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to one mailbox: `text` is for people; `data`, if any, for programs, as a part of type JSON-LD."""

    to: Mailbox
    subject: str
    text: str
    language: str = "en"
    data: Mapping[str, str] = field(default_factory=dict)


def compose(letter: Letter, sender: Mailbox) -> EmailMessage:
    """The message as RFC 5322 has it.

    Addresses are taken apart and put together by the library, which raises ValueError for a line break in any header;
    a `Mailbox` never holds one.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(username=sender.local, domain=sender.domain)
    message["To"] = Address(username=letter.to.local, domain=letter.to.domain)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: nobody's holiday notice shall come back
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text)
    message["Content-Language"] = letter.language
    if letter.data:
        document = json.dumps(dict(letter.data), ensure_ascii=False, indent=2) + "\n"
        message.add_attachment(
            document.encode(), maintype="application", subtype="ld+json", cte="quoted-printable", filename="token.json"
        )
    return message
