"""Compiling one component: a program of its own, so that a pathological input costs a child process and not the server.

Started by `compile` as ``python -m wasmpuck.runtime.compiler``. Reads the component from standard input, writes the
serialized code to standard output. Exit status 0: compiled; 3: refused, the reason on standard error. It lowers its
own priority and limits (address space, processor time, file size) before it reads a byte of input.
"""

from __future__ import annotations

import json
import os
import resource
import sys

import wasmtime
from wasmtime import component as stock

from wasmpuck.runtime.engine import Engine, EngineSettings

__all__ = ["main"]


def _restrict(memory: int, processor: int) -> None:
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> int:
    """Compiles standard input; the first argument is JSON: `engine` (settings) and `limits` (memory, processor)."""
    orders = json.loads(sys.argv[1])
    _restrict(orders["limits"]["memory"], orders["limits"]["processor"])
    engine = Engine(EngineSettings(**orders["engine"]))
    data = sys.stdin.buffer.read()
    try:
        component = stock.Component(engine.stock, data)
    except wasmtime.WasmtimeError as error:
        sys.stderr.write(str(error))
        return 3
    sys.stdout.buffer.write(component.serialize())
    return 0


if __name__ == "__main__":
    sys.exit(main())
