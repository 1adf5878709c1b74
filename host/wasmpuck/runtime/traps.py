"""How a failed call is named: from the library's error text and what the host knows to one `CallFailed`."""

from __future__ import annotations

import re
from typing import Final

from wasmpuck.errors import CallFailed, CallReason

__all__ = ["failure_of"]

_REASONS: Final[tuple[tuple[str, CallReason, str], ...]] = (
    ("all fuel consumed", CallReason.FUEL, "the guest used up its fuel"),
    ("call stack exhausted", CallReason.STACK_OVERFLOW, "the guest's calls nested too deeply"),
    ("unreachable` instruction executed", CallReason.UNREACHABLE, "the guest gave up (unreachable instruction)"),
    ("out of bounds memory access", CallReason.OUT_OF_BOUNDS, "the guest accessed memory that it does not have"),
    ("out of bounds table access", CallReason.OUT_OF_BOUNDS, "the guest accessed a table entry that does not exist"),
    ("exceeds memory limits", CallReason.MEMORY, "the guest needs more memory than its limit at once"),
    ("exceeds table limits", CallReason.MEMORY, "the guest needs larger tables than its limit"),
    ("gc heap out of memory", CallReason.MEMORY, "the guest's collected objects need more memory than its limit"),
    ("resource limit exceeded", CallReason.MEMORY, "the guest is made of more parts than an instance may have"),
    ("handle limit exceeded", CallReason.MEMORY, "the guest holds more handles than an instance may have"),
    ("unknown handle index", CallReason.BAD_VALUE, "the guest used a handle that it does not have"),
    ("used with the wrong type", CallReason.BAD_VALUE, "the guest used a handle as what it is not"),
    ("while borrowed", CallReason.BAD_VALUE, "the guest gave a handle away that it had lent"),
    ("cannot lift own resource", CallReason.BAD_VALUE, "the guest gave a handle away that was only lent to it"),
    ("borrow handles still remain", CallReason.BAD_VALUE, "the guest kept a handle that was only lent to it"),
    ("fuel allocated for hostcalls", CallReason.BAD_VALUE, "the guest passed more data than one call may carry"),
    ("result not aligned", CallReason.BAD_VALUE, "the guest's allocator returned a misaligned pointer"),
    ("not aligned", CallReason.BAD_VALUE, "the guest passed a misaligned pointer"),
    ("unaligned pointer", CallReason.BAD_VALUE, "the guest passed a misaligned pointer"),
    ("beyond end of memory", CallReason.BAD_VALUE, "the guest's allocator returned a pointer outside its memory"),
    ("out of bounds of memory", CallReason.BAD_VALUE, "the guest passed a pointer outside its memory"),
    ("out-of-bounds", CallReason.BAD_VALUE, "the guest passed a pointer outside its memory"),
    ("utf-8", CallReason.BAD_VALUE, "the guest passed text that is not UTF-8"),
    ("discriminant", CallReason.BAD_VALUE, "the guest passed a case that does not exist"),
    ("invalid char", CallReason.BAD_VALUE, "the guest passed a number that is no character"),
)

#: Frames that show that an allocation failed: the allocator's error handlers of Rust, C and CPython.
_ALLOCATION: Final = re.compile(
    r"handle_alloc_error|rust_oom|alloc_error_handler|default_error_handler.*alloc|capacity_overflow|PyErr_NoMemory|out_of_memory"
)
_FRAME: Final = re.compile(r"^\s*\d+:\s+(?:0x[0-9a-f]+ - )?(.*)$", re.MULTILINE)
_KEPT_FRAMES: Final = 32
_LONGEST: Final = 300
"""Characters of a frame or a cause: function names are the guest's own."""


def _split(text: str) -> tuple[str, str]:
    """The cause (last line) and the frames of an error text."""
    found = [frame.strip()[:_LONGEST] for frame in _FRAME.findall(text)[:_KEPT_FRAMES]]
    frames = "\n".join(frame for frame in found if "Caused by" not in frame)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    cause = lines[-1] if lines else "no reason given"
    return re.sub(r"^\d+:\s*", "", cause)[:_LONGEST], frames


def failure_of(
    text: str, *, fuel_left: int, memory_used: int | None = None, memory_limit: int | None = None
) -> CallFailed:
    """Names the end of a call.

    Args:
        text: the library's error text, with its backtrace.
        fuel_left: what was left of the budget.
        memory_used: bytes of linear memory that the instance held, if known.
        memory_limit: bytes that it may hold.
    """
    cause, frames = _split(text)
    # The frames before the causes carry names that the guest chose.
    lowered = text.rpartition("Caused by:")[2].lower()
    found = next(((reason, words) for mark, reason, words in _REASONS if mark in lowered), None)
    reason, words = found or (CallReason.TRAP, "the guest trapped")
    hint = ""
    if fuel_left == 0 and reason not in (CallReason.FUEL, CallReason.STACK_OVERFLOW):
        reason, words = CallReason.FUEL, "the guest used up its fuel"
    if reason is CallReason.UNREACHABLE:
        full = memory_used is not None and memory_limit is not None and memory_used * 2 >= memory_limit
        if full or _ALLOCATION.search(frames):
            reason = CallReason.MEMORY
            words = "the guest ran out of memory"
            if memory_used is not None and memory_limit is not None:
                words += f" ({memory_used >> 10:,} KiB of {memory_limit >> 10:,} KiB in use)"
    if reason is CallReason.FUEL:
        hint = "raise limits.fuel for this plugin, or ask its author why the call is expensive"
    elif reason is CallReason.MEMORY:
        hint = "raise limits.memoryMB for this plugin"
    return CallFailed(reason, f"{words}: {cause}", backtrace=frames, hint=hint)
