"""Who decides which certificates are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wasmpuck.openpgp.facts import Submission

__all__ = ["Accept", "AcceptAll", "Admission", "Reject"]


@dataclass(frozen=True, slots=True)
class Accept:
    """Take it."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not take it: a code for programs, a sentence for the uploader, the name of the plugin that said so."""

    code: str
    text: str
    plugin: str = ""


class Admission(Protocol):
    """Decides which certificates are stored (`wit/admission.wit`)."""

    async def judge(self, submission: Submission) -> Accept | Reject:
        """Called before a certificate is stored, with the state that would be stored.

        Not called for one that changes nothing. May be called again with a newer state when somebody else changed the
        certificate meanwhile. An exception ends the submission; nothing of this certificate is stored then.
        """
        ...


class AcceptAll:
    """The admission of a server without rules."""

    async def judge(self, submission: Submission) -> Accept | Reject:
        """Accepts."""
        return Accept()
