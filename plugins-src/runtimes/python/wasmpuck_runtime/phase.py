"""Whether the component is being built, or lives in a server."""

from __future__ import annotations

__all__ = ["Phase"]


class Phase:
    """`live` becomes true with the first call from a server."""

    live = False
