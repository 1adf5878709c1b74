"""How much linear memory an instance holds, read from the process's own map.

The C API tells neither the size of a component's memories nor that a growth was refused. But a linear memory is a
mapping of its own that never shrinks, and dropping a store unmaps
it: the difference of the process's writable private memory before and after is the instance's footprint. Only used
where an instance has failed, since reading the map costs about a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["footprint"]

_MAP = Path("/proc/self/maps")


def _reserved_regions() -> dict[int, int]:
    """Start and size of the writable regions that an inaccessible reservation follows: linear memories and fiber
    stacks.
    """
    regions: dict[int, int] = {}
    last: tuple[int, int] | None = None
    run_start = run_end = 0
    for line in _MAP.read_text().splitlines():
        span, permissions, *_ = line.split(None, 2)
        start, end = (int(part, 16) for part in span.split("-"))
        if permissions.startswith("rw-p"):
            # The initial part of a memory may be mapped from a file, what grew since is anonymous: they touch.
            run_start = run_start if last is not None and run_end == start else start
            run_end = end
            last = (run_start, end)
        elif permissions.startswith("---p") and last is not None and last[1] == start:
            regions[last[0]] = last[1] - last[0]
            last = None
        else:
            last = None
    return regions


def footprint(drop: Callable[[], None]) -> int | None:
    """Drops a store and says how many bytes of linear memory it had; `None` where the system does not tell."""
    try:
        before = _reserved_regions()
    except OSError:
        drop()
        return None
    drop()
    after = _reserved_regions()
    gone = [size for start, size in before.items() if after.get(start) != size]
    return max(gone, default=0)
