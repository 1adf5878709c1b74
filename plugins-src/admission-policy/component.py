"""The plugin as the server sees it: the contract on one side, `admission_policy` on the other.

Everything is imported here at the top: an import at run time would trap, because a component has no files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from admission_policy import BadSettings, Facts, Key, Settings, judge, self_test
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import admission, lifecycle
from wit_world.imports import clock, log, metrics

NAME = "admission-policy"
VERSION = "0.1.0"
DESCRIPTION = "Accepts or rejects certificates by configured rules and tells the uploader what to do."

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _State:
    """What an instance keeps."""

    settings: Settings | None = None
    trouble: str | None = None


def _guarded(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Logs where an unexpected exception came from before it becomes a trap, which has no message of its own.

    The lines are put together by hand: `traceback` reads source files, and reading a file traps.
    """

    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except Err:
            raise
        except BaseException as error:
            places = []
            step = error.__traceback__
            while step is not None:
                places.append(f"{step.tb_frame.f_code.co_qualname}:{step.tb_lineno}")
                step = step.tb_next
            log.write(
                log.Level.ERROR,
                "the plugin failed",
                [("error", f"{type(error).__name__}: {error}"[:500]), ("at", " > ".join(places)[:500])],
            )
            raise

    return run


def _count(name: str, labels: list[str]) -> None:
    """Adds 1 to a metric. A server that does not take the value must not stop admission, but health tells."""
    try:
        metrics.add(name, labels, 1.0)
    except Err as error:
        _State.trouble = f"the metric {name} was not taken ({type(error.value).__name__})"


def _problems(error: BadSettings) -> list[lifecycle.Problem]:
    return [lifecycle.Problem(problem.path, problem.message) for problem in error.problems]


class Lifecycle(exports.Lifecycle):
    """WIT `lifecycle`."""

    def describe(self) -> lifecycle.Info:
        """Who the plugin is."""
        counter = metrics.Kind.COUNTER
        return lifecycle.Info(
            NAME,
            VERSION,
            DESCRIPTION,
            [
                metrics.Declaration("accepted", counter, "Certificates accepted, by way in.", ["origin"], []),
                metrics.Declaration("rejected", counter, "Certificates rejected, by rule.", ["rule"], []),
            ],
        )

    @_guarded
    def validate_config(self, config: str) -> list[lifecycle.Problem]:
        """Every problem of a configuration."""
        try:
            Settings.parse(config)
        except BadSettings as error:
            return _problems(error)
        return []

    @_guarded
    def init(self, config: str) -> None:
        """Takes the configuration."""
        try:
            _State.settings = Settings.parse(config)
        except BadSettings as error:
            raise Err(lifecycle.Failure_Configuration(_problems(error))) from None

    @_guarded
    def start(self) -> None:
        """Says so in the log when there is nothing to do."""
        if _State.settings is not None and not _State.settings.has_rules:
            log.write(
                log.Level.WARN, "no rule is configured: certificates are only checked for dates in the future", []
            )

    @_guarded
    def health(self) -> lifecycle.Condition:
        """Healthy once it is configured and its metrics are taken."""
        if _State.settings is None:
            return lifecycle.Condition_Failing("it was not configured")
        if _State.trouble is not None:
            return lifecycle.Condition_Degraded(_State.trouble)
        return lifecycle.Condition_Healthy()

    @_guarded
    def self_test(self) -> None:
        """Runs the rules on made-up certificates."""
        wrong = self_test()
        if wrong is not None:
            raise Err(lifecycle.Failure_Other(wrong))

    def shutdown(self, reason: lifecycle.Reason) -> None:
        """Nothing is held that would have to be given back."""


class Admission(exports.Admission):
    """WIT `admission`."""

    @_guarded
    def judge(self, submission: admission.Submission) -> admission.Verdict:
        """Asks the rules."""
        if _State.settings is None:
            raise RuntimeError("judge was called before init")
        origin = submission.origin.name.lower()
        facts = Facts(
            primary=_key(submission.primary),
            subkeys=tuple(map(_key, submission.subkeys)),
            user_ids=tuple(submission.user_ids),
            size=submission.size,
            signatures=submission.signatures,
            known=submission.known,
            bulk=submission.origin is admission.Origin.BULK,
        )
        rejection = judge(_State.settings, facts, clock.now())
        if rejection is None:
            _count("accepted", [origin])
            return admission.Verdict_Accept()
        _count("rejected", [rejection.code])
        log.write(
            log.Level.INFO,
            "a certificate was rejected",
            [("rule", rejection.code), ("fingerprint", submission.primary.fingerprint), ("origin", origin)],
        )
        return admission.Verdict_Reject(admission.Reason(rejection.code, rejection.text))


def _key(key: admission.Key) -> Key:
    return Key(key.algorithm, key.bits, key.created)
