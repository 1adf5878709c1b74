"""The failure policy: from settings to what follows from each way that a call can end."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.config import FailureClasses, PluginSettings
from wasmpuck.errors import CallReason
from wasmpuck.plugins.failure import Consequence, FailurePolicy, Fate, failure_class

TRAPS = (CallReason.UNREACHABLE, CallReason.STACK_OVERFLOW, CallReason.OUT_OF_BOUNDS, CallReason.TRAP)
UNCONFIGURED = (CallReason.OK, CallReason.CANCELLED, CallReason.SUSPENDED)
NAMES = [field.name for field in dataclasses.fields(FailureClasses)]
WORDS = st.sampled_from([None, "open", "closed", "reload", "quarantine"])


def policy(failure: str = "open", **classes: str | None) -> FailurePolicy:
    """The policy of a plugin with these settings."""
    return FailurePolicy(PluginSettings(name="x", enabled=True, failure=failure, failures=FailureClasses(**classes)))


@pytest.mark.parametrize("failure", ["open", "closed"])
@pytest.mark.parametrize("reason", CallReason)
def test_without_classes_every_request_meets_failure(reason: CallReason, failure: str) -> None:
    """`failure` alone decides what a request meets, and nothing happens to the plugin."""
    consequence = policy(failure)(reason)
    assert (consequence.closed, consequence.fate) == (failure == "closed", Fate.NOTHING)
    assert consequence.policy == failure


def test_every_reason_has_a_class_that_can_be_configured_or_none() -> None:
    """Each class is somebody's, and only what is no failure of the plugin has none."""
    assert {failure_class(reason) for reason in CallReason} == {*NAMES, None}
    assert [reason for reason in CallReason if failure_class(reason) is None] == list(UNCONFIGURED)
    assert all(failure_class(reason) == "trap" for reason in TRAPS)


@given(st.sampled_from(["open", "closed"]), st.fixed_dictionaries(dict.fromkeys(NAMES, WORDS)))
def test_each_class_decides_for_itself(failure: str, classes: dict[str, str | None]) -> None:
    """`open` and `closed` say what the request meets; `reload` and `quarantine` what happens, `failure` the rest."""
    table = policy(failure, **classes)
    for reason in CallReason:
        name = failure_class(reason)
        given_word = classes[name] if name is not None else None
        consequence = table(reason)
        assert consequence.policy == (given_word or failure)
        assert consequence.closed is ((given_word if given_word in ("open", "closed") else failure) == "closed")
        assert consequence.fate == (given_word if given_word in ("reload", "quarantine") else "nothing")


def test_what_tells_nothing_about_the_plugin_does_not_count() -> None:
    """The breaker counts neither overload nor cancellation nor its own refusals, whatever is configured."""
    for table in (policy(), policy(overloaded="quarantine")):
        uncounted = [reason for reason in CallReason if not table(reason).counts]
        assert uncounted == [
            CallReason.OK,
            CallReason.GUEST_ERROR,
            CallReason.CANCELLED,
            CallReason.OVERLOADED,
            CallReason.SUSPENDED,
        ]


@pytest.mark.parametrize("word", ["open", "closed", "reload", "quarantine"])
def test_a_guest_s_own_error_counts_when_it_is_configured(word: str) -> None:
    """An error that the plugin gives by itself counts only with an entry for its class."""
    assert not policy()(CallReason.GUEST_ERROR).counts
    assert policy(guest_error=word)(CallReason.GUEST_ERROR).counts


def test_a_consequence_has_one_word() -> None:
    """For logs and metrics what happens to the plugin is said before what the request meets."""
    assert Consequence(closed=True, fate=Fate.RELOAD).policy == "reload"
    assert Consequence(closed=True).policy == "closed"
    assert Consequence(closed=False).policy == "open"
