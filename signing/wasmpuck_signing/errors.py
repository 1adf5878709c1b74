"""What can be wrong with an artifact, a key or a keyring: one tree, a machine code per refusal, a hint for the person.

The codes of `Refused` are the strings that the server shows in logs, metrics and its list of plugins.
"""

from __future__ import annotations

__all__ = [
    "BadManifest",
    "BadScript",
    "DemonstrationKey",
    "Expired",
    "KeyFault",
    "KeyLocked",
    "KeyringFault",
    "NotAComponent",
    "Refused",
    "SigningError",
    "Tampered",
    "TooLarge",
    "UnknownSigner",
    "Unreadable",
    "Unsigned",
    "WrongName",
]


class SigningError(Exception):
    """The root. `message` says what is wrong, `hint` what to do about it; `code` is for programs."""

    code = "signing-error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


# --- an artifact is not accepted -----------------------------------------------------------------


class Refused(SigningError):
    """The artifact must not be used. Nothing in it may be trusted, its manifest included."""

    code = "refused"


class Unreadable(Refused):
    """The file cannot be read, or its sections do not fit together (truncated, garbled)."""

    code = "unreadable"


class NotAComponent(Refused):
    """Something else than a WebAssembly component: a core module, a text, an empty file."""

    code = "not-a-component"


class TooLarge(Refused):
    """More bytes or sections than are looked at."""

    code = "too-large"


class Unsigned(Refused):
    """No signature where one has to be."""

    code = "unsigned"


class Tampered(Refused):
    """The signature does not belong to these bytes, or is not well formed."""

    code = "tampered"


class Expired(Refused):
    """The artifact or the publisher's key is past its date."""

    code = "expired"


class UnknownSigner(Refused):
    """Signed, but by nobody in the keyring."""

    code = "unknown-signer"


class DemonstrationKey(Refused):
    """Signed by a key whose private half is public."""

    code = "demonstration-key"


class WrongName(Refused):
    """The signed name is not the one asked for, or not one that the signer may publish."""

    code = "wrong-name"


class BadManifest(Refused):
    """The manifest is missing, doubled or breaks a rule; `key` is the dotted name of the entry, or empty."""

    code = "bad-manifest"

    def __init__(self, message: str, hint: str = "", *, key: str = "") -> None:
        super().__init__(f"{key}: {message}" if key else message, hint)
        self.key = key


class BadScript(Refused):
    """The script is missing, doubled or breaks a rule; `key` is the dotted name of the entry, or empty."""

    code = "bad-script"

    def __init__(self, message: str, hint: str = "", *, key: str = "") -> None:
        super().__init__(f"{key}: {message}" if key else message, hint)
        self.key = key


# --- a key or a keyring cannot be used -------------------------------------------------------------


class KeyFault(SigningError):
    """A key that cannot be used: unreadable, of another kind, weak."""

    code = "bad-key"


class KeyLocked(KeyFault):
    """A private key that is encrypted, and no passphrase was given."""


class KeyringFault(SigningError):
    """A keyring folder or one of its files that cannot be used; the message names the file."""

    code = "bad-keyring"
