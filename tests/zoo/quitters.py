"""Guests that give up in each function of the contract."""

from __future__ import annotations

from wasmpuck.errors import CallReason, Refusal
from zoo.guest import Guest
from zoo.registry import inhabitant
from zoo.text import ON_REQUEST, forever

_UP = "(unreachable)"


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="gave up")
def quits_describe(guest: Guest) -> None:
    """Gives up in `describe`."""
    guest.bodies["lifecycle.describe"] = _UP


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="gave up")
def quits_validate_config(guest: Guest) -> None:
    """Gives up in `validate-config`."""
    guest.bodies["lifecycle.validate-config"] = _UP


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="gave up")
def quits_init(guest: Guest) -> None:
    """Gives up in `init`."""
    guest.bodies["lifecycle.init"] = _UP


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="not today")
def fails_init(guest: Guest) -> None:
    """Says in `init` that it cannot go on."""
    guest.bodies["lifecycle.init"] = f"(i32.const {guest.failed('not today')})"


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="gave up")
def quits_start(guest: Guest) -> None:
    """Gives up in `start`."""
    guest.bodies["lifecycle.start"] = _UP


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="gave up")
def quits_self_test(guest: Guest) -> None:
    """Gives up in `self-test`."""
    guest.bodies["lifecycle.self-test"] = _UP


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="gave up")
def quits_health(guest: Guest) -> None:
    """Gives up when it is asked how it is."""
    guest.bodies["lifecycle.health"] = _UP


@inhabitant(refused=Refusal.SELF_TEST_FAILED, says="failing: not today")
def feels_bad(guest: Guest) -> None:
    """Says that it does not work."""
    guest.bodies["lifecycle.health"] = f"(i32.const {guest.image.words(2, *guest.image.text('not today'))})"


@inhabitant(CallReason.UNREACHABLE, export="lifecycle.health", says="gave up")
def quits_health_later(guest: Guest) -> None:
    """Gives up when it is asked again how it is."""
    guest.extra = "(global $asked (mut i32) (i32.const 0))"
    guest.bodies["lifecycle.health"] = f"""
      (if (global.get $asked) (then (unreachable)))
      (global.set $asked (i32.const 1))
      (i32.const {guest.image.words(0, 0, 0, 0)})"""


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="gave up")
def quits_describe_scope(guest: Guest) -> None:
    """Gives up in `describe-scope`."""
    guest.bodies["middleware.describe-scope"] = _UP


@inhabitant(CallReason.UNREACHABLE, export="middleware.on-response", says="gave up")
def quits_on_response(guest: Guest) -> None:
    """Gives up when it sees an answer."""
    guest.wants_response = True
    guest.bodies["middleware.on-response"] = _UP


@inhabitant(CallReason.UNREACHABLE, says="gave up")
def quits_cleanup(guest: Guest) -> None:
    """Gives up after it has returned an answer."""
    guest.after[ON_REQUEST] = _UP


@inhabitant(CallReason.UNREACHABLE, export="lifecycle.shutdown", says="gave up")
def quits_shutdown(guest: Guest) -> None:
    """Gives up in `shutdown`."""
    guest.bodies["lifecycle.shutdown"] = _UP


@inhabitant(CallReason.FUEL, export="lifecycle.shutdown", says="used up its fuel", limits="startupFuel = 50_000_000")
def never_shuts_down(guest: Guest) -> None:
    """Never gets done with `shutdown`."""
    guest.bodies["lifecycle.shutdown"] = forever()


@inhabitant(CallReason.GUEST_ERROR, says="no further instance")
def only_once(guest: Guest) -> None:
    """Gives up on a request, and refuses to be made a second time."""
    guest.imports = ("storage",)
    key, size = guest.image.text("instances")
    result = guest.image.words(0, 0, 0, 0)
    fine, failed = guest.image.words(0, 0, 0, 0), guest.failed("once is enough")
    guest.bodies["lifecycle.init"] = f"""
      (call $storage.increment (i32.const {key}) (i32.const {size}) (f64.const 1) (i32.const 0) (i32.const 0)
        (i32.const {result}))
      (select (i32.const {failed}) (i32.const {fine}) (f64.gt (f64.load (i32.const {result + 8})) (f64.const 1)))"""
    guest.bodies[ON_REQUEST] = _UP
