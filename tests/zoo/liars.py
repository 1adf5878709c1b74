"""Guests that give the host something else than what they promised."""

from __future__ import annotations

from wasmpuck.errors import CallReason, Refusal
from zoo.guest import HEAP, Guest
from zoo.registry import inhabitant
from zoo.text import ON_REQUEST, counted, log_line

_RESOURCE = "(type $thing (resource (rep i32))) (core func $new (canon resource.new $thing))"
_DROP = "(core func $drop (canon resource.drop $thing))"


def _headers_at(guest: Guest, place: int, count: int) -> str:
    """The address of a decision whose headers are said to lie at `place`."""
    return f"(i32.const {guest.decision(0, place, count)})"


def _body_of(guest: Guest, data: bytes) -> str:
    """The address of an answer whose body consists of these bytes."""
    return f"(i32.const {guest.decision(1, 403, 0, 0, guest.image.put(data, 1), len(data))})"


@inhabitant(CallReason.BAD_VALUE, says="pointer outside its memory")
def result_outside_memory(guest: Guest) -> None:
    """Says that its result lies where it has no memory."""
    guest.bodies[ON_REQUEST] = "(i32.const 0x7ffffff0)"


@inhabitant(CallReason.BAD_VALUE, says="misaligned")
def result_misaligned(guest: Guest) -> None:
    """Says that its result lies at an odd address."""
    guest.bodies[ON_REQUEST] = "(i32.const 1025)"


@inhabitant(CallReason.BAD_VALUE, says="case that does not exist")
def result_without_case(guest: Guest) -> None:
    """Returns the eighth case of a variant that has five."""
    guest.bodies[ON_REQUEST] = f"(i32.const {guest.decision(7)})"


@inhabitant(CallReason.BAD_VALUE, says="the guest passed")
def list_longer_than_memory(guest: Guest) -> None:
    """Returns a list of two thousand million headers."""
    guest.bodies[ON_REQUEST] = _headers_at(guest, HEAP, 0x7FFFFFFF)


@inhabitant(CallReason.BAD_VALUE, says="the guest passed")
def list_as_large_as_memory(guest: Guest) -> None:
    """Returns a list of four million empty headers, which are there."""
    guest.bodies[ON_REQUEST] = f"(drop (memory.grow (i32.const 1020))) {_headers_at(guest, 2 * HEAP, 4_000_000)}"


@inhabitant(CallReason.BAD_VALUE, says="the guest passed")
def the_same_text_a_million_times(guest: Guest) -> None:
    """Passes a list of texts that all are the same sixteen million bytes."""
    guest.imports = ("log",)
    start = 4 * HEAP
    guest.bodies[ON_REQUEST] = f"""(local $i i32)
      (drop (memory.grow (i32.const 500)))
      (loop $again
        (i32.store (i32.add (i32.const {start}) (local.get $i)) (i32.const {start * 32}))
        (i32.store (i32.add (i32.const {start + 4}) (local.get $i)) (i32.const 16000000))
        (local.set $i (i32.add (local.get $i) (i32.const 8)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 8000000))))
      (call $log.write (i32.const 2) (i32.const 0) (i32.const 0) (i32.const {start}) (i32.const 500000))
      (i32.const {guest.next()})"""


@inhabitant(CallReason.BAD_VALUE, says="not UTF-8")
def invalid_utf8(guest: Guest) -> None:
    """Answers with bytes that no text consists of."""
    guest.bodies[ON_REQUEST] = _body_of(guest, b"\xff\xfe")


@inhabitant(CallReason.BAD_VALUE, says="not UTF-8")
def surrogate(guest: Guest) -> None:
    """Answers with half of a surrogate pair."""
    guest.bodies[ON_REQUEST] = _body_of(guest, b"a\xed\xa0\x80")


@inhabitant(CallReason.BAD_VALUE, says="not UTF-8")
def overlong_nul(guest: Guest) -> None:
    """Logs a NUL that is written in two bytes."""
    guest.imports = ("log",)
    place = guest.image.put(b"\xc0\x80", 1)
    guest.bodies[ON_REQUEST] = f"""
      (call $log.write (i32.const 2) (i32.const {place}) (i32.const 2) (i32.const 0) (i32.const 0))
      (i32.const {guest.next()})"""


@inhabitant(CallReason.OK, says="a\\x00b\\n2026")
def control_characters(guest: Guest) -> None:
    """Logs NUL and a forged second line, and adds headers that would end the head of the answer."""
    guest.imports = ("log",)
    headers = [("x-nul", "a\0b"), ("x-split", "a\r\nset-cookie: b"), ("x y", "c"), ("content-length", "0")]
    line = log_line(guest, "a\0b\n2026-01-01T00:00:00.000Z CRITICAL root: forged", 4)
    guest.bodies[ON_REQUEST] = f"{line} (i32.const {guest.next([*headers, ('x-fine', 'yes')])})"


@inhabitant(CallReason.BAD_VALUE, says="case that does not exist")
def level_without_name(guest: Guest) -> None:
    """Logs at a level that there is not."""
    guest.imports = ("log",)
    guest.bodies[ON_REQUEST] = f"{log_line(guest, 'x', 77)} (i32.const {guest.next()})"


@inhabitant(CallReason.BAD_VALUE, says="the guest passed a pointer outside its memory")
def argument_outside_memory(guest: Guest) -> None:
    """Logs a text that lies where it has no memory."""
    guest.imports = ("log",)
    guest.bodies[ON_REQUEST] = f"""
      (call $log.write (i32.const 2) (i32.const 0x7fffff00) (i32.const 0x1000) (i32.const 0) (i32.const 0))
      (i32.const {guest.next()})"""


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="bad-value")
def allocator_outside_memory(guest: Guest) -> None:
    """Has the host write where it has no memory."""
    guest.realloc = "(i32.const 0x7fff0000)"


@inhabitant(CallReason.BAD_VALUE, says="misaligned")
def allocator_misaligned(guest: Guest) -> None:
    """Has the host write words to an odd address."""
    guest.realloc = f"(i32.const {HEAP + 1})"


@inhabitant(CallReason.TRAP, says="cannot leave component instance")
def re_entrance(guest: Guest) -> None:
    """Calls the host from the allocator, while the host writes the arguments of a call."""
    guest.imports = ("log", "clock")
    guest.core_imports = '(import "libc" "table" (table $table 1 funcref))'
    guest.extra = f"""
      (elem (table $table) (i32.const 0) func $sneak)
      (func $sneak (result i32) {log_line(guest, "from the allocator")} (i32.const {HEAP}))"""
    guest.libc = '(table (export "table") 1 funcref) (type $sneak (func (result i32)))'
    guest.realloc = """(if (result i32) (i32.gt_u (local.get $size) (i32.const 2))
      (then (call_indirect (type $sneak) (i32.const 0))) (else (i32.const 65536)))"""


@inhabitant(CallReason.MEMORY, says="more handles")
def handle_exhaustion(guest: Guest) -> None:
    """Makes resource handles without end."""
    guest.builtins = {"new": (_RESOURCE, "(param i32) (result i32)")}
    guest.bodies[ON_REQUEST] = counted(guest, 5_000_000, "(drop (call $new (i32.const 1)))")


@inhabitant(CallReason.BAD_VALUE, says="handle that it does not have")
def double_drop(guest: Guest) -> None:
    """Drops a resource twice."""
    guest.builtins = {"new": (_RESOURCE, "(param i32) (result i32)"), "drop": (_DROP, "(param i32)")}
    guest.bodies[ON_REQUEST] = """(local $handle i32)
      (local.set $handle (call $new (i32.const 1)))
      (call $drop (local.get $handle)) (call $drop (local.get $handle)) (unreachable)"""


@inhabitant(CallReason.BAD_VALUE, says="handle that it does not have")
def forged_handle(guest: Guest) -> None:
    """Drops a resource that it never had."""
    guest.builtins = {"new": (_RESOURCE, "(param i32) (result i32)"), "drop": (_DROP, "(param i32)")}
    guest.bodies[ON_REQUEST] = "(call $drop (i32.const 123456)) (unreachable)"


@inhabitant(refused=Refusal.WRONG_NAME, says="calls itself somebody-else")
def another_name(guest: Guest) -> None:
    """Calls itself otherwise than its manifest."""
    guest.bodies["lifecycle.describe"] = f"(i32.const {guest.info(name='somebody-else')})"


@inhabitant(refused=Refusal.IMPORTS_NOT_GRANTED, says="needs storage", grants=())
def not_granted(guest: Guest) -> None:
    """Imports what it was not granted."""
    guest.imports = ("storage",)


@inhabitant(refused=Refusal.IMPORTS_DIFFER, says="the manifest asks for [log]", manifest={"imports": ("log",)})
def silent_import(guest: Guest) -> None:
    """Imports what its manifest does not mention."""
    guest.imports = ("log", "storage")


@inhabitant(refused=Refusal.IMPORTS_DIFFER, says="wasi:cli/environment@0.2.0")
def foreign_import(guest: Guest) -> None:
    """Imports the system's environment."""
    guest.foreign = """(import "wasi:cli/environment@0.2.0"
      (instance (export "get-arguments" (func (result (list string))))))"""


@inhabitant(refused=Refusal.CONTRACT_VERSION, says="log@0.9.0")
def import_of_the_future(guest: Guest) -> None:
    """Imports an interface that this server is too old for."""
    guest.foreign = '(import "wasmpuck:plugin/log@0.9.0" (instance (export "write" (func))))'


@inhabitant(refused=Refusal.EXPORTS_MISSING, says="lifecycle without health")
def missing_export(guest: Guest) -> None:
    """Lacks a function of the contract."""
    guest.absent = ("lifecycle.health",)


@inhabitant(refused=Refusal.EXPORTS_MISSING, says="lifecycle.health does not have the type")
def export_of_another_type(guest: Guest) -> None:
    """Exports a function with a type that is not the contract's."""
    guest.lifted = {"lifecycle.health": ("(result i32)", "(result u32)")}


@inhabitant(CallReason.BAD_VALUE, says="a drip needs a body")
def drip_of_nothing(guest: Guest) -> None:
    """Wants to answer slowly with nothing."""
    guest.bodies[ON_REQUEST] = f"(i32.const {guest.decision(3, 200, 0, 0, 0, 0, 1, 1000)})"


@inhabitant(CallReason.BAD_VALUE, says="a riddle has 1 to 24 bits")
def riddle_for_ever(guest: Guest) -> None:
    """Wants clients to solve what nobody can."""
    guest.bodies[ON_REQUEST] = f"(i32.const {guest.decision(4, 200, 1000, *guest.image.text('Wait.'))})"


@inhabitant(CallReason.OK, limits='longestDelay = "10ms"')
def patience_without_end(guest: Guest) -> None:
    """Wants every client to wait for seven weeks."""
    guest.bodies[ON_REQUEST] = f"(i32.const {guest.decision(2, 0xFFFFFFFF, 0, 0)})"
