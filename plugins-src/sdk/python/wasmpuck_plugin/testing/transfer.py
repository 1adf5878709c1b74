"""The simulation's `http_client`, `files` and `responder`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._headers import pairs
from .._seam import Case, Refused
from .._times import since_1970

__all__ = ["Answer", "Reading", "Sent"]


@dataclass
class Sent:
    """A request of the plugin's: secrets by header, with their names."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | bytes | None
    secrets: dict[str, str]


@dataclass
class Answer:
    """What another server answers."""

    status: int = 200
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class _Reply:
    answer: Answer
    url: str
    rest: bytes


@dataclass
class Reading:
    """`answers`: address to an answer, to what makes one of a request, or to the name of an error's case."""

    now: datetime
    answers: dict[str, Answer | str | Callable[[Sent], Answer]] = field(default_factory=dict)
    requests: list[Sent] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    written: list[str | bytes] = field(default_factory=list)
    begun: tuple[int, list[tuple[str, str]]] | None = None

    def _http_client_send(self, request: Any) -> _Reply:
        hidden = {one.name: one.secret for one in request.secrets}
        sent = Sent(request.method, request.url, dict(request.headers), request.body.value, hidden)
        self.requests.append(sent)
        found = self.answers.get(request.url, "not-allowed")
        if isinstance(found, str):
            raise Refused(found, "simulated")
        answer = found if isinstance(found, Answer) else found(sent)
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        return _Reply(answer, request.url, body)

    def _http_client_response_status(self, reply: _Reply) -> int:
        return reply.answer.status

    def _http_client_response_headers(self, reply: _Reply) -> list[tuple[str, str]]:
        return pairs(reply.answer.headers)

    def _http_client_response_url(self, reply: _Reply) -> str:
        return reply.url

    def _http_client_response_read_bytes(self, reply: _Reply, most: int) -> Case:
        piece, reply.rest = reply.rest[:most], reply.rest[most:]
        return Case("data", piece) if piece else Case("end")

    def _http_client_response_read_text(self, reply: _Reply, most: int) -> Case:
        piece, reply.rest = reply.rest, b""
        return Case("data", piece.decode("utf-8", "replace")) if piece else Case("end")

    def _http_client_response_close(self, reply: _Reply) -> None:
        reply.rest = b""

    def _files_names(self) -> list[str]:
        return sorted(self.files)

    def _files_open(self, name: str) -> bytes:
        if name not in self.files:
            raise Refused("no-such-file")
        return self.files[name]

    def _files_data_file_size(self, content: bytes) -> float:
        return float(len(content))

    def _files_data_file_modified(self, content: bytes) -> float:
        return since_1970(self.now)

    def _files_data_file_replaced(self, content: bytes) -> bool:
        return content not in self.files.values()

    def _files_data_file_read(self, content: bytes, offset: float, length: int) -> Case:
        return Case("data", content[int(offset) : int(offset) + min(length, 65_536)])

    def _files_data_file_read_text(self, content: bytes, offset: float, length: int) -> Case:
        piece = content[int(offset) : int(offset) + min(length, 1_048_576)]
        return Case("data", piece.decode("utf-8", "replace"))

    def _files_data_file_close(self, content: bytes) -> None:
        pass

    def _responder_begin(self, status: int, headers: list[tuple[str, str]]) -> object:
        if not 200 <= status <= 599:
            raise Refused("bad-status")
        self.begun = (status, headers)
        self.written.clear()
        return self.begun

    def _responder_outgoing_write(self, handle: object, data: str | bytes) -> None:
        self.written.append(data)

    _responder_outgoing_write_bytes = _responder_outgoing_write

    def _responder_outgoing_close(self, handle: object) -> None:
        pass
