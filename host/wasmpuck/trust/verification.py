"""Artifact → VerifiedArtifact: the step before compilation, and the only way to reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from wasmpuck.errors import ArtifactRefused, OperatorError, Refusal
from wasmpuck_signing import Keyring, KeyringFault, Manifest, Publisher, Refused, Script, Version
from wasmpuck_signing.errors import WrongName

from .artifact import Artifact
from .policy import TrustPolicy

__all__ = ["VerifiedArtifact", "load_keyring", "refuse_older", "verify"]


@dataclass(frozen=True, slots=True)
class VerifiedArtifact:
    """An artifact that a policy accepted. `component` holds the very bytes that were checked and are to be compiled.

    `name` and `version` are the manifest's; `digest` is the SHA-256 of `component` as 64 hexadecimal digits; `signers`
    are the trusted publishers that vouch for it, empty exactly when `signed` is false (then the caller logs a warning);
    `script` is what a plugin of kind `script` consists of, `None` for the other kinds.
    """

    name: str
    version: Version
    manifest: Manifest
    signers: tuple[Publisher, ...]
    digest: str
    component: bytes = field(repr=False)
    script: Script | None = field(default=None, repr=False)

    @property
    def signed(self) -> bool:
        """Whether a trusted publisher vouches for it."""
        return bool(self.signers)

    @property
    def signer(self) -> str:
        """The publishers' names for people, joined by commas; `unsigned` when there is none."""
        return ", ".join(publisher.name for publisher in self.signers) or "unsigned"


def verify(
    artifact: Artifact,
    policy: TrustPolicy,
    *,
    newest_known: Version | None = None,
    now: datetime | None = None,
) -> VerifiedArtifact:
    """Judges `artifact` by `policy` at the time `now` (with a zone; the clock's when not given).

    The file has to be called NAME.wasm or NAME-VERSION.wasm with the manifest's name and version; with `newest_known`
    its version must not be lower. Raises `ArtifactRefused`, whose reason is the first thing that does not hold.
    """
    component = bytes(artifact.data)  # a caller that passed something mutable cannot change it after the check
    try:
        known = policy.judge(component, now=now or datetime.now(UTC))
        _check_file_name(artifact, known.manifest)
    except Refused as problem:
        raise ArtifactRefused(Refusal(problem.code), f"{artifact.name}: {problem.message}", hint=problem.hint) from None
    manifest = known.manifest
    verified = VerifiedArtifact(
        manifest.name, manifest.version, manifest, known.signers, known.digest, component, known.script
    )
    refuse_older(verified, newest_known)
    return verified


def refuse_older(verified: VerifiedArtifact, newest_known: Version | None) -> None:
    """Raises `ArtifactRefused(OLDER_VERSION)` when `verified` is below the newest version that ran (`None`: none did).

    For a caller that learns the name, and so the floor, only from the verified manifest.
    """
    if newest_known is not None and verified.version < newest_known:
        raise ArtifactRefused(
            Refusal.OLDER_VERSION,
            f"{verified.name} {verified.version} is older than {newest_known}, which ran here before",
            hint="An old version may have known holes. Publish the wanted code under a higher version.",
        )


def load_keyring(folder: Path) -> Keyring:
    """The keyring in `folder`; its `problems` are for the caller to log. A folder that does not exist holds no key.

    Raises `OperatorError` when it cannot be listed.
    """
    if not folder.exists():
        return Keyring()
    try:
        return Keyring.load(folder)
    except KeyringFault as problem:
        raise OperatorError(f"keyring: {problem.message}", hint=problem.hint) from None


def _check_file_name(artifact: Artifact, manifest: Manifest) -> None:
    if artifact.stem not in (manifest.name, f"{manifest.name}-{manifest.version}"):
        raise WrongName(
            f"the manifest inside calls this plugin {manifest.name} {manifest.version}",
            f"Name the file {manifest.name}.wasm or {manifest.name}-{manifest.version}.wasm.",
        )
