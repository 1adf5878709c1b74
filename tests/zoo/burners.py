"""Guests that want all of the processor, the memory or the stack."""

from __future__ import annotations

from wasmpuck.errors import CallReason, Refusal
from zoo.guest import HEAP, Guest
from zoo.registry import inhabitant
from zoo.text import ON_REQUEST, counted, forever, log_line

_PAGES = 1024  # 64 MiB, the default limit


@inhabitant(CallReason.FUEL, says="used up its fuel")
def endless_loop(guest: Guest) -> None:
    """Never returns."""
    guest.bodies[ON_REQUEST] = forever()


@inhabitant(CallReason.DEADLINE, says="took longer than 0.05 s", limits='fuel = 1_000_000_000_000, deadline = "50ms"')
def rich_endless_loop(guest: Guest) -> None:
    """Never returns and has more fuel than time."""
    guest.bodies[ON_REQUEST] = forever()


@inhabitant(CallReason.FUEL, says="host calls")
def endless_host_calls(guest: Guest) -> None:
    """Calls the host without end."""
    guest.imports = ("clock",)
    guest.bodies[ON_REQUEST] = forever("(drop (call $clock.now))")


@inhabitant(
    CallReason.DEADLINE,
    says="took longer than 0.2 s",
    limits='fuel = 1_000_000_000_000, hostCalls = 1_000_000_000, deadline = "200ms"',
)
def large_answers(guest: Guest) -> None:
    """Asks for one large value after another: dear for the host, cheap for the guest."""
    guest.imports = ("storage",)
    guest.memory = 4
    guest.realloc = f"(i32.const {HEAP})"
    key, size = guest.image.text("key")
    result = guest.image.words(0, 0, 0, 0)
    guest.bodies[ON_REQUEST] = f"""
      (memory.fill (i32.const {HEAP}) (i32.const 65) (i32.const 65000))
      (call $storage.set (i32.const {key}) (i32.const {size}) (i32.const {HEAP}) (i32.const 65000)
        (i32.const 0) (i32.const 0) (i32.const {result}))
      {forever(f"(call $storage.get (i32.const {key}) (i32.const {size}) (i32.const {result}))")}"""


@inhabitant(CallReason.FUEL, says="used up its fuel")
def loop_after_return(guest: Guest) -> None:
    """Returns an answer and then cleans up without end."""
    guest.after[ON_REQUEST] = forever()


@inhabitant(CallReason.FUEL, says="used up its fuel")
def loop_in_allocator(guest: Guest) -> None:
    """Never returns when the host asks it for room for a request; it does for a configuration, which comes first."""
    guest.realloc = f"""(if (i32.gt_u (local.get $size) (i32.const 2)) (then (loop $more (br $more))))
      (i32.const {HEAP})"""


@inhabitant(CallReason.MEMORY, says="ran out of memory")
def memory_bomb(guest: Guest) -> None:
    """Takes memory until there is no more, and gives up."""
    guest.bodies[ON_REQUEST] = """
      (loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16))))) (unreachable)"""


@inhabitant(CallReason.OK, limits='fuel = 1_000_000_000, deadline = "5s"')
def memory_hoarder(guest: Guest) -> None:
    """Takes all the memory that it may have, writes on every page, and keeps it."""
    guest.bodies[ON_REQUEST] = f"""
      (drop (memory.grow (i32.const {_PAGES - guest.memory})))
      (memory.fill (i32.const {HEAP}) (i32.const 1) (i32.const {(_PAGES - 1) * HEAP}))
      (i32.const {guest.next()})"""


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="memory minimum size of 2000 pages")
def large_from_the_start(guest: Guest) -> None:
    """Wants more memory at once than it may have."""
    guest.memory = 2_000


@inhabitant(refused=Refusal.TOO_LARGE, says="1,250 MiB")
def huge_from_the_start(guest: Guest) -> None:
    """Wants more memory at once than any plugin may have."""
    guest.memory = 20_000


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="table minimum size of 900000 elements")
def large_table_from_the_start(guest: Guest) -> None:
    """Wants a larger table at once than it may have."""
    guest.extra = "(table 900000 funcref)"


@inhabitant(refused=Refusal.TOO_LARGE, says="9,000,000 elements")
def huge_table_from_the_start(guest: Guest) -> None:
    """Wants a larger table at once than any plugin may have."""
    guest.extra = "(table 9000000 funcref)"


@inhabitant(CallReason.UNREACHABLE, says="gave up")
def table_bomb(guest: Guest) -> None:
    """Grows a table until there is no more, and gives up."""
    guest.extra = "(table $table 1 funcref)"
    guest.bodies[ON_REQUEST] = """
      (loop $more (br_if $more (i32.ne (i32.const -1) (table.grow $table (ref.null func) (i32.const 500)))))
      (unreachable)"""


@inhabitant(refused=Refusal.COMPILE_FAILED, says="of a kind that plugins do not use")
def object_bomb(guest: Guest) -> None:
    """Makes objects of the garbage collector that keep each other alive."""
    guest.extra = """
      (type $bytes (array (mut i64)))
      (type $link (struct (field (ref null $link)) (field (ref $bytes))))
      (global $chain (mut (ref null $link)) (ref.null $link))"""
    guest.bodies[ON_REQUEST] = forever("""
      (global.set $chain (struct.new $link (global.get $chain) (array.new $bytes (i64.const 1) (i32.const 100000))))""")


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="memory count too high at 2")
def second_memory(guest: Guest) -> None:
    """Has two modules that each bring a memory as large as it may be."""
    guest.component = "(core module $part (memory 1000)) (core instance (instantiate $part))"


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="more parts than an instance may have")
def many_modules(guest: Guest) -> None:
    """Consists of hundreds of modules."""
    guest.component = "(core module $part)" + "(core instance (instantiate $part))" * 300


@inhabitant(CallReason.STACK_OVERFLOW, says="nested too deeply")
def deep_recursion(guest: Guest) -> None:
    """Calls itself."""
    guest.extra = "(func $deeper (param i64) (call $deeper (local.get 0)) (call $deeper (local.get 0)))"
    guest.bodies[ON_REQUEST] = "(call $deeper (i64.const 0)) (unreachable)"


@inhabitant(
    CallReason.STACK_OVERFLOW,
    says="nested too deeply",
    limits='fuel = 1_000_000_000_000, hostCalls = 1_000_000_000, deadline = "1m"',
)
def deep_recursion_into_the_host(guest: Guest) -> None:
    """Calls the host at every level of a recursion, so that it is on the stack when there is no room left."""
    guest.imports = ("log",)
    guest.extra = f"(func $deeper {log_line(guest, 'deeper', 0)} (call $deeper) (call $deeper))"
    guest.bodies[ON_REQUEST] = "(call $deeper) (unreachable)"


@inhabitant(CallReason.UNREACHABLE, says="gave up")
def unreachable(guest: Guest) -> None:
    """Gives up at once."""
    guest.bodies[ON_REQUEST] = "(unreachable)"


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="used up its fuel", limits="startupFuel = 50_000_000")
def start_function_loop(guest: Guest) -> None:
    """Never gets done with its start function."""
    guest.extra = f"(func $begin {forever()}) (start $begin)"


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="gave up")
def start_function_trap(guest: Guest) -> None:
    """Gives up in its start function."""
    guest.extra = "(func $begin (unreachable)) (start $begin)"


@inhabitant(CallReason.OK, limits='deadline = "2s"', wants={"wasmpuck_plugin_fuel_total": 30_000_000})
def just_below_the_limit(guest: Guest) -> None:
    """Burns seven tenths of its fuel on every request and then lets it pass."""
    guest.bodies[ON_REQUEST] = counted(guest, 4_500_000, "")
