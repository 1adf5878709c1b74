"""OpenPGP as a keyserver needs it: pure functions over bytes, without I/O (RFC 9580)."""

from __future__ import annotations

from .armor import BrokenArmor, armor, dearmor
from .certificate import Certificate, Subkey, UserId
from .digest import sks_digest
from .facts import CertificateFacts, KeyFacts, Origin, Submission
from .fields import Unparseable
from .limits import Refused
from .merge import merge
from .packets import MalformedPacket, Packet, Tag, frame, walk
from .policy import REFUSALS, RULES, Policy, RefusalCode, Rule
from .summary import summarise
from .vetting import Vetted, vet

__all__ = [
    "REFUSALS",
    "RULES",
    "BrokenArmor",
    "Certificate",
    "CertificateFacts",
    "KeyFacts",
    "MalformedPacket",
    "Origin",
    "Packet",
    "Policy",
    "RefusalCode",
    "Refused",
    "Rule",
    "Subkey",
    "Submission",
    "Tag",
    "Unparseable",
    "UserId",
    "Vetted",
    "armor",
    "dearmor",
    "frame",
    "merge",
    "sks_digest",
    "summarise",
    "vet",
    "walk",
]
