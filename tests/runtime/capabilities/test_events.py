"""`events`: what a plugin publishes and hears, and how much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.capabilities.stand import Surroundings
from wasmpuck.events import Bus, Event
from wasmpuck.runtime.capabilities import Events
from wasmpuck.runtime.values import Case, Err, Ok


class Stand(Surroundings):
    """A plugin that listens; `gate` holds it up in the middle of an event while it is closed."""

    def __init__(self, **limits: Any) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.events = Events(self.context(**limits))

    async def run_event(self, event: Event) -> None:
        await super().run_event(event)
        await self.gate.wait()

    @property
    def topics(self) -> list[str]:
        return [event.topic for event in self.heard]

    async def settle(self) -> None:
        """Lets what can be delivered be delivered."""
        for _ in range(20):
            await asyncio.sleep(0)


def on_loop(**limits: Any) -> Callable[[Callable[[Stand], Coroutine[Any, Any, None]]], Callable[[], None]]:
    """Runs a test with a stand on a loop of its own."""

    def decorate(test: Callable[[Stand], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        async def main() -> None:
            stand = Stand(**limits)
            try:
                await test(stand)
            finally:
                stand.events.close()

        def wrapped() -> None:
            asyncio.run(main())

        wrapped.__doc__ = test.__doc__
        return wrapped

    return decorate


@on_loop()
async def test_what_is_asked_for_is_heard_in_order(stand: Stand) -> None:
    """Events whose topic fits a pattern arrive once each, in the order in which they were published."""
    assert stand.events.subscribe("key.*") == stand.events.subscribe("*.inserted") == Ok()
    stand.events.arm()
    for topic in ("key.inserted", "plugin.retired", "key.deleted", "other.inserted"):
        stand.bus.publish(topic, "{}", source="neighbour")
    await stand.settle()
    assert stand.heard == [
        Event(topic, "neighbour", "{}", stand.now * 1000) for topic in ("key.inserted", "key.deleted", "other.inserted")
    ]
    assert stand.series.events == {"delivered": 3}


@on_loop()
async def test_nothing_is_heard_before_service_or_after_it(stand: Stand) -> None:
    """A generation hears what is published while it is in service, and nothing else."""
    stand.events.subscribe("*")
    stand.bus.publish("early")
    stand.events.arm()
    stand.bus.publish("timely")
    await stand.settle()
    stand.events.close()
    stand.bus.publish("late")
    await stand.settle()
    assert stand.topics == ["timely"]


@on_loop()
async def test_a_subscription_ends(stand: Stand) -> None:
    """After `unsubscribe` the pattern counts no more; what was not subscribed cannot be ended."""
    stand.events.subscribe("a.*")
    stand.events.subscribe("b")
    stand.events.arm()
    assert stand.events.unsubscribe("a.*") is True
    assert stand.events.unsubscribe("a.*") is False
    stand.bus.publish("a.b")
    stand.bus.publish("b")
    await stand.settle()
    assert stand.topics == ["b"]


@on_loop()
async def test_a_plugin_does_not_hear_itself(stand: Stand) -> None:
    """What a plugin publishes reaches others, with its name, and not itself."""
    others: list[Event] = []
    stand.bus.join(others.append)
    stand.events.subscribe("*")
    stand.events.arm()
    assert stand.events.publish("limits.reached", "x") == Ok()
    await stand.settle()
    assert others == [Event("limits.reached", "probe", "x", stand.now * 1000)]
    assert stand.heard == []
    assert stand.series.events == {"published": 1}


@on_loop(event_queue=3)
@pytest.mark.covers("events.quota.eventQueue")
async def test_the_oldest_is_dropped_when_too_many_wait(stand: Stand) -> None:
    """A slow plugin loses the oldest of what waits, and each loss is counted."""
    stand.events.subscribe("*")
    stand.events.arm()
    stand.gate.clear()
    stand.bus.publish("first")
    await stand.settle()
    for number in range(5):
        stand.bus.publish(f"n{number}")
    stand.gate.set()
    await stand.settle()
    assert stand.topics == ["first", "n2", "n3", "n4"]
    assert stand.series.events == {"delivered": 4, "dropped": 2}


@on_loop(event_patterns=2)
async def test_patterns_are_bounded(stand: Stand) -> None:
    """No more patterns than granted; one that is there already needs no room."""
    assert [stand.events.subscribe(pattern) for pattern in ("a", "b", "a", "c")] == [
        Ok(),
        Ok(),
        Ok(),
        Err(Case("too-many")),
    ]


@on_loop(event_bytes=4)
async def test_payloads_are_bounded_in_bytes(stand: Stand) -> None:
    """A payload may have as many bytes of UTF-8 as granted, not as many characters."""
    assert stand.events.publish("t", "abcd") == Ok()
    assert stand.events.publish("t", "äöü") == Err(Case("too-large"))


@on_loop(event_rate=2)
async def test_publishing_is_bounded_in_rate(stand: Stand) -> None:
    """Ten seconds' worth may come at once, then as many as granted a second."""
    answers = [stand.events.publish("t", "") for _ in range(21)]
    assert answers == [Ok()] * 20 + [Err(Case("rate-limited"))]
    stand.now += 0.5
    assert stand.events.publish("t", "") == Ok()


@pytest.mark.parametrize("topic", ["key.inserted", "plugin.retired", "server.stopping", "key"])
def test_the_server_s_topics_are_its_own(topic: str) -> None:
    """A plugin cannot pretend that the server spoke."""
    assert Stand().events.publish(topic, "") == Err(Case("reserved"))


@pytest.mark.parametrize("topic", ["", ".", "a.", ".a", "a..b", "A", "a b", "ä", "a*", "a\n", "a" * 129])
def test_topics_are_words_joined_by_dots(topic: str) -> None:
    """Anything else is refused, in patterns too, but for their stars."""
    events = Stand().events
    assert events.publish(topic, "") == Err(Case("bad-topic"))
    assert events.subscribe(topic) == (Ok() if topic == "a*" else Err(Case("bad-topic")))


@pytest.mark.covers("events.error.other")
def test_a_plugin_without_a_handler_cannot_subscribe() -> None:
    """A plugin that exports no `event-handler` is told so when it subscribes."""

    class Deaf(Stand):
        exports = frozenset({"lifecycle"})

    answer = Deaf().events.subscribe("*")
    assert isinstance(answer, Err)
    assert answer.value == Case("other", "the plugin does not export event-handler")


def test_a_receiver_that_fails_keeps_nobody_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    """What a receiver raises is logged; the others get the event all the same."""
    bus = Bus()
    heard: list[Event] = []

    def fail(event: Event) -> None:
        raise OSError("broken")

    bus.join(fail)
    bus.join(heard.append)
    bus.tell("server.stopping", why="told to")
    assert [(event.topic, event.source, event.payload) for event in heard] == [
        ("server.stopping", "", '{"why":"told to"}')
    ]
    assert "a receiver of the event server.stopping failed" in caplog.text


@given(st.text("ab.*", max_size=12), st.text("ab.-c", max_size=12))
def test_any_text_gets_an_answer(pattern: str, topic: str) -> None:
    """Whatever a guest passes as pattern and topic, it gets a value of the contract."""
    events = Stand().events
    assert isinstance(events.subscribe(pattern), (Ok, Err))
    assert isinstance(events.publish(topic, ""), (Ok, Err))
