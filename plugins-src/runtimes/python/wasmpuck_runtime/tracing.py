"""Tracebacks as Python writes them, with source lines, from the script's first frame on."""

from __future__ import annotations

import linecache
import traceback
from types import TracebackType

__all__ = ["place_of", "sentence", "trace_of"]

_FRAMES = 40


def _own(filename: str) -> bool:
    entry = linecache.cache.get(filename)
    return entry is not None and len(entry) == 4 and entry[1] is None


def _from_script(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the script; all of it if none does."""
    found = trace
    while found is not None and not _own(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found or trace


def _hidden(filename: str) -> bool:
    """Between two files of a script stands what imports the one for the other."""
    return "/wasmpuck_runtime/" in filename or filename.startswith("<frozen importlib")


def trace_of(error: BaseException) -> str:
    """The traceback of an exception and of those that led to it."""
    known: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in known:
        known.add(id(one))
        one.__traceback__ = _from_script(one.__traceback__)
        one = one.__cause__ or one.__context__
    try:
        whole = traceback.TracebackException.from_exception(error, compact=True)
        part: traceback.TracebackException | None = whole
        while part is not None:
            part.stack[:] = [frame for frame in part.stack if not _hidden(frame.filename)][-_FRAMES:]
            part = part.__cause__ or part.__context__
        return "".join(whole.format())
    except Exception as second:  # an exception whose text cannot be made
        return f"{type(error).__name__} (its traceback failed with {type(second).__name__})"


def sentence(error: BaseException) -> str:
    """Kind and text."""
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be made)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place_of(error: BaseException) -> tuple[str, int]:
    """Path and line of the last frame that belongs to the script; empty and 0 without one."""
    found = ("", 0)
    trace = error.__traceback__
    while trace is not None:
        if _own(trace.tb_frame.f_code.co_filename):
            found = (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found
