"""Deciding which certificates the server takes (export `admission`).

@admission.judge
def judge(submission: admission.Submission) -> admission.Verdict | None:
    if submission.size > 100_000:
        return admission.Reject("too-large", "The certificate is too large.")
    return None                                     # accepts
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar, overload

from . import _registry

__all__ = ["Accept", "Key", "Origin", "Quarantine", "Reject", "Rewrite", "Scope", "Submission", "Verdict", "judge"]

Origin: TypeAlias = Literal["upload", "bulk", "peer", "plugin"]


@dataclass(frozen=True)
class Scope:
    """What the plugin wants to see: lower `priority` first; the ways in (none: every one); whether `armored` is
    wanted.
    """

    priority: int = 0
    origins: tuple[Origin, ...] = ()
    wants_armor: bool = False


@dataclass(frozen=True)
class Key:
    """A primary key or a subkey: packet version, number of the algorithm (RFC 9580 §9.1), size in bits."""

    fingerprint: str
    version: int
    algorithm: int
    bits: int
    created: datetime


@dataclass(frozen=True)
class Submission:
    """A certificate that wants in.

    `client` is the uploader's address, `source` the file, peer or plugin on other ways; `size` is in bytes, unarmored;
    `known` says whether the server has an older state; `armored` is there if it is wanted.
    """

    origin: Origin
    client: str
    source: str
    primary: Key
    subkeys: tuple[Key, ...]
    user_ids: tuple[str, ...]
    size: int
    signatures: int
    known: bool
    armored: str | None = None


@dataclass(frozen=True)
class Accept:
    """Take it."""


@dataclass(frozen=True)
class Reject:
    """Refuse it: a code for programs (lower case words with `-`) and a sentence for the uploader."""

    code: str
    text: str


@dataclass(frozen=True)
class Quarantine:
    """Keep it, but do not publish it until somebody has looked at it."""

    code: str
    text: str


@dataclass(frozen=True)
class Rewrite:
    """Take this instead: in ASCII armor, with the same primary key and nothing in it that was not there."""

    armored: str
    code: str
    text: str


Verdict: TypeAlias = Accept | Reject | Quarantine | Rewrite

Judge: TypeAlias = Callable[[Submission], Verdict | None] | Callable[[Submission], None]
_F = TypeVar("_F", bound=Judge)


@overload
def judge(function: _F, /) -> _F: ...
@overload
def judge(*, origins: Sequence[Origin] = (), wants_armor: bool = False, priority: int = 0) -> Callable[[_F], _F]: ...
def judge(
    function: _F | None = None, /, *, origins: Sequence[Origin] = (), wants_armor: bool = False, priority: int = 0
) -> _F | Callable[[_F], _F]:
    """Decorates the function that judges certificates; `None` accepts. The arguments are those of `Scope`."""

    def register(judging: _F) -> _F:
        _registry.once("admission.judge", judging)
        _registry.current().scopes["admission"] = Scope(priority, tuple(origins), wants_armor)
        return judging

    return register if function is None else register(function)
