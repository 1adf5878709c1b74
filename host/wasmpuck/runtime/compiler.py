"""Compiling one component: a program of its own, so that a pathological input costs a child process and not the server.

Started by `process` as ``python -m wasmpuck.runtime.compiler``. Reads the component from standard input, writes the
serialized code to standard output. It lowers its own priority and limits (address space, processor time, size of what
it writes) and ties its life to the server's before it reads a byte of input.

Exit status 0: compiled; 3: refused, the reason on standard error; 4: out of memory; 5: too much machine code.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import sys

import wasmtime
from wasmtime import component as stock

from wasmpuck.runtime.engine import Engine, EngineSettings

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
#: Seconds between the signal that can be told apart (SIGXCPU) and the one that cannot be caught (SIGKILL).
_GRACE = 5


def _restrict(memory: int, processor: int, code: int) -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + _GRACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (code, code))


def _die_with(parent: int) -> None:
    """Ends this process when the server ends, however it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> int:
    """Compiles standard input.

    The first argument is JSON: `engine` (settings), `memory` and `code` (bytes), `processor` (seconds), `parent`
    (process id).
    """
    orders = json.loads(sys.argv[1])
    _die_with(orders["parent"])
    _restrict(orders["memory"], orders["processor"], orders["code"])
    try:
        engine = Engine(EngineSettings(**orders["engine"]))
        component = stock.Component(engine.stock, sys.stdin.buffer.read())
        code = memoryview(component.serialize())
    except wasmtime.WasmtimeError as error:
        text = str(error)
        sys.stderr.write(text)
        return 4 if f"os error {errno.ENOMEM}" in text else 3
    except MemoryError:
        return 4
    try:
        while code:
            code = code[os.write(1, code) :]
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
