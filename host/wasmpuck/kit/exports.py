"""The contract's functions by name."""

from __future__ import annotations

from wasmpuck.errors import BadRequest
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Function

__all__ = ["export_type"]


def export_type(export: str) -> Function:
    """The type of an export by its name (`middleware.on-request`).

    Raises:
        BadRequest: the contract has no such function.
    """
    interface, _, function = export.partition(".")
    known = load_contract().get(interface)
    kind = known.functions.get(function) if known is not None else None
    if kind is None:
        raise BadRequest(
            f"the contract has no function {export}",
            hint="name it as interface.function, for example middleware.on-request",
        )
    return kind
