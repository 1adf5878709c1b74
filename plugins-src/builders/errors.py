"""The one exception of the builders."""

from __future__ import annotations

__all__ = ["BuildError"]


class BuildError(Exception):
    """A build that cannot be done; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
