"""What leads to others: tasks, events, messaging, secrets, http-client, files, responder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from wasmpuck_plugin import events, files, http_client, messaging, responder, secrets, tasks


def schedule(name: str, kind: str, time: float) -> None:
    """`kind` is `every`, `after` or `at`; `time` in milliseconds."""
    when: Any = datetime.fromtimestamp(time / 1000, UTC) if kind == "at" else time / 1000
    tasks.schedule(name, **{kind: when})


def send(read: Callable[[http_client.Response], Any], method: str, url: str, options: dict[str, Any]) -> Any:
    """Sends a request and reads something of the answer."""
    hidden = {name: http_client.Secret(secret, prefix) for name, prefix, secret in options.get("secrets", [])}
    body = bytes(options["bytes"]) if "bytes" in options else options.get("body")
    timeout = options.get("timeout")
    with http_client.send(
        method,
        url,
        headers=options.get("headers", ()),
        secrets=hidden,
        body=body,
        follow=options.get("follow", True),
        timeout=None if timeout is None else timeout / 1000,
    ) as response:
        return read(response)


def open_file(read: Callable[[files.DataFile, int, int], Any], name: str, offset: int, length: int) -> Any:
    """Opens a file and asks it something."""
    with files.open(name) as file:
        return read(file, offset, length)


def whole(name: str) -> tuple[int, int]:
    """How many characters and lines a file has."""
    with files.open(name) as file:
        lines = list(file.lines())
    return sum(map(len, lines)) + len(lines), len(lines)


def respond(encode: Callable[[str], str | bytes], status: int, headers: list[list[str]], pieces: list[str]) -> None:
    """Sends an answer piece by piece."""
    with responder.begin(status, [(name, value) for name, value in headers]) as outgoing:
        for piece in pieces:
            outgoing.write(encode(piece))


FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "tasks": {"schedule": schedule, "cancel": tasks.cancel},
    "events": {"publish": events.publish, "subscribe": events.subscribe, "unsubscribe": events.unsubscribe},
    "messaging": {"call": messaging.call, "find": messaging.find},
    "secrets": {"names": secrets.names, "reveal": secrets.reveal, "equals": secrets.equals},
    "http-client": {
        "send": partial(send, lambda response: None),
        "response.status": partial(send, lambda response: response.status),
        "response.headers": partial(send, lambda response: response.headers),
        "response.url": partial(send, lambda response: response.url),
        "response.read-text": partial(send, lambda response: response.text()),
        "response.read-bytes": partial(send, lambda response: response.read()),
    },
    "files": {
        "names": files.names,
        "open": partial(open_file, lambda file, offset, length: file.read(offset, length).decode()),
        "whole": whole,
        "data-file.size": partial(open_file, lambda file, offset, length: file.size),
        "data-file.modified": partial(open_file, lambda file, offset, length: file.modified.timestamp() * 1000),
        "data-file.replaced": partial(open_file, lambda file, offset, length: file.replaced),
        "data-file.read": partial(open_file, lambda file, offset, length: file.read(offset, length)),
        "data-file.read-text": partial(open_file, lambda file, offset, length: file.read_text(offset, length)),
    },
    "responder": {
        "begin": partial(respond, str),
        "outgoing.write": partial(respond, str),
        "outgoing.write-bytes": partial(respond, str.encode),
    },
}
