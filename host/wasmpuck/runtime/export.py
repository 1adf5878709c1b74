"""Exported functions of a component, prepared for calls."""

from __future__ import annotations

from typing import Final

from wasmpuck.runtime.marshal import Packer, Unpacker

__all__ = ["FUNC_SIZE", "Export"]

#: Bytes of a resolved function in the C API.
FUNC_SIZE: Final = 32


class Export:
    """An exported function, prepared at load: where it is in the component, how its values cross.

    Args:
        name: `interface.function`, for messages and metrics.
        position: its place in an instance's table of resolved functions.
        index: the C API's export index.
        handles: whether the result mentions resources; whether the parameters do is known from `pack`.
    """

    __slots__ = ("handles", "index", "name", "offset", "pack", "result_count", "unpack")

    def __init__(
        self,
        name: str,
        position: int,
        index: int,
        pack: Packer,
        unpack: Unpacker,
        *,
        returns: bool,
        handles: bool = False,
    ) -> None:
        self.handles = handles or pack.handles
        self.name = name
        self.offset = position * FUNC_SIZE
        self.index = index
        self.pack = pack
        self.unpack = unpack
        self.result_count = 1 if returns else 0
