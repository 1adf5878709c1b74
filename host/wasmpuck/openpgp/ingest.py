"""From uploaded bytes to what a store keeps, as plain values that cross to a worker process and back.

Every function here is pure, bounded by its input, and answers with values: an exception would be a defect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .armor import BrokenArmor, looks_armored
from .certificate import Certificate
from .facts import CertificateFacts
from .fields import Unparseable
from .limits import Refused
from .merge import merge
from .packets import MalformedPacket, Packet, Tag, walk
from .policy import REFUSALS, Policy, RefusalCode, Rule
from .settling import settle
from .signatures import parse_signature
from .splitter import Piece, pieces_of_armor, pieces_of_packets
from .summary import summarise
from .userids import domains_of, identities_of, words_of
from .vetting import vet

__all__ = [
    "BareSignature",
    "Examination",
    "Outcome",
    "Prepared",
    "Problem",
    "Rejected",
    "attach",
    "combine",
    "derive",
    "examine",
    "prepare",
    "prepare_many",
]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A certificate ready to be stored.

    `keys` are (fingerprint, key id) of primary key and subkeys, `identities`, `words` and `domains` the texts that
    find it (`userids`), `drops` how many packets each rule dropped, by the rule's name.
    """

    fingerprint: str
    version: int
    md5: str
    data: bytes
    summary: dict[str, Any]
    keys: tuple[tuple[str, str], ...]
    identities: tuple[str, ...]
    facts: CertificateFacts
    drops: tuple[tuple[str, int], ...] = ()
    words: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A certificate that is not taken: a code for programs, a sentence for people.

    `fingerprint` is empty and `version` 0 if they could not be read.
    """

    fingerprint: str
    version: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class BareSignature:
    """A signature without a key, perhaps a revocation. `issuers` are fingerprints and key ids, longest first."""

    body: bytes
    version: int
    issuers: tuple[str, ...]


Outcome = Prepared | Rejected | BareSignature


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an upload as a whole is not understood. `too_many` is set if it is understood but holds too much."""

    message: str
    hint: str
    too_many: bool = False
    not_openpgp: bool = False


@dataclass(frozen=True, slots=True)
class Examination:
    """What an upload holds, in its order. With a `problem`, `outcomes` is empty and nothing may be stored."""

    outcomes: tuple[Outcome, ...] = ()
    problem: Problem | None = None


_EXPORT = "Export the certificate with: gpg --export --armor FINGERPRINT"


def examine(data: bytes, policy: Policy) -> Examination:
    """Everything in an upload, armored or binary."""
    if not data.strip():
        return Examination(problem=Problem("The upload is empty.", _EXPORT, not_openpgp=True))
    if looks_armored(data) and b"-----BEGIN PGP " not in data:
        message = "The upload is neither an armored nor a binary OpenPGP certificate."
        return Examination(problem=Problem(message, _EXPORT, not_openpgp=True))
    pieces: list[Piece] = []
    broken: BrokenArmor | None = None
    try:
        for piece in _pieces(data, policy):
            pieces.append(piece)
            if len(pieces) > policy.max_certificates:
                message = f"The upload holds more than {policy.max_certificates} certificates."
                return Examination(problem=Problem(message, "Upload fewer at a time.", too_many=True))
    except BrokenArmor as error:
        broken = error
    whole = [piece for piece in pieces if piece.problem is None]
    if not whole and broken is not None:
        return Examination(problem=Problem(broken.message, broken.hint, not_openpgp=True))
    if not whole:
        problem = next((piece.problem for piece in pieces if piece.problem is not None), None)
        if problem is not None:
            return Examination(problem=Problem(problem.message, problem.hint))
        return Examination(problem=Problem("There is no certificate in the upload.", _EXPORT))
    outcomes = [prepare(piece, policy) for piece in pieces]
    if broken is not None:
        outcomes.append(Rejected("", 0, RefusalCode.TRUNCATED, broken.message))
    return Examination(tuple(outcomes))


def _pieces(data: bytes, policy: Policy) -> Iterator[Piece]:
    if looks_armored(data):
        return pieces_of_armor(data.splitlines(), policy.max_incoming_bytes)
    return pieces_of_packets((data,), policy.max_incoming_bytes)


def prepare(piece: Piece, policy: Policy) -> Outcome:
    """Vets one piece of a stream."""
    if piece.problem is not None:
        return Rejected("", 0, RefusalCode.TRUNCATED, piece.problem.message)
    if not piece.data:
        text = f"{REFUSALS[RefusalCode.TOO_LARGE]} At most {policy.max_incoming_bytes} bytes are read."
        return Rejected("", 0, RefusalCode.TOO_LARGE, text)
    try:
        if piece.bare:
            return _bare(piece)
        vetted = vet(walk(piece.data), policy)
    except Refused as error:
        return _rejected(error)
    except MalformedPacket as error:
        return Rejected("", 0, RefusalCode.TRUNCATED, error.message)
    return _prepared(vetted.certificate, vetted.drops)


def prepare_many(pieces: Sequence[Piece], policy: Policy) -> list[Outcome]:
    """`prepare` for each, so that one trip to a worker process pays for many."""
    return [prepare(piece, policy) for piece in pieces]


def combine(stored: bytes, incoming: bytes, policy: Policy) -> Prepared | Rejected:
    """The union of a stored and a prepared state of one certificate, as the rules and limits leave it.

    `drops` are what they left out of the union, not what was left out of the incoming state before. Of a stored state
    that cannot be read as one's own any more (an older version wrote it, or a disk failed) counts what can be.
    """
    try:
        before, news = _reread(stored, policy), Certificate.parse(incoming)
        return _settled(news if before is None else merge(before, news), policy)
    except Refused as error:
        return _rejected(error)


def attach(stored: bytes, signature: bytes, policy: Policy) -> Prepared | Rejected:
    """A stored certificate with a bare signature by its own key, which is vetted like any other."""
    certificate = _reread(stored, policy)
    if certificate is None:
        return Rejected("", 0, RefusalCode.BARE_SIGNATURE, REFUSALS[RefusalCode.BARE_SIGNATURE])
    try:
        vetted = vet((certificate.primary.packet, Packet(Tag.SIGNATURE, signature)), policy)
        return _settled(merge(certificate, vetted.certificate), policy)
    except Refused as error:
        if error.code is not RefusalCode.NO_SELF_SIGNATURE:
            return _rejected(error)
        code = RefusalCode.BARE_SIGNATURE
        text = "It is a signature without a key, and the key that it names did not make it."
        return Rejected(certificate.fingerprint, certificate.version, code, text)


def derive(data: bytes) -> Prepared:
    """What was prepared with these bytes of a certificate that was vetted or merged; they are taken as they are.

    Raises `Unparseable` or `MalformedPacket` where they are none.
    """
    return _prepared(Certificate.parse(data), Counter())


def _reread(stored: bytes, policy: Policy) -> Certificate | None:
    with suppress(Unparseable, MalformedPacket):
        return Certificate.parse(stored)
    with suppress(Refused, MalformedPacket):
        return vet(walk(stored), policy).certificate
    return None


def _bare(piece: Piece) -> Outcome:
    packet = next(walk(piece.data))
    try:
        signature = parse_signature(packet)
    except Unparseable:
        return Rejected("", 0, RefusalCode.BARE_SIGNATURE, REFUSALS[RefusalCode.BARE_SIGNATURE])
    issuers = sorted(signature.issuers, key=lambda issuer: (-len(issuer), issuer))
    return BareSignature(packet.body, signature.version, tuple(issuers))


def _rejected(error: Refused) -> Rejected:
    return Rejected(error.fingerprint, error.version, error.code, error.text)


def _settled(certificate: Certificate, policy: Policy) -> Prepared:
    drops: Counter[Rule] = Counter()
    return _prepared(settle(certificate, policy, drops), drops)


def _prepared(certificate: Certificate, drops: Counter[Rule]) -> Prepared:
    facts = certificate.facts
    keys = (certificate.primary, *(subkey.key for subkey in certificate.subkeys))
    return Prepared(
        fingerprint=certificate.fingerprint,
        version=certificate.version,
        md5=certificate.md5,
        data=certificate.bytes,
        summary=summarise(certificate),
        keys=tuple((key.fingerprint, key.key_id) for key in keys),
        identities=tuple(dict.fromkeys(identity for text in facts.user_ids for identity in identities_of(text))),
        facts=facts,
        drops=tuple(sorted((rule.value, number) for rule, number in drops.items())),
        words=words_of(facts.user_ids),
        domains=domains_of(facts.user_ids),
    )
