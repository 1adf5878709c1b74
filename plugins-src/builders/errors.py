"""The one exception of the builders: that of the author's kit, whose toolchains they use."""

from __future__ import annotations

from wasmpuck.kit.toolchains.errors import ToolchainError as BuildError

__all__ = ["BuildError"]
