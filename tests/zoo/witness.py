"""An honest guest that notices what a swap must never do."""

from __future__ import annotations

from zoo.guest import Guest

__all__ = ["witness"]

_ROOM = 128  # bytes for a configuration


def witness(name: str = "witness") -> Guest:
    """A middleware that tells its configuration with every answer.

    It adds `x-asked` when it sees a request and sets `x-answered` when it sees the answer, both to the JSON text of its
    configuration. Its `shutdown` leaves a mark in its storage under that configuration; when a call comes after that,
    it answers 500, or sets `x-late` if it was asked about an answer. So each generation needs another configuration.
    """
    guest = Guest(name, imports=("storage",), wants_response=True)
    image = guest.image
    gone, size = image.text("gone ")
    config = image.put(bytes(_ROOM), 1)
    length = image.words(0)
    found = image.words(0, 0, 0, 0)
    fine = image.words(0, 0, 0, 0)

    def headers(label: str) -> int:
        return image.words(*image.text(label), config, 0)

    asked, answered = headers("x-asked"), headers("x-answered")
    request = guest.decision(0, asked, 1)
    response = image.words(1, answered, 1)
    late = guest.respond(500, [], "called after shutdown")
    late_answer = image.words(1, *image.pairs([("x-late", "yes")]))
    key = f"(i32.const {gone}) (i32.add (i32.const {size}) (i32.load (i32.const {length})))"
    mark, mark_size = image.text("yes")
    look = f"(call $storage.get {key} (i32.const {found})) (i32.eqz (i32.load8_u (i32.const {found})))"
    guest.bodies["lifecycle.init"] = f"""
      (memory.copy (i32.const {config}) (local.get $config) (local.get $config-size))
      (i32.store (i32.const {length}) (local.get $config-size))
      (i32.store (i32.const {asked + 12}) (local.get $config-size))
      (i32.store (i32.const {answered + 12}) (local.get $config-size))
      (i32.const {fine})"""
    guest.bodies["middleware.on-request"] = f"(select (i32.const {late}) (i32.const {request}) {_last(look)})"
    guest.bodies["middleware.on-response"] = f"(select (i32.const {late_answer}) (i32.const {response}) {_last(look)})"
    guest.bodies["lifecycle.shutdown"] = f"""
      (call $storage.set {key} (i32.const {mark}) (i32.const {mark_size}) (i32.const 0) (i32.const 0)
        (i32.const {found}))"""
    return guest


def _last(steps: str) -> str:
    """Steps of which the last leaves a number, as one expression."""
    return f"(block (result i32) {steps})"
