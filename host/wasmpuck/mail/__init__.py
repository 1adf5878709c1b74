"""Mail: what an address is, and sending letters through a relay."""

from __future__ import annotations

from .addresses import BadMailbox, Mailbox, domain_of_host
from .letters import Letter, compose
from .sending import Mailer, MailUnavailable, Post, Relay

__all__ = ["BadMailbox", "Letter", "MailUnavailable", "Mailbox", "Mailer", "Post", "Relay", "compose", "domain_of_host"]
