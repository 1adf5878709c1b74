"""A blocking HTTP client for tests: one connection a request, no redirects, nothing added to what is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

__all__ = ["Answer", "ask", "lookup", "upload"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as a JSON value."""
        return json.loads(self.body)


def ask(
    url: str,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 30,
) -> Answer:
    """Sends one request; `target` is path and query as they go over the wire, `timeout` seconds without a byte."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def lookup(url: str, operation: str, search: str, *, accept: str = "*/*", **parameters: str) -> Answer:
    """`GET /pks/lookup`."""
    query = urlencode({"op": operation, "search": search} | parameters, quote_via=quote)
    return ask(url, "GET", f"/pks/lookup?{query}", headers={"Accept": accept})


def upload(url: str, keytext: str, *, accept: str = "*/*", **fields: str) -> Answer:
    """`POST /pks/add` as a form."""
    body = urlencode({"keytext": keytext} | fields).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": accept}
    return ask(url, "POST", "/pks/add", body, headers)
