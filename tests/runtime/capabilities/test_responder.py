"""Answering piece by piece, as a capability sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from runtime.capabilities.stand import Surroundings
from runtime.guests import run
from wasmpuck.runtime.capabilities.responder import Outgoing, Responder, answering
from wasmpuck.runtime.handles import running
from wasmpuck.runtime.values import Case, Err, Ok


class Wire:
    """A request that is being answered; `problem` is why nothing gets through."""

    plugin = "probe"

    def __init__(self, problem: str | None = None) -> None:
        self.problem = problem
        self.sent: list[Any] = []
        self.ended = False

    async def begin(self, status: int, headers: Sequence[tuple[str, str]]) -> str | None:
        self.sent.append((status, *headers))
        return self.problem

    async def write(self, data: bytes) -> str | None:
        self.sent.append(data)
        return self.problem

    def end(self) -> None:
        self.ended = True


def responder(**limits: Any) -> Responder:
    return Responder(Surroundings().context(**limits))


async def begun(wire: Wire, **limits: Any) -> Outgoing:
    answering.set(wire)
    answer = await responder(**limits).begin(200, [])
    assert isinstance(answer, Ok)
    assert isinstance(answer.value, Outgoing)
    return answer.value


def test_outside_of_a_request_there_is_nothing_to_answer() -> None:
    """Nor while another plugin's request is answered, which asked this one."""

    async def main() -> None:
        assert await responder().begin(200, []) == Err(Case("not-now"))
        wire = Wire()
        wire.plugin = "another"
        answering.set(wire)
        assert await responder().begin(200, []) == Err(Case("not-now"))
        assert wire.sent == []

    run(main())


@pytest.mark.parametrize("status", [0, 199, 600, 65535])
def test_a_status_that_there_is_not(status: int) -> None:
    """Is told before anything is sent."""

    async def main() -> None:
        wire = Wire()
        answering.set(wire)
        assert await responder().begin(status, []) == Err(Case("bad-status"))
        assert wire.sent == []

    run(main())


@pytest.mark.parametrize("problem", ["gone", "not-now"])
def test_what_keeps_a_piece_from_being_sent(problem: str) -> None:
    """Is told as it is, at the beginning and later."""

    async def main() -> None:
        wire = Wire(problem)
        answering.set(wire)
        assert await responder().begin(200, []) == Err(Case(problem))
        wire.problem = None
        outgoing = await begun(wire)
        wire.problem = problem
        assert await outgoing.write("x") == Err(Case(problem))

    run(main())


def test_only_so_many_bytes_are_sent() -> None:
    """Text counts as UTF-8; a piece that is too long is not sent in part, a shorter one may follow."""

    async def main() -> None:
        wire = Wire()
        outgoing = await begun(wire, response_bytes=5)
        assert await outgoing.write("aé") == Ok()
        assert await outgoing.write_bytes(b"xyz") == Err(Case("too-large"))
        assert await outgoing.write_bytes(b"xy") == Ok()
        assert await outgoing.write("z") == Err(Case("too-large"))
        assert wire.sent == [(200,), "aé".encode(), b"xy"]

    run(main())


def test_dropping_ends_an_answer_and_breaking_down_does_not() -> None:
    """A guest drops while it runs; what a closed instance still held is closed when nothing runs."""

    async def main() -> None:
        wire = Wire()
        outgoing = await begun(wire)
        outgoing.close()
        assert not wire.ended
        running.instance = object()
        try:
            outgoing.close()
        finally:
            running.instance = None
        assert wire.ended

    run(main())
