"""One exception tree, branched by who must act.

Every exception carries a message (what is wrong) and a hint (what to do about it). The command line renders
them in `cli`, HTTP in `http.problems`; nothing else formats errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "ArtifactRefused",
    "BadRequest",
    "CallFailed",
    "CallReason",
    "ClientError",
    "ConfigurationError",
    "ConfigurationProblem",
    "NotFound",
    "OperatorError",
    "PayloadTooLarge",
    "PluginError",
    "PublisherError",
    "Refusal",
    "StartRefused",
    "StorageUnavailable",
    "Unprocessable",
    "UnsupportedOperation",
    "WasmpuckError",
]


class WasmpuckError(Exception):
    """The root. `hint` says what the person named by the branch can do; it may be empty."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


# --- the operator must act ---------------------------------------------------------------------


class OperatorError(WasmpuckError):
    """Something that the person who runs the server has to change."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class ConfigurationProblem:
    """One thing wrong in a configuration file; `line` is 1-based, 0 when unknown."""

    file: str
    line: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        tail = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.key}: {self.message}{tail}" if self.key else f"{place}: {self.message}{tail}"


class ConfigurationError(OperatorError):
    """The configuration does not hold; carries every problem found, not only the first."""

    exit_code = 2

    def __init__(self, problems: list[ConfigurationProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class StartRefused(OperatorError):
    """The server must not start: a plugin with `failure = "closed"` cannot be loaded."""

    exit_code = 3


class StorageUnavailable(OperatorError):
    """The database cannot be reached or written."""


# --- the publisher of an artifact must act -----------------------------------------------------


class Refusal(StrEnum):
    """Why an artifact is not loaded. The value appears in logs, metrics and `plugins list`."""

    UNREADABLE = "unreadable"
    NOT_A_COMPONENT = "not-a-component"
    TOO_LARGE = "too-large"
    UNSIGNED = "unsigned"
    TAMPERED = "tampered"
    EXPIRED = "expired"
    UNKNOWN_SIGNER = "unknown-signer"
    DEMONSTRATION_KEY = "demonstration-key"
    WRONG_NAME = "wrong-name"
    OLDER_VERSION = "older-version"
    BAD_MANIFEST = "bad-manifest"
    BAD_SCRIPT = "bad-script"
    IMPORTS_DIFFER = "imports-differ"
    IMPORTS_NOT_GRANTED = "imports-not-granted"
    CONTRACT_VERSION = "contract-version"
    EXPORTS_MISSING = "exports-missing"
    COMPILE_FAILED = "compile-failed"
    RUNTIME_MISSING = "runtime-missing"
    RUNTIME_UPDATE = "runtime-update"
    DEPENDENCY_MISSING = "dependency-missing"
    SCRIPT_FAILED = "script-failed"
    CONFIGURATION_REJECTED = "configuration-rejected"
    SELF_TEST_FAILED = "self-test-failed"
    INITIALIZATION_FAILED = "initialization-failed"
    ROUTE_TAKEN = "route-taken"
    FORMAT_TAKEN = "format-taken"


class PublisherError(WasmpuckError):
    """Something that the author or publisher of a plugin has to change."""


class ArtifactRefused(PublisherError):
    """An artifact that is not loaded; `reason` is for programs, the message for people."""

    def __init__(self, reason: Refusal, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


# --- a plugin misbehaved -----------------------------------------------------------------------


class CallReason(StrEnum):
    """How a call into a guest ended. The value labels metrics and log lines."""

    OK = "ok"
    GUEST_ERROR = "guest-error"
    UNREACHABLE = "unreachable"
    STACK_OVERFLOW = "stack-overflow"
    OUT_OF_BOUNDS = "out-of-bounds"
    TRAP = "trap"
    FUEL = "fuel"
    DEADLINE = "deadline"
    MEMORY = "memory"
    HOST_ERROR = "host-error"
    DENIED_IMPORT = "denied-import"
    BAD_VALUE = "bad-value"
    CANCELLED = "cancelled"
    OVERLOADED = "overloaded"
    SUSPENDED = "suspended"


class PluginError(WasmpuckError):
    """A plugin did something that it must not do."""


class CallFailed(PluginError):
    """A call into a guest that did not end well. After any reason but `GUEST_ERROR` its instance is discarded.

    `backtrace` holds the guest's frames, innermost first, one a line; empty when there are none.
    """

    def __init__(self, reason: CallReason, message: str, *, backtrace: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.backtrace = backtrace


# --- the client must act -----------------------------------------------------------------------


class ClientError(WasmpuckError):
    """A request that cannot be answered as it stands; `status` is the HTTP status."""

    status = 400


class BadRequest(ClientError):
    """The request is not understood."""

    status = 400


class NotFound(ClientError):
    """There is nothing under this name."""

    status = 404


class PayloadTooLarge(ClientError):
    """More bytes than the server takes."""

    status = 413


class Unprocessable(ClientError):
    """Understood, but the OpenPGP data in it cannot be used."""

    status = 422


class UnsupportedOperation(ClientError):
    """A valid request for something that this server does not do."""

    status = 501
