"""Plugins that ask each other: who may ask whom, and what comes back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from plugins.generations import serving, snapshot
from runtime.abi import Image
from runtime.capabilities.stand import Surroundings
from runtime.guests import Guest, run
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins import Registry
from wasmpuck.runtime.capabilities import Facilities
from wasmpuck.runtime.capabilities.messaging import Messaging
from wasmpuck.runtime.values import Case, Err, Ok
from wasmpuck.worlds.services import PluginExchange, vet

CYCLE = 2
"""Place of the case in WIT `messaging.error`."""


def offering(name: str, reply: Case, *kinds: str) -> Guest:
    """A plugin that offers these kinds of services and always gives this reply."""
    services = [{"kind": kind, "topics": ["say"], "description": ""} for kind in kinds]
    results = {"services.describe-services": services, "services.call": reply}
    return Guest(name=name, worlds=("lifecycle", "services"), results=results)


def asking(name: str, peer: str, then: str) -> Guest:
    """A plugin that asks another one whenever it is asked, runs some code (`$out` is the result's address) and says
    `said`.
    """

    def body(image: Image) -> str:
        whom, out = image.put(peer.encode()), image.put(bytes(32), 8)
        answer = offering(name, Case("answer", "said"))._body("services.call", image)
        return f"""(call $messaging.call (i32.const {whom}) (i32.const {len(peer)}) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const {out})) {then.replace("$out", f"(i32.const {out})")} {answer}"""

    return Guest(
        name=name, worlds=("lifecycle", "services"), imports={"messaging": ["call"]}, bodies={"services.call": body}
    )


@contextlib.asynccontextmanager
async def plugins(*guests: Guest, peers: Sequence[str] = (), **limits: Any) -> AsyncIterator[Messaging]:
    """What a plugin `probe` that may ask these peers has of `messaging`; so may the guests."""
    registry = Registry()
    facilities = Facilities(exchange=PluginExchange(registry))
    async with contextlib.AsyncExitStack() as stack:
        running = []
        for guest in guests:
            kinds = [service["kind"] for service in guest.results.get("services.describe-services", ())]
            manifest = {"services": tuple(kinds)}
            one = serving(guest, facilities=facilities, peers=tuple(peers), limits=limits, manifest=manifest)
            running += await stack.enter_async_context(one)
        registry.publish(snapshot(running))
        context = Surroundings().context(**limits)
        yield Messaging(replace(context, facilities=facilities, peers=frozenset(peers)))


ECHO = offering("echo", Case("answer", "said"), "speech")


def test_a_peer_is_asked_by_name_or_by_what_it_offers() -> None:
    """The first by name that offers the service and may be asked; `find` lists all of them."""
    other = offering("aaa", Case("answer", "other"), "speech")

    async def main() -> None:
        async with plugins(ECHO, other, peers=["echo"]) as messaging:
            assert await messaging.call("echo", "say", "") == Ok("said")
            assert await messaging.call("service:speech", "say", "") == Ok("said")
            assert messaging.find("speech") == ["echo"]
        async with plugins(ECHO, other, peers=["echo", "aaa"]) as messaging:
            assert await messaging.call("service:speech", "say", "") == Ok("other")
            assert messaging.find("speech") == ["aaa", "echo"]
            assert messaging.find("song") == []

    run(main())


@pytest.mark.covers("messaging.error.no-such-peer", "messaging.error.not-allowed")
def test_who_is_not_there_or_may_not_be_asked() -> None:
    """A plugin that the operator does not name is not asked, whether it is there or not; one without services cannot
    be.
    """

    async def main() -> None:
        async with plugins(ECHO, Guest(name="mute"), peers=["gone", "mute"]) as messaging:
            assert await messaging.call("echo", "say", "") == Err(Case("not-allowed"))
            assert await messaging.call("nobody", "say", "") == Err(Case("not-allowed"))
            for peer in ("gone", "mute", "service:speech", "service:"):
                assert await messaging.call(peer, "say", "") == Err(Case("no-such-peer"))

    run(main())


@pytest.mark.covers("messaging.error.unknown-topic", "messaging.error.refused", "messaging.error.failed")
def test_what_a_peer_says_is_told_to_who_asked() -> None:
    """A no comes with its words; a breakdown with the peer's name and what kind it was."""
    broken = Guest(name="broken", worlds=("lifecycle", "services"), bodies={"services.call": "unreachable"})
    guests = (offering("blank", Case("unknown-topic")), offering("proud", Case("refused", "not to you")), broken)

    async def main() -> None:
        async with plugins(*guests, peers=["blank", "proud", "broken"]) as messaging:
            assert await messaging.call("blank", "say", "") == Err(Case("unknown-topic"))
            assert await messaging.call("proud", "say", "") == Err(Case("refused", "not to you"))
            assert await messaging.call("broken", "say", "") == Err(Case("failed", "broken: unreachable"))

    run(main())


@pytest.mark.covers("messaging.error.cycle")
def test_a_plugin_that_would_wait_for_itself_is_told_so_at_once() -> None:
    """However many are between; the others answer as usual."""
    check = f"""(if (i32.ne (i32.load8_u $out) (i32.const 1)) (then unreachable))
        (if (i32.ne (i32.load8_u offset=4 $out) (i32.const {CYCLE})) (then unreachable))"""
    good = "(if (i32.load8_u $out) (then unreachable))"

    async def main() -> None:
        guests = (asking("one", "two", good), asking("two", "probe", check))
        async with plugins(*guests, peers=["one", "two", "probe"]) as messaging:
            assert await messaging.call("one", "say", "") == Ok("said")

    run(main())


@pytest.mark.covers("messaging.error.timed-out")
def test_a_peer_that_takes_too_long_is_not_waited_for() -> None:
    """The caller's time for one call to the host ends it, and so does the peer's own deadline."""
    endless = Guest(
        name="endless", worlds=("lifecycle", "services"), bodies={"services.call": "(loop (br 0)) i32.const 0"}
    )

    async def main() -> None:
        async with plugins(endless, peers=["endless"], host_deadline=0.05, fuel=10**15, deadline=5.0) as messaging:
            assert await messaging.call("endless", "say", "") == Err(Case("timed-out"))
        async with plugins(endless, peers=["endless"], host_deadline=10.0, fuel=10**15, deadline=0.05) as messaging:
            assert await messaging.call("endless", "say", "") == Err(Case("timed-out"))

    run(main())


def test_what_is_sent_and_how_often_is_bounded() -> None:
    """Payloads and replies count in bytes of UTF-8, calls as an average over ten seconds."""

    async def main() -> None:
        async with plugins(ECHO, peers=["echo"], message_bytes=4, message_rate=1) as messaging:
            assert await messaging.call("echo", "say", "ääx") == Err(Case("too-large"))
            assert [await messaging.call("echo", "say", "ää") for _ in range(10)] == [Ok("said")] * 10
            assert await messaging.call("echo", "say", "") == Err(Case("rate-limited"))
        async with plugins(ECHO, peers=["echo"], message_bytes=3) as messaging:
            assert await messaging.call("echo", "say", "") == Err(Case("too-large"))

    run(main())


@pytest.mark.parametrize("kinds", [["Speech"], ["a_b"], [""], [f"kind-{number}" for number in range(33)]])
def test_services_have_names_and_an_end(kinds: list[str]) -> None:
    """A plugin that offers what is no name, or too much, does not go into service."""

    async def main() -> None:
        async with serving(offering("probe", Case("unknown-topic"))) as running:
            vet(running[0])
            running[0].scopes["services"] = [SimpleNamespace(kind=kind, topics=[]) for kind in kinds]
            with pytest.raises(ArtifactRefused) as caught:
                vet(running[0])
            assert caught.value.reason is Refusal.INITIALIZATION_FAILED

    run(main())
