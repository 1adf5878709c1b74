"""Every way to fail, as a client sees it and as the log and the metrics do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from e2e.client import Answer, ask, lookup
from e2e.serving import ServerThread, keyserver_thread
from wasmpuck.config import HTTPSettings
from wasmpuck.errors import CallFailed, CallReason, NotFound, StorageUnavailable
from wasmpuck.http.client import CLIENT, OPERATION
from wasmpuck.http.problems import errors_middleware
from wasmpuck.metrics import Metrics

FAILURES: dict[str, Exception] = {
    "storage": StorageUnavailable("the database at /secret/path is locked", hint="look at /secret/path"),
    "plugin": CallFailed(CallReason.TRAP, "wasm trap at secret_function"),
    "overloaded": CallFailed(CallReason.OVERLOADED, "no instance of secret_plugin is free"),
    "timeout": TimeoutError("secret"),
    "defect": ValueError("secret"),
    "missing": NotFound("no key matches", hint="try another"),
}


@pytest.fixture(scope="module")
def failing() -> Iterator[ServerThread]:
    """A server that fails as its path says."""
    metrics = Metrics(process=False)

    async def build(stack: AsyncExitStack) -> web.Application:
        async def fail(request: web.Request) -> web.Response:
            raise FAILURES[request.match_info["how"]]

        application = web.Application(middlewares=[errors_middleware(metrics)])
        application.add_routes([web.get("/{how}", fail)])
        return application

    with ServerThread(build, HTTPSettings(), metrics) as server:
        yield server


@pytest.mark.parametrize(
    ("how", "status"),
    [("storage", 503), ("plugin", 503), ("overloaded", 503), ("timeout", 503), ("defect", 500), ("missing", 404)],
)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
def test_a_failure_has_its_status_and_keeps_its_secrets(
    failing: ServerThread, how: str, status: int, accept: str
) -> None:
    """What the client cannot mend is told in general words, with a reference; a 503 says when to come back."""
    answer = ask(failing.url, "GET", f"/{how}", headers={"Accept": accept})
    assert answer.status == status
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert ("eference" in answer.text) == (status >= 500)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_log_has_what_the_answer_refers_to(failing: ServerThread, caplog: pytest.LogCaptureFixture) -> None:
    """The reference leads the operator to the message, with a traceback only where the fault is ours."""
    with caplog.at_level(logging.ERROR, logger="wasmpuck.http"):
        reference = ask(failing.url, "GET", "/storage").text.rpartition("reference: ")[2].strip()
        ask(failing.url, "GET", "/defect")
    storage, defect = caplog.records
    assert storage.getMessage().startswith("GET /{how} failed"), "a path may hold an address or a token"
    assert reference in storage.getMessage()
    assert "/secret/path" in storage.getMessage()
    assert storage.exc_info is None
    assert defect.exc_info is not None
    assert "wasmpuck_store_errors_total 0.0" not in failing.metrics.render().decode()


def test_problem_json_is_rfc_9457(failing: ServerThread) -> None:
    """A program that asks for JSON gets the standard's fields, and the hint."""
    answer = ask(failing.url, "GET", "/missing", headers={"Accept": "application/json"})
    assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no key matches",
        "hint": "try another",
    }


# --- with the whole application ---


class Chain:
    """A middleware where plugins' is: it sees a request before the handlers and the answer after them."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, int]] = []

    @property
    def middleware(self) -> Middleware:
        """The middleware."""

        @web.middleware
        async def plugin(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.query.get("search") == "trap":
                raise CallFailed(CallReason.TRAP, "unreachable")
            if request.query.get("search") == "limit":
                return web.Response(status=429, headers={"Retry-After": "7"})
            response = await handler(request)
            response.headers["X-Plugin"] = "seen"
            self.seen.append((request[CLIENT], request[OPERATION], response.status))
            return response

        return plugin


@pytest.fixture
def chained(tmp_path: Path) -> Iterator[tuple[ServerThread, Chain]]:
    chain = Chain()
    with keyserver_thread(tmp_path, middlewares=[chain.middleware]) as server:
        yield server, chain


def series(server: ServerThread, line: str) -> bool:
    return line in server.metrics.render().decode().splitlines()


def test_plugins_see_failures_as_answers(chained: tuple[ServerThread, Chain]) -> None:
    """A plugin meets the 404 of a handler, knows client and operation, and its headers reach the client."""
    server, chain = chained
    answer: Answer = lookup(server.url, "get", "nobody@example.org")
    assert answer.status == 404
    assert answer.headers["X-Plugin"] == "seen"
    assert chain.seen == [("127.0.0.1", "get", 404)]
    for target, operation in (
        ("/pks/stats", "stats"),
        (f"/key/{'0' * 40}", "vindex"),
        ("/pks/lookup?op=odd&search=x", "other"),
        ("/", "other"),
    ):
        ask(server.url, "GET", target)
        assert chain.seen[-1][1] == operation
    ask(server.url, "POST", "/pks/add", b"x")
    assert chain.seen[-1][1:] == ("add", 415)


def test_what_plugins_answer_is_counted(chained: tuple[ServerThread, Chain]) -> None:
    """Answers and failures of plugins are requests like any other, with the headers that all answers carry."""
    server, _ = chained
    limited = lookup(server.url, "get", "limit")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "7")
    assert limited.headers["Access-Control-Allow-Origin"] == "*"
    assert lookup(server.url, "get", "trap").status == 503
    for status in (429, 503):
        assert series(server, f'wasmpuck_http_requests_total{{operation="get",status="{status}"}} 1.0')
        assert series(server, f'wasmpuck_http_request_duration_seconds_count{{operation="get",status="{status}"}} 1.0')
    assert series(server, "wasmpuck_http_requests_in_flight 0.0")
