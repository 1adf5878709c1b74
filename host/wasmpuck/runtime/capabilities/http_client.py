"""`wasmpuck:plugin/http-client`: requests to other servers, in a plugin's name and within its quotas."""

from __future__ import annotations

import codecs
from typing import Any, ClassVar, Final

from wasmpuck.runtime.accounting import RateBucket
from wasmpuck.runtime.capabilities.context import Context
from wasmpuck.runtime.capabilities.outbound import Answer, Header, Outbound, OutboundRules, Refused, Sending
from wasmpuck.runtime.capabilities.vault import Unreadable
from wasmpuck.runtime.values import Case, Err, Ok

__all__ = ["HttpClient"]

_TEXT_BYTES: Final = 1_048_576
_BYTES: Final = 65_536
#: Part of a plugin's time for one host call that a request may take: the rest is for hearing that it was too little.
_SHARE: Final = 0.9

_END: Final = Case("end")
_RATE: Final = Case("rate-limited")


class Response:
    """WIT `http-client.response`."""

    def __init__(self, client: HttpClient, answer: Answer) -> None:
        self._client: HttpClient | None = client
        self._answer = answer
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._ended = False

    def status(self) -> int:
        """WIT `response.status`."""
        return self._answer.status

    def headers(self) -> list[Header]:
        """WIT `response.headers`."""
        return self._answer.headers

    def url(self) -> str:
        """WIT `response.url`."""
        return self._answer.url

    async def read_text(self, most: int) -> Case:
        """WIT `response.read-text`."""
        try:
            while not self._ended:
                data = await self._answer.read(min(max(most, 1), _TEXT_BYTES))
                self._ended = not data
                text = self._decode(data, not data)
                if text:
                    return Case("data", text)
        except Refused as refused:
            self._ended = True
            return Case("failed", refused.case)
        return _END

    async def read_bytes(self, most: int) -> Case:
        """WIT `response.read-bytes`."""
        if self._ended:
            return _END
        try:
            data = await self._answer.read(min(max(most, 1), _BYTES))
        except Refused as refused:
            self._ended = True
            return Case("failed", refused.case)
        self._ended = not data
        return Case("data", data) if data else _END

    def close(self) -> None:
        """The guest has no more use for it."""
        client, self._client = self._client, None
        if client is not None:
            self._answer.close()
            client.returned()


class HttpClient:
    """One plugin's requests."""

    #: WIT function names.
    functions: ClassVar = frozenset({"send"})
    #: WIT resources.
    resources: ClassVar = {"response": Response}

    def __init__(self, context: Context) -> None:
        limits = context.limits
        rules = OutboundRules(
            origins=context.http_allow,
            private=context.http_private,
            authorities=context.http_authorities,
            connections=limits.http_connections,
            request_bytes=limits.http_request_bytes,
            answer_bytes=limits.http_answer_bytes,
            agent=f"Wasmpuck ({context.plugin} {context.version})",
        )
        make = context.facilities.outbound or Outbound
        self._outbound = make(rules)
        self._secrets = frozenset(context.secrets)
        self._vault = context.facilities.vault
        self._rate = RateBucket(limits.http_rate, context.monotonic())
        self._monotonic = context.monotonic
        self._room = limits.http_connections
        self._seconds = min(limits.http_timeout, limits.host_deadline * _SHARE)

    async def send(self, request: Any) -> Ok | Err:
        """WIT `http-client.send`."""
        if self._room < 1 or not self._rate.take(1, self._monotonic()):
            return Err(_RATE)
        self._room -= 1
        try:
            answer = await self._outbound.send(self._sending(request))
        except Refused as refused:
            self._room += 1
            return Err(refused.case)
        except BaseException:
            self._room += 1
            raise
        return Ok(Response(self, answer))

    def _sending(self, request: Any) -> Sending:
        body: str | bytes = request.body.value if request.body.tag != "empty" else b""
        seconds = self._seconds if request.timeout is None else min(self._seconds, request.timeout / 1000)
        return Sending(
            method=request.method,
            url=request.url,
            headers=tuple((name, value) for name, value in request.headers),
            secret_headers=tuple((each.name, each.prefix + self._secret(each.secret)) for each in request.secrets),
            body=body.encode() if isinstance(body, str) else body,
            follow=request.follow,
            seconds=seconds,
        )

    def _secret(self, name: str) -> str:
        if name not in self._secrets or self._vault is None:
            raise Refused("no-such-secret", name[:100])
        try:
            return self._vault.value(name)
        except Unreadable as problem:
            raise Refused("other", f"the secret {name} cannot be read: {problem}") from None

    def returned(self) -> None:
        """A response was closed."""
        self._room += 1

    def close(self) -> None:
        """Ends every request. Idempotent."""
        self._outbound.close()
