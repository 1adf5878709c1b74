"""Exceptions: one tree for everything that this package raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

__all__ = ["HostError", "NotGranted", "OutsideServer", "PluginError"]

_E = TypeVar("_E", bound="HostError")


class PluginError(Exception):
    """Everything that this package raises."""


class NotGranted(PluginError):
    """An interface was used that the plugin does not import, or that the operator has not granted. `interface` is its
    name.
    """

    def __init__(self, interface: str) -> None:
        super().__init__(
            f"the plugin is not granted `{interface}`: "
            "name it in `imports` of plugin.toml, and in the operator's `grants`"
        )
        self.interface = interface


class OutsideServer(PluginError):
    """A function of the host was called where there is no host."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function} was called outside a server: use wasmpuck_plugin.testing in unit tests")


class HostError(PluginError):
    """The host did not do what it was asked to. Each interface has a subclass, and that one for each case.

    Attributes:
        tag: the case as the contract names it.
        detail: what the case carries: text for most, `None` for cases without.
    """

    cases: ClassVar[Mapping[str, str]] = {}
    """Case to the sentence that describes it; of a subclass for an interface."""
    kinds: ClassVar[dict[str, type[HostError]]] = {}
    tag: ClassVar[str] = "other"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "cases" not in cls.__dict__:
            return
        cls.kinds = {}
        for tag, sentence in cls.cases.items():
            name = "".join(part.capitalize() for part in tag.split("-"))
            space = {"tag": tag, "__doc__": sentence, "__module__": cls.__module__}
            kind = type(f"{cls.__name__}.{name}", (cls,), space)
            cls.kinds[tag] = kind
            setattr(cls, name, kind)

    def __init__(self, detail: Any = None) -> None:
        sentence = self.__class__.__doc__ or ""
        shown = ": ".join(detail) if isinstance(detail, tuple) else detail
        super().__init__(f"{sentence} ({shown})" if shown else sentence)
        self.detail = detail

    @classmethod
    def of(cls: type[_E], tag: str, detail: Any = None) -> _E:
        """The exception for a case."""
        kind: Any = cls.kinds.get(tag, cls)
        made: _E = kind(detail)
        return made
