"""What plugins can be granted: one module for each import of the contract, named as in WIT.

A capability is made once a generation with that plugin's own quotas (`Context`). Its public methods are the
interface's functions, `-` as `_`; a coroutine method suspends the guest. They return values as
`wasmpuck.runtime.values` describes and never raise for what a guest does wrong: the contract's errors are values.
Resources of an interface are Python classes, named in `resources` (see `wasmpuck.runtime.resources`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from wasmpuck.runtime.capabilities.clock import Clock
from wasmpuck.runtime.capabilities.commons import Commons
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.capabilities.events import Events
from wasmpuck.runtime.capabilities.facilities import Exchange, Facilities
from wasmpuck.runtime.capabilities.files import Files
from wasmpuck.runtime.capabilities.http_client import HttpClient
from wasmpuck.runtime.capabilities.key_admin import KeyAdmin
from wasmpuck.runtime.capabilities.keys import Keys
from wasmpuck.runtime.capabilities.log import Log
from wasmpuck.runtime.capabilities.messaging import Messaging
from wasmpuck.runtime.capabilities.metrics import Metrics, PluginSeries
from wasmpuck.runtime.capabilities.namespaces import Namespace, Namespaces
from wasmpuck.runtime.capabilities.random import Random
from wasmpuck.runtime.capabilities.responder import Responder
from wasmpuck.runtime.capabilities.secrets import Secrets
from wasmpuck.runtime.capabilities.settings import Settings
from wasmpuck.runtime.capabilities.shared import Shared
from wasmpuck.runtime.capabilities.storage import Storage
from wasmpuck.runtime.capabilities.tasks import Tasks
from wasmpuck.runtime.capabilities.vault import Vault

__all__ = [
    "CAPABILITIES",
    "Commons",
    "Context",
    "Events",
    "Exchange",
    "Facilities",
    "Namespace",
    "Namespaces",
    "PluginSeries",
    "Tasks",
    "Vault",
    "grant",
]

#: The implementation of each import, by its WIT name.
CAPABILITIES: Final[dict[str, Callable[[Context], Any]]] = {
    "log": Log,
    "settings": Settings,
    "clock": Clock,
    "random": Random,
    "storage": Storage,
    "metrics": Metrics,
    "tasks": Tasks,
    "events": Events,
    "messaging": Messaging,
    "shared": Shared,
    "http-client": HttpClient,
    "files": Files,
    "secrets": Secrets,
    "responder": Responder,
    "keys": Keys,
    "key-admin": KeyAdmin,
}


def grant(names: Iterable[str], context: Context) -> dict[str, Any]:
    """The capabilities with these names, made for one generation of a plugin."""
    return {name: CAPABILITIES[name](context) for name in names}
