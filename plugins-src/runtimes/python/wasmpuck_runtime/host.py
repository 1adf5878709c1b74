"""The SDK's host: the contract's imports through the generated bindings."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from componentize_py_types import Err
from wasmpuck_plugin._seam import Case, Refused

__all__ = ["INTERFACES", "Imports", "bound", "kebab"]

INTERFACES = (
    "log", "settings", "clock", "random", "storage", "metrics", "tasks", "events", "messaging", "shared", "keys",
    "key-admin", "http-client", "files", "secrets", "responder",
)  # fmt: skip

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def kebab(name: str) -> str:
    """`NoSuchFile` → `no-such-file`."""
    return _HUMP.sub("-", name).lower()


def bound(place: str, name: str) -> ModuleType | None:
    """The generated module of an interface, `None` if this component's world does not have it."""
    try:
        return importlib.import_module(f"wit_world.{place}.{name.replace('-', '_')}")
    except ImportError:
        return None


class Imports:
    """Made at build time, so that a call only looks things up."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}
        self._tags: dict[type, str] = {}
        self._modules: dict[str, Any] = {}
        for interface in INTERFACES:
            module = bound("imports", interface)
            if module is not None:
                self._modules[interface] = module
                self._collect(interface, module)
        self._lower: dict[str, Callable[..., tuple[Any, ...]]] = {
            "log.write": self._log,
            "tasks.schedule": self._schedule,
            "keys.search": self._search,
            "http-client.send": self._send,
        }

    def _collect(self, interface: str, module: ModuleType) -> None:
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(value):
                self._functions[f"{interface}.{name.replace('_', '-')}"] = value
            elif isinstance(value, type) and "_" in name:
                self._tags[value] = kebab(name.partition("_")[2])
            elif isinstance(value, type) and hasattr(value, "__exit__"):
                resource = f"{interface}.{kebab(name)}"
                for method, function in vars(value).items():
                    if inspect.isfunction(function) and not method.startswith("_"):
                        self._functions[f"{resource}.{method.replace('_', '-')}"] = function
                self._functions[f"{resource}.close"] = _close

    def call(self, function: str, arguments: tuple[Any, ...]) -> Any:
        """As the seam wants it."""
        lower = self._lower.get(function)
        if lower is not None:
            arguments = lower(*arguments)
        try:
            return self._lift(self._functions[function](*arguments))
        except Err as error:
            case = self._lift(error.value)
            raise Refused(case.tag, case.value) from None

    def _lift(self, value: Any) -> Any:
        tag = self._tags.get(type(value))
        if tag is not None:
            return Case(tag, self._lift(getattr(value, "value", None)))
        return kebab_enum(value) if isinstance(value, enum.Enum) else value

    # --- arguments that are more than numbers, texts and lists of them ---------------------------

    def _log(self, level: str, message: str, fields: Any) -> tuple[Any, ...]:
        return self._modules["log"].Level[level.upper()], message, fields

    def _schedule(self, name: str, when: Case) -> tuple[Any, ...]:
        return name, getattr(self._modules["tasks"], f"Timing_{when.tag.capitalize()}")(when.value)

    def _search(self, query: Case, cursor: str, limit: int) -> tuple[Any, ...]:
        name = "".join(part.capitalize() for part in query.tag.split("-"))
        return getattr(self._modules["keys"], f"Query_{name}")(query.value), cursor, limit

    def _send(self, request: Any) -> tuple[Any, ...]:
        http = self._modules["http-client"]
        payload = getattr(http, f"Payload_{request.body.tag.capitalize()}")
        body = payload() if request.body.tag == "empty" else payload(request.body.value)
        hidden = [http.SecretHeader(one.name, one.prefix, one.secret) for one in request.secrets]
        sent = http.Request(request.method, request.url, request.headers, hidden, body, request.follow, request.timeout)
        return (sent,)


def kebab_enum(value: enum.Enum) -> str:
    """The contract's name of an enum's value."""
    return value.name.lower().replace("_", "-")


def _close(resource: Any) -> None:
    resource.__exit__(None, None, None)
