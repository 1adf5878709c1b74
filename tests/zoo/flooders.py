"""Guests that write more than anybody wants to read, each within what one call may do."""

from __future__ import annotations

from wasmpuck.errors import CallReason, Refusal
from zoo.guest import HEAP, Guest
from zoo.registry import inhabitant
from zoo.text import ON_REQUEST, counted, log_line

_DIGITS = """
        (i32.store8 (i32.const {0}) (i32.add (i32.const 97) (i32.rem_u (local.get $i) (i32.const 26))))
        (i32.store8 (i32.const {1}) (i32.add (i32.const 97) (i32.rem_u
          (i32.div_u (local.get $i) (i32.const 26)) (i32.const 26))))
        (i32.store8 (i32.const {2}) (i32.add (i32.const 97) (i32.div_u (local.get $i) (i32.const 676))))"""


def _name(guest: Guest) -> tuple[int, str]:
    """Where a text of three letters lies, and what makes a new one of it in each turn of a loop over `$i`."""
    place, _ = guest.image.text("aaa")
    return place, _DIGITS.format(place, place + 1, place + 2)


@inhabitant(
    CallReason.OK,
    says="log lines above the rate were dropped",
    limits='logRate = 5, deadline = "5s"',
    wants={"wasmpuck_plugin_dropped_log_lines_total": 1000},
)
def log_flood(guest: Guest) -> None:
    """Writes a thousand log lines on every request; a while later, one more."""
    guest.imports = ("log",)
    guest.bodies[ON_REQUEST] = counted(guest, 1000, log_line(guest, "flood " * 20))


@inhabitant(CallReason.OK, says="AAAA…", limits='logRate = 5, deadline = "5s"')
def long_log_line(guest: Guest) -> None:
    """Writes a log line of a megabyte."""
    guest.imports = ("log",)
    guest.bodies[ON_REQUEST] = f"""
      (drop (memory.grow (i32.const 20)))
      (memory.fill (i32.const {HEAP}) (i32.const 65) (i32.const 1000000))
      (call $log.write (i32.const 3) (i32.const {HEAP}) (i32.const 1000000) (i32.const 0) (i32.const 0))
      (i32.const {guest.next()})"""


@inhabitant(
    CallReason.OK,
    says="quota-exceeded",
    limits='storageBytes = 100_000, deadline = "5s"',
    wants={"wasmpuck_plugin_storage_bytes": 90_000},
)
def storage_flood(guest: Guest) -> None:
    """Stores a kilobyte under one new key after another, and logs the first refusal."""
    guest.imports = ("storage", "log")
    key, fresh = _name(guest)
    result = guest.image.words(0, 0, 0, 0)
    value, size = guest.image.text("v" * 1000)
    guest.bodies[ON_REQUEST] = counted(
        guest,
        500,
        f"""{fresh}
        (call $storage.set (i32.const {key}) (i32.const 3) (i32.const {value}) (i32.const {size})
          (i32.const 0) (i32.const 0) (i32.const {result}))
        (if (i32.and (i32.load8_u (i32.const {result})) (i32.eqz (i32.load8_u (i32.const {result + 4}))))
          (then {log_line(guest, "quota-exceeded", 3)}))""",
    )


@inhabitant(
    CallReason.OK,
    limits='storageKeys = 50, deadline = "5s"',
    wants={"wasmpuck_plugin_storage_keys": 50},
)
def key_flood(guest: Guest) -> None:
    """Counts under one new key after another."""
    guest.imports = ("storage",)
    key, fresh = _name(guest)
    result = guest.image.words(0, 0, 0, 0)
    guest.bodies[ON_REQUEST] = counted(
        guest,
        500,
        f"""{fresh}
        (call $storage.increment (i32.const {key}) (i32.const 3) (f64.const 1) (i32.const 0) (i32.const 0)
          (i32.const {result}))""",
    )


@inhabitant(
    CallReason.OK,
    limits='seriesLimit = 20, deadline = "5s"',
    wants={"wasmpuck_plugin_series_flood_seen_total": 500},
)
def series_flood(guest: Guest) -> None:
    """Reports under one new label value after another."""
    guest.imports = ("metrics",)
    guest.metrics = (("seen", 0, ("who",)),)
    name, size = guest.image.text("seen")
    label, fresh = _name(guest)
    labels = guest.image.words(label, 3)
    result = guest.image.words(0, 0, 0, 0)
    guest.bodies[ON_REQUEST] = counted(
        guest,
        500,
        f"""{fresh}
        (call $metrics.add (i32.const {name}) (i32.const {size}) (i32.const {labels}) (i32.const 1)
          (f64.const 1) (i32.const {result}))""",
    )


@inhabitant(
    CallReason.OK,
    limits='deadline = "5s"',
    wants={"wasmpuck_plugin_impossible_numbers_level": 0},
)
def impossible_numbers(guest: Guest) -> None:
    """Reports numbers that are none: not a number, and infinity."""
    guest.imports = ("metrics",)
    guest.metrics = (("level", 1, ()),)
    name, size = guest.image.text("level")
    result = guest.image.words(0, 0, 0, 0)
    add = f"(call $metrics.add (i32.const {name}) (i32.const {size}) (i32.const 0) (i32.const 0)"
    guest.bodies[ON_REQUEST] = counted(
        guest,
        1,
        f"{add} (f64.const nan) (i32.const {result})) {add} (f64.const inf) (i32.const {result})) "
        f"{add} (f64.const 0) (i32.const {result}))",
    )


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="at most 64 metrics")
def metric_flood(guest: Guest) -> None:
    """Declares two hundred metrics."""
    guest.metrics = tuple((f"metric_{number}", 0, ()) for number in range(200))


@inhabitant(refused=Refusal.INITIALIZATION_FAILED, says="under the name of another metric")
def doubled_series(guest: Guest) -> None:
    """Declares two metrics that would be one on the page."""
    guest.metrics = (("seen", 0, ()), ("seen_total", 1, ()))


@inhabitant(CallReason.OK, says="failed in task-handler.run (unreachable)", limits='tasksLimit = 5, deadline = "5s"')
def task_flood(guest: Guest) -> None:
    """Schedules hundreds of tasks that each come at once and fail."""
    guest.imports = ("tasks",)
    guest.tasks = True
    name, fresh = _name(guest)
    result = guest.image.words(0, 0, 0, 0)
    guest.bodies["task-handler.run"] = "(unreachable)"
    guest.bodies[ON_REQUEST] = counted(
        guest,
        500,
        f"""{fresh}
        (call $tasks.schedule (i32.const {name}) (i32.const 3) (i32.const 1) (i64.const 0) (i32.const {result}))""",
    )


@inhabitant(refused=Refusal.SELF_TEST_FAILED, says="self-test: XXXX")
def long_excuse(guest: Guest) -> None:
    """Fails with a reason of fifty million characters."""
    place = guest.image.words(1, 2, HEAP, 50_000_000)
    guest.bodies["lifecycle.self-test"] = f"""
      (drop (memory.grow (i32.const 800)))
      (memory.fill (i32.const {HEAP}) (i32.const 88) (i32.const 50000000))
      (i32.const {place})"""


@inhabitant(CallReason.OK, limits='deadline = "5s"')
def kept_refusal(guest: Guest) -> None:
    """Answers everybody with 403 and permits to repeat it four thousand million times."""
    answer = guest.respond(403, [("content-type", "text/plain")], "nobody may", (2, 0xFFFFFFFF, 0xFFFFFFFF))
    guest.bodies[ON_REQUEST] = f"(i32.const {answer})"
