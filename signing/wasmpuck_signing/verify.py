"""From bytes that anybody may have sent to bytes that a trusted publisher vouches for.

The order matters, for each step only looks at what the earlier ones have bounded or proved: size, structure, presence
of a signature, hash, signatures, the signers' standing, and only then the manifest and what it says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from . import fields, wasm, wasmsig
from .errors import (
    BadManifest,
    BadScript,
    DemonstrationKey,
    Expired,
    NotAComponent,
    Refused,
    TooLarge,
    UnknownSigner,
    WrongName,
)
from .keyring import Keyring, Publisher
from .keys import DEMONSTRATION_KEY_IDS
from .manifest import SECTION_NAME as MANIFEST_SECTION
from .manifest import Manifest
from .script import SECTION_NAME as SCRIPT_SECTION
from .script import Script

__all__ = ["DEFAULT_MAX_BYTES", "VerifiedBytes", "read_unverified", "verify"]

DEFAULT_MAX_BYTES = 64 * 1024 * 1024
"""The largest artifact that is looked at, in bytes."""

_HEADERS = dict.fromkeys(fields.KINDS, wasm.COMPONENT_HEADER)


@dataclass(frozen=True, slots=True)
class VerifiedBytes:
    """What is known of an artifact: its manifest, the trusted publishers that signed it (at least one after `verify`,
    none after `read_unverified`), the SHA-256 of the whole file as 64 hexadecimal digits, and of a script its files.
    """

    manifest: Manifest
    signers: tuple[Publisher, ...]
    digest: str
    script: Script | None = None


def verify(
    artifact: bytes,
    keyring: Keyring,
    *,
    now: datetime,
    allow_demonstration: bool = False,
    expected_name: str | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> VerifiedBytes:
    """Checks `artifact` against the publishers of `keyring` at the time `now` (with a zone).

    Signatures by keys that the keyring does not hold are ignored; every other one has to be valid, and one of them by a
    publisher whose key is in force and who may publish this name. Raises the branch of `Refused` that says what does
    not hold: `TooLarge`, `NotAComponent`, `Unreadable`, `Unsigned`, `Tampered`, `UnknownSigner`, `Expired`,
    `DemonstrationKey`, `BadManifest`, `BadScript`, `WrongName`.
    """
    _check_size(artifact, max_bytes)
    found = wasmsig.signatures(artifact)
    known = [publisher for publisher in keyring.publishers if wasmsig.verified(found, publisher.key)]
    if not known:
        _refuse_unknown(found, allow_demonstration=allow_demonstration)
    standing = [_standing(publisher, now, allow_demonstration=allow_demonstration) for publisher in known]
    in_force = _accepted(known, standing)
    manifest = Manifest.of(artifact)
    signers = _accepted(in_force, [_permission(publisher, manifest.name) for publisher in in_force])
    _check_manifest(artifact, manifest, now, expected_name)
    return VerifiedBytes(manifest, signers, _digest(artifact), _script(artifact, manifest))


def read_unverified(
    artifact: bytes,
    *,
    now: datetime,
    expected_name: str | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> VerifiedBytes:
    """The same without any look at signatures: for inspection, and for development without keys. Raises as `verify`
    does.
    """
    _check_size(artifact, max_bytes)
    manifest = Manifest.of(artifact)
    _check_manifest(artifact, manifest, now, expected_name)
    return VerifiedBytes(manifest, (), _digest(artifact), _script(artifact, manifest))


def _check_size(artifact: bytes, max_bytes: int) -> None:
    if len(artifact) > max_bytes:
        raise TooLarge(
            f"the artifact has {len(artifact)} bytes; at most {max_bytes} are accepted",
            "Build it smaller: without debug information, or as source on a shared language runtime.",
        )


def _refuse_unknown(found: wasmsig.SignatureSet, *, allow_demonstration: bool) -> None:
    ids = [one.key_id.hex() for one in found.signatures]
    if DEMONSTRATION_KEY_IDS.intersection(ids) and not allow_demonstration:
        raise _demonstration(", ".join(sorted(DEMONSTRATION_KEY_IDS.intersection(ids))))
    raise UnknownSigner(
        f"the artifact is signed by {' and '.join(ids)}, and the keyring has no such key",
        "If you trust that publisher, put a file with the public key into the keyring folder.",
    )


def _demonstration(key_id: str) -> DemonstrationKey:
    return DemonstrationKey(
        f"the artifact is signed with the demonstration key {key_id}, whose private half is public",
        "Sign it with a key of your own, or allow the demonstration key on a server that is not in production.",
    )


def _standing(publisher: Publisher, now: datetime, *, allow_demonstration: bool) -> Refused | None:
    key_id = publisher.key.key_id
    if (publisher.demonstration or publisher.key.is_demonstration) and not allow_demonstration:
        return _demonstration(key_id)
    if publisher.not_after is not None and now > publisher.not_after:
        return Expired(
            f"the key {key_id} of {publisher.name} ended on {fields.instant_to_text(publisher.not_after)}",
            "Get the publisher's new key and an artifact signed with it.",
        )
    return None


def _permission(publisher: Publisher, name: str) -> Refused | None:
    if publisher.may_publish(name):
        return None
    return WrongName(
        f"{publisher.name} signed a plugin called {name}, but may publish only {', '.join(publisher.plugins)}",
        f"If that is right, add the name to `plugins` in {publisher.file or 'the keyring file'}.",
    )


def _accepted(
    publishers: list[Publisher] | tuple[Publisher, ...], faults: list[Refused | None]
) -> tuple[Publisher, ...]:
    """The publishers without a fault; with none left, raises the first fault, its message holding all of them."""
    accepted = tuple(one for one, fault in zip(publishers, faults, strict=True) if fault is None)
    if accepted:
        return accepted
    attempts = [fault for fault in faults if fault is not None]
    raise type(attempts[0])("; ".join(fault.message for fault in attempts), attempts[0].hint)


def _check_manifest(artifact: bytes, manifest: Manifest, now: datetime, expected_name: str | None) -> None:
    # The signature does not cover the header: the signed kind does (compare the theory in `wasmsig`).
    if not artifact.startswith(_HEADERS[manifest.kind]):
        raise NotAComponent(f"the manifest says {manifest.kind}, but the file's header does not")
    if manifest.expires is not None and now > manifest.expires:
        raise Expired(
            f"{manifest.name} {manifest.version} expired on {fields.instant_to_text(manifest.expires)}",
            "Get a newer version from its publisher.",
        )
    if expected_name is not None and manifest.name != expected_name:
        raise WrongName(
            f"the artifact is the plugin {manifest.name}, not {expected_name}",
            f"Load it under the name {manifest.name}.",
        )


def _script(artifact: bytes, manifest: Manifest) -> Script | None:
    """The script, of an artifact that is one: then there is nothing else in it. The kind is the manifest's word."""
    if manifest.kind != "script":
        if wasm.custom_sections(artifact, SCRIPT_SECTION):
            raise BadScript(f"the manifest says {manifest.kind}, but there is a script in the artifact")
        return None
    script = Script.of(artifact)
    if wasm.without_custom(artifact, wasmsig.SECTION_NAME, MANIFEST_SECTION, SCRIPT_SECTION) != wasm.COMPONENT_HEADER:
        raise BadScript("there is more than a script in the artifact", "Build it again with `hockeypuck-plugin build`.")
    if manifest.source != script.digest:
        raise BadManifest("is not the digest of the script", "Pack the artifact again.", key="source")
    return script


def _digest(artifact: bytes) -> str:
    return hashlib.sha256(artifact).hexdigest()
