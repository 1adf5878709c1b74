"""The list of inhabitants: how to build each, and how it has to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wasmpuck.errors import CallReason, Refusal
from zoo.guest import Guest

__all__ = ["INHABITANTS", "Inhabitant", "inhabitant"]

_REQUESTS = "middleware.on-request"


@dataclass(frozen=True, slots=True)
class Inhabitant:
    """A hostile guest.

    Attributes:
        build: makes the guest anew.
        ends: how its calls of `export` end once it is in service; `None` when it is refused before that.
        refused: why it is not loaded; `None` when it is.
        says: what the log line about it has to contain.
        grants: interfaces that it is granted; those that it imports when not given.
        limits: TOML of its `limits` table, without braces.
        export: the export whose calls end like that.
        manifest: entries of its manifest that differ.
        wants: what its own series and those about it must show after some requests: sample name to least value.
    """

    name: str
    build: Callable[[], Guest]
    ends: CallReason | None = None
    refused: Refusal | None = None
    says: str = ""
    grants: tuple[str, ...] | None = None
    limits: str = ""
    export: str = _REQUESTS
    manifest: Mapping[str, object] = field(default_factory=dict)
    wants: Mapping[str, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What it does, from its docstring."""
        return (self.build.__doc__ or "").strip()


INHABITANTS: dict[str, Inhabitant] = {}


def inhabitant(
    ends: CallReason | None = None,
    *,
    refused: Refusal | None = None,
    says: str = "",
    grants: tuple[str, ...] | None = None,
    limits: str = "",
    export: str = _REQUESTS,
    manifest: Mapping[str, object] | None = None,
    wants: Mapping[str, float] | None = None,
) -> Callable[[Callable[[Guest], None]], Callable[[Guest], None]]:
    """Registers a function that makes a hostile guest of an honest one; its name is the plugin's, `_` as `-`."""

    def register(corrupt: Callable[[Guest], None]) -> Callable[[Guest], None]:
        name = corrupt.__name__.replace("_", "-")

        def build() -> Guest:
            guest = Guest(name)
            corrupt(guest)
            return guest

        build.__doc__ = corrupt.__doc__
        INHABITANTS[name] = Inhabitant(
            name, build, ends, refused, says, grants, limits, export, manifest or {}, wants or {}
        )
        return corrupt

    return register
