"""What it takes to be trusted. Each policy completes the sentence "an artifact is accepted if it …"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wasmpuck_signing import DEFAULT_MAX_BYTES, Keyring, VerifiedBytes, read_unverified, wasmsig
from wasmpuck_signing import verify as verify_signed
from wasmpuck_signing.errors import Unsigned

__all__ = [
    "SignedPolicy",
    "TrustPolicy",
    "UnsignedDevelopmentPolicy",
    "UnverifiedDevelopmentPolicy",
    "policy_for",
]


class TrustPolicy(Protocol):
    """Decides over bytes. `risk` is a sentence to log as a warning when the policy is put to use; empty when there is
    none.
    """

    @property
    def risk(self) -> str: ...

    def judge(self, data: bytes, *, now: datetime) -> VerifiedBytes:
        """What is known of `data` at the time `now`; without signers when nobody vouches for it.

        Raises a branch of `wasmpuck_signing.Refused` when it is not accepted.
        """
        ...


@dataclass(frozen=True, slots=True)
class SignedPolicy:
    """… is signed by a publisher of the keyring who may publish it. Demonstration keys count only when allowed."""

    keyring: Keyring
    allow_demonstration: bool = False
    max_bytes: int = DEFAULT_MAX_BYTES

    @property
    def risk(self) -> str:
        if self.allow_demonstration:
            return "demonstration keys are trusted: everybody can sign plugins for this server"
        return ""

    def judge(self, data: bytes, *, now: datetime) -> VerifiedBytes:
        """As `wasmpuck_signing.verify`."""
        return verify_signed(
            data,
            self.keyring,
            now=now,
            allow_demonstration=self.allow_demonstration,
            max_bytes=self.max_bytes,
        )


@dataclass(frozen=True, slots=True)
class UnsignedDevelopmentPolicy:
    """… satisfies `signed`, or carries no signature at all. A signature that is there has to hold."""

    signed: SignedPolicy

    @property
    def risk(self) -> str:
        return "unsigned plugins are loaded: everybody who can write to the plugin folder can run code in the sandbox"

    def judge(self, data: bytes, *, now: datetime) -> VerifiedBytes:
        """As `SignedPolicy.judge`, except that the answer `unsigned` leads to the manifest alone."""
        try:
            return self.signed.judge(data, now=now)
        except Unsigned:
            return read_unverified(data, now=now, max_bytes=self.signed.max_bytes)


@dataclass(frozen=True, slots=True)
class UnverifiedDevelopmentPolicy:
    """… has a manifest. Who signed it is not looked at; with `require_signature` some signature has to fit the bytes'
    hash.
    """

    require_signature: bool = False
    max_bytes: int = DEFAULT_MAX_BYTES

    @property
    def risk(self) -> str:
        return "signatures are not verified: everybody who can write to the plugin folder can run code in the sandbox"

    def judge(self, data: bytes, *, now: datetime) -> VerifiedBytes:
        """The manifest, and never a signer."""
        known = read_unverified(data, now=now, max_bytes=self.max_bytes)
        if self.require_signature:
            wasmsig.signatures(data)
        return known


def policy_for(
    keyring: Keyring,
    *,
    verify_signatures: bool = True,
    allow_unsigned: bool = False,
    allow_demonstration: bool = False,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> TrustPolicy:
    """The policy that `[plugins.security]` asks for. Log its `risk` as a warning when there is one."""
    if not verify_signatures:
        return UnverifiedDevelopmentPolicy(require_signature=not allow_unsigned, max_bytes=max_bytes)
    signed = SignedPolicy(keyring, allow_demonstration=allow_demonstration, max_bytes=max_bytes)
    return UnsignedDevelopmentPolicy(signed) if allow_unsigned else signed
