"""Who vouches for a plugin: from the bytes of a file to bytes that may be compiled.

artifact = Artifact.read(path) policy = policy_for(load_keyring(folder), …) verified = verify(artifact, policy,
newest_known=…)

The format, the keys and the checks are `wasmpuck_signing`'s; this package reads files, applies the operator's policy
and speaks in the server's own errors.
"""

from __future__ import annotations

from wasmpuck_signing import DEFAULT_MAX_BYTES, Keyring, Manifest, Publisher, Version

from .artifact import Artifact
from .policy import SignedPolicy, TrustPolicy, UnsignedDevelopmentPolicy, UnverifiedDevelopmentPolicy, policy_for
from .verification import VerifiedArtifact, load_keyring, refuse_older, verify

__all__ = [
    "DEFAULT_MAX_BYTES",
    "Artifact",
    "Keyring",
    "Manifest",
    "Publisher",
    "SignedPolicy",
    "TrustPolicy",
    "UnsignedDevelopmentPolicy",
    "UnverifiedDevelopmentPolicy",
    "VerifiedArtifact",
    "Version",
    "load_keyring",
    "policy_for",
    "refuse_older",
    "verify",
]
