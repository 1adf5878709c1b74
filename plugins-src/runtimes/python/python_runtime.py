"""The component: what it exports, by dispatch to what the script registered.

The order of the imports matters. The clock is replaced before the standard library is loaded, because modules take
functions out of `time`; the ways to the operating system are closed last.
"""

from __future__ import annotations

# ruff: noqa: E402
from wasmpuck_runtime import clockwork

clockwork.install()

from wasmpuck_runtime import chance, denial, importing, output, stdlib

stdlib.load()
chance.install()

import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from componentize_py_types import Err
from wasmpuck_plugin import formatter as forms
from wasmpuck_plugin import lifecycle as life
from wasmpuck_plugin import services as offers
from wasmpuck_plugin._dispatch import Failure
from wasmpuck_runtime import warming
from wasmpuck_runtime.crossing import inward, outward
from wasmpuck_runtime.host import bound
from wasmpuck_runtime.phase import Phase
from wasmpuck_runtime.program import Program, Trouble, mistakes, report

_P = ParamSpec("_P")
_T = TypeVar("_T")

_lifecycle: Any = bound("exports", "lifecycle")
_metrics: Any = bound("imports", "metrics")
_middleware: Any = bound("exports", "middleware")
_routes: Any = bound("exports", "routes")
_formatter: Any = bound("exports", "formatter")
_services: Any = bound("exports", "services")
_tasks: Any = bound("exports", "task_handler")
_events: Any = bound("exports", "event_handler")
_script: Any = bound("exports", "script")


def _guarded(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """An exported function. What it raises is written to the log before it becomes a trap, which cannot say why."""
    class_name, _, name = function.__qualname__.partition(".")
    where = f"{class_name.lower()}.{name}".replace("_", "-")

    def run(*arguments: _P.args, **named: _P.kwargs) -> _T:
        Phase.live = True
        try:
            return function(*arguments, **named)
        except Err:
            raise
        except Failure as failure:
            raise Err(_failure(failure)) from None
        except BaseException as error:
            report(where, error)
            raise
        finally:
            output.flush()

    return run


def _failure(failure: Failure) -> Any:
    if failure.tag == "configuration":
        return _lifecycle.Failure_Configuration(_problems(failure.detail))
    kind = _lifecycle.Failure_Unavailable if failure.tag == "unavailable" else _lifecycle.Failure_Other
    return kind(failure.detail)


def _problems(found: list[Any]) -> list[Any]:
    return [_lifecycle.Problem(problem.path, problem.message) for problem in found]


class Script:
    """WIT `script`."""

    @_guarded
    def language(self) -> str:
        return "Python " + sys.version.partition(" ")[0]

    @_guarded
    def check(self, files: list[Any]) -> list[Any]:
        return [_trouble(one) for one in mistakes({file.path: file.text for file in files})]

    @_guarded
    def load(self, program: Any) -> Any:
        files = {file.path: file.text for file in program.files}
        try:
            names = Program.load(
                program.name, program.version, program.description, program.entry, files, program.imports
            )
        except Trouble as trouble:
            return _script.Outcome_Failed(_trouble(trouble))
        return _script.Outcome_Loaded(names)


def _trouble(found: Trouble) -> Any:
    return _script.Problem(found.path, found.line, found.column, found.message, found.trace)


class Lifecycle:
    """WIT `lifecycle`."""

    @_guarded
    def describe(self) -> Any:
        declared = [
            _metrics.Declaration(
                one.name, _metrics.Kind[one.kind.upper()], one.help, list(one.labels), list(one.buckets)
            )
            for one in Program.of().metrics()
        ]
        return _lifecycle.Info(Program.name, Program.version, Program.description, declared)

    @_guarded
    def validate_config(self, config: str) -> list[Any]:
        return _problems(Program.of().problems(config))

    @_guarded
    def init(self, config: str) -> None:
        Program.of().init(config)

    @_guarded
    def start(self) -> None:
        Program.of().start()

    @_guarded
    def health(self) -> Any:
        found = Program.of().health()
        if found is None:
            return _lifecycle.Condition_Healthy()
        failing = isinstance(found, life.Failing)
        return (_lifecycle.Condition_Failing if failing else _lifecycle.Condition_Degraded)(found.why)

    @_guarded
    def self_test(self) -> None:
        Program.of().self_test()

    @_guarded
    def shutdown(self, reason: Any) -> None:
        Program.of().shutdown(reason.name.lower().replace("_", "-"))


class Handover:
    """WIT `handover`."""

    @_guarded
    def prepare_swap(self) -> str | None:
        return Program.of().prepare_swap()

    @_guarded
    def restore(self, state: str) -> None:
        Program.of().restore(state)


class Middleware:
    """WIT `middleware`."""

    @_guarded
    def describe_scope(self) -> Any:
        scope, answers = Program.of().middleware_scope()
        return _middleware.Scope(
            scope.priority, list(scope.paths), list(scope.headers), scope.wants_query, scope.wants_body, answers
        )

    @_guarded
    def on_request(self, request: Any) -> Any:
        return outward.decision(Program.of().on_request(inward.request(request)))

    @_guarded
    def on_response(self, request: Any, answer: Any) -> Any:
        return outward.amendment(Program.of().on_response(inward.request(request), inward.answer(answer)))


class Admission:
    """WIT `admission`."""

    @_guarded
    def describe_scope(self) -> Any:
        return outward.scope(Program.of().admission_scope())

    @_guarded
    def judge(self, submission: Any) -> Any:
        return outward.verdict(Program.of().judge(inward.submission(submission)))


class Routes:
    """WIT `routes`."""

    @_guarded
    def describe_routes(self) -> list[Any]:
        return [_routes.Route(one.path, list(one.methods), list(one.headers)) for one in Program.of().describe_routes()]

    @_guarded
    def handle(self, request: Any) -> Any:
        return outward.outcome(Program.of().handle(inward.visit(request)))


class Formatter:
    """WIT `formatter`."""

    @_guarded
    def describe_formats(self) -> list[Any]:
        return [
            _formatter.Format(one.name, one.media_type, one.extension, one.description)
            for one in Program.of().describe_formats()
        ]

    @_guarded
    def render(self, request: Any) -> Any:
        try:
            found = Program.of().render(inward.rendering(request))
        except forms.Unsuitable as unsuitable:
            return _formatter.Outcome_Unsuitable(str(unsuitable))
        return _formatter.Outcome_Text(found) if isinstance(found, str) else _formatter.Outcome_Bytes(found)


class Services:
    """WIT `services`."""

    @_guarded
    def describe_services(self) -> list[Any]:
        return [
            _services.Service(one.kind, list(one.topics), one.description) for one in Program.of().describe_services()
        ]

    @_guarded
    def call(self, request: Any) -> Any:
        try:
            return _services.Reply_Answer(Program.of().serve(inward.question(request)))
        except offers.UnknownTopic:
            return _services.Reply_UnknownTopic()
        except offers.Refused as refused:
            return _services.Reply_Refused(str(refused))


class TaskHandler:
    """WIT `task-handler`."""

    @_guarded
    def run(self, name: str) -> Any:
        failed = Program.of().run_task(name)
        return _tasks.Outcome_Done() if failed is None else _tasks.Outcome_Failed(failed)


class EventHandler:
    """WIT `event-handler`."""

    @_guarded
    def handle(self, event: Any) -> Any:
        failed = Program.of().handle_event(inward.event(event))
        return _events.Outcome_Done() if failed is None else _events.Outcome_Failed(failed)


_excepthook = sys.excepthook
# What is raised was written to the log; the interpreter would print it once more before it traps.
sys.excepthook = lambda *error: None if Phase.live else _excepthook(*error)
output.install()
importing.install()
denial.install()
if _script is not None:  # a component of its own is not made for many plugins, and lacks some of what is called
    warming.warm_up(globals() | {"UPLOAD": bound("exports", "admission").Origin.UPLOAD})
try:
    import frozen_script  # there when a script is built into a component of its own
except ModuleNotFoundError:
    pass
else:
    Program.load(*frozen_script.PROGRAM)
warming.settle()
