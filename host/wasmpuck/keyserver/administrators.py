"""Whose signature counts for which certificate, and which requests are taken: from the configuration to `rights`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from wasmpuck.config import RightsSettings
from wasmpuck.errors import OperatorError
from wasmpuck.openpgp.ingest import Prepared, Rejected, combine, examine
from wasmpuck.openpgp.policy import Policy

from .service import Keyserver

__all__ = ["RightsRules", "certificates_of", "rules_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsRules:
    """Who may have what done. The names are those of `[rights]`; times are in seconds.

    `server_names` are what a request may be addressed to, the first is the name to use. `administrators` maps the
    fingerprints of those who may ask for any certificate to their certificate's bytes, empty where it has to come from
    the store.
    """

    server_names: tuple[str, ...]
    owner_requests: bool = True
    administrators: dict[str, bytes] = field(default_factory=dict)
    longest_validity: float = 86_400.0
    clock_difference: float = 120.0


def rules_of(settings: RightsSettings, hostname: str, policy: Policy) -> RightsRules:
    """The rules that `[rights]` describes for the server `hostname`; reads the files of `adminCertificates`.

    Raises OperatorError for a file that cannot be read, holds no certificate, or one that `adminKeys` does not name: a
    file that somebody else can add to must not make administrators.
    """
    given: dict[str, bytes] = {}
    for path in settings.admin_certificates:
        for ready in _certificates(path, policy):
            if ready.fingerprint not in settings.admin_keys:
                raise OperatorError(
                    f"{path} holds the certificate {ready.fingerprint}, which rights.adminKeys does not name",
                    hint="add the fingerprint to rights.adminKeys, or take the certificate out of the file",
                )
            given[ready.fingerprint] = ready.data
    own = hostname.lower().removesuffix(".")
    return RightsRules(
        server_names=tuple(dict.fromkeys((own, *settings.server_names))),
        owner_requests=settings.owner_requests,
        administrators={fingerprint: given.get(fingerprint, b"") for fingerprint in settings.admin_keys},
        longest_validity=settings.longest_validity,
        clock_difference=settings.clock_difference,
    )


def _certificates(path: Path, policy: Policy) -> list[Prepared]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}", hint="rights.adminCertificates names files of certificates"
        ) from None
    examination = examine(data, policy)
    if examination.problem is not None:
        raise OperatorError(f"{path}: {examination.problem.message}", hint=examination.problem.hint)
    refused = [item for item in examination.outcomes if not isinstance(item, Prepared)]
    if refused:
        why = refused[0].text if isinstance(refused[0], Rejected) else "it is a signature without a key"
        raise OperatorError(f"{path} holds something else than certificates: {why}", hint="export it with gpg again")
    return [item for item in examination.outcomes if isinstance(item, Prepared)]


async def certificates_of(rules: RightsRules, keyserver: Keyserver) -> list[bytes]:
    """The administrators' certificates as they are known now, as a store holds them.

    What the database knows (a revocation, say) counts for those from files as well. One that is in neither is left out.
    """
    if not rules.administrators:
        return []
    records = await keyserver.store.fetch(list(rules.administrators))
    found = {record.fingerprint: record.data for record in records}
    certificates = []
    for fingerprint, given in rules.administrators.items():
        stored = found.get(fingerprint, b"")
        data = given or stored
        if given and stored and given != stored:
            both = await keyserver.workers.run(combine, stored, given, keyserver.policy)
            data = both.data if isinstance(both, Prepared) else stored
        if data:
            certificates.append(data)
    return certificates
