"""The one exception of the toolchains."""

from __future__ import annotations

from wasmpuck.errors import OperatorError

__all__ = ["ToolchainError"]


class ToolchainError(OperatorError):
    """A compiler that is missing or that failed; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
