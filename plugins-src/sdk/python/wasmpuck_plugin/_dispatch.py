"""From a call of the host's to the function that the plugin registered, and from what that returns or raises to the
interface's answer. Used by the runtime in a server and by `testing` outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from . import _seam, admission, events, formatter, lifecycle, middleware, routes, services, tasks
from ._headers import pairs
from ._reading import BadSettings, Problem
from ._registry import Registry
from ._times import milliseconds

__all__ = ["Failure", "Plugin"]


class Failure(Exception):
    """WIT `lifecycle.failure`: tag and what it carries."""

    def __init__(self, tag: str, detail: Any) -> None:
        super().__init__(tag, detail)
        self.tag = tag
        self.detail = detail


class Plugin:
    """A plugin whose source has been executed. `report(where, error)` is told of every exception that nobody
    expects.
    """

    def __init__(self, name: str, registry: Registry, report: Callable[[str, BaseException], None]) -> None:
        self.name = name
        self._registry = registry
        self._report = report

    def _run(self, where: str, *arguments: Any) -> Any:
        function = self._registry.hooks.get(where)
        return None if function is None else function(*arguments)

    # --- lifecycle -------------------------------------------------------------------------------

    def metrics(self) -> list[Any]:
        """The declared metrics."""
        return self._registry.metrics

    def problems(self, text: str) -> list[Problem]:
        """`validate-config`."""
        try:
            config = self._config(text)
            for typed in self._registry.settings:
                typed.read(config)
            return list(self._run("lifecycle.validate", config) or ())
        except BadSettings as error:
            return list(error.problems)

    def init(self, text: str) -> None:
        """Raises `Failure`."""
        with _Failures("lifecycle.init", self._report):
            config = self._config(text)
            for typed in self._registry.settings:
                typed.take(config)
            problems = tuple(self._run("lifecycle.validate", config) or ())
            if problems:
                raise BadSettings(problems)
            self._run("lifecycle.init", config)

    def start(self) -> None:
        """Schedules and subscribes what the decorators ask for, then calls `start`. Raises `Failure`."""
        with _Failures("lifecycle.start", self._report):
            for pattern in dict.fromkeys(pattern for pattern, _ in self._registry.events):
                events.subscribe(pattern)
            for name, (_, interval) in self._registry.tasks.items():
                if interval is not None:
                    tasks.schedule(name, every=interval)
            self._run("lifecycle.start")

    def self_test(self) -> None:
        """Raises `Failure`."""
        with _Failures("lifecycle.self-test", self._report):
            self._run("lifecycle.self-test")

    def health(self) -> lifecycle.Degraded | lifecycle.Failing | None:
        """How the plugin is."""
        try:
            found: lifecycle.Degraded | lifecycle.Failing | None = self._run("lifecycle.health")
        except Exception as error:
            self._report("lifecycle.health", error)
            return lifecycle.Failing(_sentence(error))
        return found

    def shutdown(self, reason: Any) -> None:
        """The end of service."""
        self._run("lifecycle.shutdown", reason)

    def prepare_swap(self) -> str | None:
        """What the next generation shall know."""
        found: str | None = self._run("handover.prepare-swap")
        return found

    def restore(self, state: str) -> None:
        """Raises `Failure`."""
        with _Failures("handover.restore", self._report):
            self._run("handover.restore", state)

    def _config(self, text: str) -> dict[str, Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadSettings("", f"the settings are not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise BadSettings("", "the settings must be a table")
        return value

    # --- requests and certificates ---------------------------------------------------------------

    def middleware_scope(self) -> tuple[middleware.Scope, bool]:
        """What it wants to see, and whether answers too."""
        found = self._registry.scopes.get("middleware", middleware.Scope())
        return found, "middleware.on-response" in self._registry.hooks

    def on_request(self, request: middleware.Request) -> middleware.Decision:
        """Judges a request."""
        found = self._run("middleware.on-request", request)
        if isinstance(found, middleware.Decision):
            return found
        if found is None:
            found = middleware.Next()
        return middleware.Decision(_known("on_request", found, middleware.Verdict))

    def on_response(self, request: middleware.Request, answer: middleware.Answer) -> middleware.Amendment | None:
        """Sees an answer."""
        found: middleware.Amendment | None = self._run("middleware.on-response", request, answer)
        return None if found is None else _known("on_response", found, middleware.Amendment)

    def admission_scope(self) -> admission.Scope:
        """What it wants to see."""
        found: admission.Scope = self._registry.scopes["admission"]
        return found

    def judge(self, submission: admission.Submission) -> admission.Verdict:
        """Judges a certificate."""
        found = self._run("admission.judge", submission)
        return admission.Accept() if found is None else _known("judge", found, admission.Verdict)

    # --- routes ----------------------------------------------------------------------------------

    def describe_routes(self) -> list[routes.Route]:
        """The paths, each once, with all of its methods."""
        found: dict[str, routes.Route] = {}
        for one in self._registry.routes:
            path = self._path(one.path)
            other = found.get(path, routes.Route(path, (), (), one.function))
            methods = tuple(dict.fromkeys(other.methods + one.methods))
            headers = tuple(dict.fromkeys(other.headers + one.headers))
            found[path] = routes.Route(path, methods, headers, one.function)
        return list(found.values())

    def _path(self, path: str) -> str:
        return path if path.startswith("/") else f"/plugins/{self.name}/{path}"

    def handle(self, request: routes.Request) -> routes.Response | routes.Streamed | None:
        """Answers a request; `None` for a path that is not there."""
        method = "GET" if request.method == "HEAD" else request.method
        best: tuple[int, Callable[[routes.Request], Any]] | None = None
        for one in self._registry.routes:
            path = self._path(one.path)
            fits = request.path.startswith(path[:-1]) if path.endswith("/*") else request.path == path
            length = len(path) - 1 if path.endswith("/*") else len(path)
            if fits and method in one.methods and (best is None or length > best[0]):
                best = length, one.function
        if best is None:
            return None
        found = best[1](request)
        if found is None or isinstance(found, routes.Response | routes.Streamed):
            return found
        if isinstance(found, str):
            return routes.Response(200, found, {"content-type": "text/plain; charset=utf-8"})
        if isinstance(found, bytes):
            return routes.Response(200, found, {"content-type": "application/octet-stream"})
        return routes.json(found)

    # --- the rest --------------------------------------------------------------------------------

    def describe_formats(self) -> list[formatter.Format]:
        """The forms."""
        return list(self._registry.formats.values())

    def render(self, request: formatter.Request) -> str | bytes:
        """Renders. Raises `formatter.Unsuitable`."""
        found: str | bytes = self._registry.formats[request.format].function(request)
        return found

    def describe_services(self) -> list[services.Service]:
        """What is offered, each kind once, with all of its topics."""
        found: dict[str, services.Service] = {}
        for one in self._registry.services:
            other = found.get(one.kind, services.Service(one.kind, (), one.description, one.function))
            topics = tuple(dict.fromkeys(other.topics + one.topics))
            found[one.kind] = services.Service(one.kind, topics, other.description, one.function)
        return list(found.values())

    def serve(self, request: services.Request) -> str:
        """Answers another plugin. Raises `services.UnknownTopic` and `services.Refused`."""
        for one in self._registry.services:
            if request.topic in one.topics:
                found: str = one.function(request)
                return found
        raise services.UnknownTopic(request.topic)

    def run_task(self, name: str) -> str | None:
        """Does a task; why it failed, or `None`."""
        found = self._registry.tasks.get(name)
        if found is None:
            return f"there is no task `{name}`"
        return self._contained(f"task {name}", found[0])

    def handle_event(self, event: events.Event) -> str | None:
        """Hands an event to every function whose pattern fits; why one failed, or `None`."""
        failed = None
        for pattern, function in self._registry.events:
            if _fits(pattern, event.topic):
                failed = self._contained(f"event {event.topic}", function, event) or failed
        return failed

    def _contained(self, where: str, function: Callable[..., Any], *arguments: Any) -> str | None:
        try:
            function(*arguments)
        except Exception as error:
            self._report(where, error)
            return _sentence(error)
        return None


class _Failures:
    """Turns exceptions into `Failure`; those that nobody expects are reported."""

    def __init__(self, where: str, report: Callable[[str, BaseException], None]) -> None:
        self._where = where
        self._report = report

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, BadSettings):
            raise Failure("configuration", list(error.problems)) from None
        if isinstance(error, lifecycle.Unavailable):
            raise Failure("unavailable", str(error)) from None
        if isinstance(error, Exception):
            self._report(self._where, error)
            raise Failure("other", _sentence(error)) from error


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _known(function: str, found: Any, kinds: Any) -> Any:
    if not isinstance(found, kinds):
        raise TypeError(f"{function} returned {type(found).__name__}, which is no verdict")
    return found


def _fits(pattern: str, topic: str) -> bool:
    """Whether a topic fits a pattern, where `*` stands for any text."""
    head, *rest = pattern.split("*")
    if not rest:
        return topic == head
    if not topic.startswith(head):
        return False
    at = len(head)
    for part in rest[:-1]:
        found = topic.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return topic.endswith(rest[-1]) and len(topic) - len(rest[-1]) >= at


def wire_decision(decision: middleware.Decision) -> tuple[_seam.Case, tuple[str, int, int] | None]:
    """A decision in the contract's terms: the verdict's case with the fields of its record, and the reuse's fields."""
    reuse = decision.reuse
    kept = None if reuse is None else (reuse.scope, reuse.requests, milliseconds(reuse.span))
    return wire_verdict(decision.verdict), kept


def wire_verdict(verdict: middleware.Verdict) -> _seam.Case:
    """A verdict in the contract's terms."""
    match verdict:
        case middleware.Next(headers):
            return _seam.Case("next", pairs(headers))
        case middleware.Response(status, body, headers):
            return _seam.Case("respond", (status, pairs(headers), body))
        case middleware.Delay(span, headers):
            return _seam.Case("delay", (milliseconds(span), pairs(headers)))
        case middleware.Drip(body, rate, span, status, headers):
            return _seam.Case("drip", (status, pairs(headers), body, rate, milliseconds(span)))
        case middleware.Challenge(bits, valid, text):
            return _seam.Case("challenge", (bits, milliseconds(valid), text))
