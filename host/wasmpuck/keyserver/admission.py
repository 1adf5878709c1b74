"""Who decides which certificates are stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol

from wasmpuck.openpgp.facts import Submission
from wasmpuck.openpgp.ingest import Prepared
from wasmpuck.openpgp.policy import Policy
from wasmpuck.openpgp.rewriting import rewrite

from .workers import Workers

__all__ = [
    "Accept",
    "AcceptAll",
    "Admission",
    "Candidate",
    "Quarantine",
    "Reason",
    "Reject",
    "Verdict",
    "candidate_of",
    "submitters",
]


#: The plugins whose submission is being dealt with, outermost first: none of them is asked about it.
submitters: ContextVar[tuple[str, ...]] = ContextVar("submitters", default=())


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code for programs, a sentence for the uploader, the name of the plugin that said so."""

    code: str
    text: str
    plugin: str = ""


@dataclass(frozen=True, slots=True)
class Accept:
    """Take it: as it came, or what was made of it, `rewritten`, for these reasons."""

    rewritten: Candidate | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject(Reason):
    """Do not take it."""


@dataclass(frozen=True, slots=True)
class Quarantine(Reason):
    """Keep it, or what was made of it, `rewritten`, and do not publish it."""

    rewritten: Candidate | None = None


Verdict = Accept | Reject | Quarantine


@dataclass(frozen=True, slots=True)
class Candidate:
    """A certificate that wants in.

    submission: what is known of it, without the armor.
    ready: the state that would be stored.
    rewrite: vets armor that shall take its place. The answer is a candidate with nothing in it that is not in this one,
        or a sentence that says why there is none.
    """

    submission: Submission
    ready: Prepared
    rewrite: Callable[[str], Awaitable[Candidate | str]]


def candidate_of(ready: Prepared, submission: Submission, workers: Workers, policy: Policy) -> Candidate:
    """A candidate whose rewritten states are vetted by the workers."""

    async def rewritten(armored: str) -> Candidate | str:
        made = await workers.run(rewrite, ready.data, armored, policy)
        if isinstance(made, str):
            return made
        facts = made.facts.submission(submission.origin, submission.client, submission.source, known=submission.known)
        return candidate_of(replace(made, drops=ready.drops), facts, workers, policy)

    return Candidate(submission, ready, rewritten)


class Admission(Protocol):
    """Decides which certificates are stored (`wit/admission.wit`)."""

    async def judge(self, candidate: Candidate) -> Verdict:
        """Called before a certificate is stored, with the state that would be stored.

        Not called for one that changes nothing. May be called again with a newer state when somebody else changed the
        certificate meanwhile. An exception ends the submission; nothing of this certificate is stored then.
        """
        ...


class AcceptAll:
    """The admission of a server without rules."""

    async def judge(self, candidate: Candidate) -> Verdict:
        """Accepts."""
        return Accept()
