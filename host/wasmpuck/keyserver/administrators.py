"""Whose signature counts for every certificate: from the configuration to the rules of `rights`."""

from __future__ import annotations

from pathlib import Path

from wasmpuck.config import RightsSettings
from wasmpuck.errors import OperatorError
from wasmpuck.openpgp.ingest import Prepared, Rejected, examine
from wasmpuck.openpgp.policy import Policy

from .rights import RightsRules

__all__ = ["rules_of"]


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
