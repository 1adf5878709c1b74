"""The plugin as the server sees it: the SDK on one side, `admission_policy` on the other."""

from __future__ import annotations

from admission_policy import BadSettings, Facts, Key, Settings, self_test
from admission_policy import judge as objection
from wasmpuck_plugin import admission, clock, lifecycle, log, metrics

accepted = metrics.counter("accepted", "Certificates accepted, by way in.", labels=["origin"])
rejected = metrics.counter("rejected", "Certificates rejected, by rule.", labels=["rule"])


class _State:
    """What an instance keeps."""

    settings: Settings | None = None
    trouble: str | None = None


@lifecycle.validate
def validate(config: lifecycle.Config) -> list[lifecycle.Problem]:
    """Every problem of a configuration."""
    try:
        Settings.read(config)
    except BadSettings as error:
        return [lifecycle.Problem(problem.path, problem.message) for problem in error.problems]
    return []


@lifecycle.init
def init(config: lifecycle.Config) -> None:
    """Takes the configuration, which `validate` has accepted."""
    _State.settings = Settings.read(config)


@lifecycle.start
def start() -> None:
    """Says so in the log when there is nothing to do."""
    if _State.settings is not None and not _State.settings.has_rules:
        log.warning("no rule is configured: certificates are only checked for dates in the future")


@lifecycle.health
def health() -> lifecycle.Degraded | lifecycle.Failing | None:
    """Healthy once it is configured and its metrics are taken."""
    if _State.settings is None:
        return lifecycle.Failing("it was not configured")
    return None if _State.trouble is None else lifecycle.Degraded(_State.trouble)


@lifecycle.self_test
def try_the_rules() -> None:
    """Runs the rules on made-up certificates."""
    wrong = self_test()
    if wrong is not None:
        raise AssertionError(wrong)


@admission.judge
def judge(submission: admission.Submission) -> admission.Verdict:
    """Asks the rules."""
    if _State.settings is None:
        raise RuntimeError("judge was called before init")
    facts = Facts(
        primary=_key(submission.primary),
        subkeys=tuple(map(_key, submission.subkeys)),
        user_ids=submission.user_ids,
        size=submission.size,
        signatures=submission.signatures,
        known=submission.known,
        bulk=submission.origin == "bulk",
    )
    rejection = objection(_State.settings, facts, clock.time() * 1000)
    if rejection is None:
        _count(accepted, submission.origin)
        return admission.Accept()
    _count(rejected, rejection.code)
    log.info(
        "a certificate was rejected",
        rule=rejection.code,
        fingerprint=submission.primary.fingerprint,
        origin=submission.origin,
    )
    return admission.Reject(rejection.code, rejection.text)


def _count(metric: metrics.Counter, label: str) -> None:
    """Adds 1 to a metric. A server that does not take the value must not stop admission, but health tells."""
    try:
        metric.add(label)
    except metrics.MetricsError as error:
        _State.trouble = f"the metric {metric.declaration.name} was not taken ({error.tag})"


def _key(key: admission.Key) -> Key:
    return Key(key.algorithm, key.bits, key.created.timestamp() * 1000)
