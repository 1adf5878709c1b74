"""Calls any import of the contract for whoever asks: a topic is `INTERFACE.FUNCTION`, its payload the arguments as a
JSON array.

The answer is the result as JSON, or `{"error": CASE, "detail": …, "type": TYPE}`. A function of a resource takes what
opens the resource before its own arguments.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import certificates
import outside
import stores
import within
from wasmpuck_plugin import HostError, NotGranted, events, routes, services, storage, tasks

FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    **within.FUNCTIONS,
    **stores.FUNCTIONS,
    **certificates.FUNCTIONS,
    **outside.FUNCTIONS,
}


def ask(topic: str, payload: str) -> Any:
    """Result of a function, or the case of its error."""
    interface, _, function = topic.partition(".")
    try:
        found = FUNCTIONS[interface][function](*json.loads(payload))
    except HostError as error:
        return {"error": error.tag, "detail": error.detail, "type": type(error).__name__}
    except NotGranted as error:
        return {"error": "not-granted", "detail": error.interface, "type": type(error).__name__}
    return list(found) if isinstance(found, bytes) else found


def answer(request: services.Request) -> str:
    """Answers whoever asks."""
    return json.dumps(ask(request.topic, request.payload))


for interface, functions in FUNCTIONS.items():
    topics = [f"{interface}.{function}" for function in functions]
    services.service(f"probe-{interface}", topics=topics, description=f"Calls {interface}.")(answer)


@routes.get("stream")
def stream(request: routes.Request) -> routes.Answer:
    """Streams what `function` and `payload` of the query say."""
    function, payload = request.parameter("function") or "", request.parameter("payload") or ""
    return ask(f"responder.{function}", payload) or routes.STREAMED


@tasks.task("tick")
def tick() -> None:
    """The task that `tasks.schedule` is tried with."""
    storage.set("task", "tick")


@events.on("probe.*")
def heard(event: events.Event) -> None:
    """Keeps what was heard."""
    storage.set_json("event", [event.topic, event.source, event.payload])
