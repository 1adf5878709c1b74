"""What an author has to mend outside of the plugin: a file, or a tool."""

from __future__ import annotations

from wasmpuck.errors import OperatorError

__all__ = ["MissingTool", "UnusableFile"]


class UnusableFile(OperatorError):
    """A file that was given, or that a project should have, cannot be used."""

    exit_code = 3


class MissingTool(OperatorError):
    """A program that is needed is not installed; the hint says how to get it."""

    exit_code = 4
