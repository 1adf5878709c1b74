"""How much linear memory an instance holds, read from the process's own map.

The C API tells neither the size of a component's memories nor that a growth was refused. But wasmtime reserves
gigabytes
of address space behind each linear memory: a writable mapping that such a reservation follows is one, its length is
what the guest has grown it to (memories never shrink), and its address names it. Reading the map costs about half a
millisecond, so it is read when an instance is made, when one has failed, and now and then, never on a call's path.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

__all__ = ["held", "linear_memories"]

_MAP: Final = Path("/proc/self/maps")
#: Nothing else in the process is followed by this much inaccessible address space.
_RESERVATION: Final = 1 << 30


def linear_memories() -> dict[int, int]:
    """Start address and bytes in use of every linear memory in the process; empty where the system does not tell."""
    try:
        text = _MAP.read_text()
    except OSError:
        return {}
    found: dict[int, int] = {}
    run_start = run_end = -1
    for line in text.splitlines():
        span, _, rest = line.partition(" ")
        first, _, last = span.partition("-")
        start, end = int(first, 16), int(last, 16)
        if rest.startswith("rw-p"):
            # The initial part of a memory may be mapped from a file, what grew since is anonymous: they touch.
            if run_end != start:
                run_start = start
            run_end = end
        elif rest.startswith("---p") and run_end == start and end - start >= _RESERVATION:
            found[run_start] = run_end - run_start
    return found


def held(addresses: Collection[int]) -> int:
    """Bytes that the linear memories at these addresses hold together."""
    if not addresses:
        return 0
    memories = linear_memories()
    return sum(memories.get(address, 0) for address in addresses)
