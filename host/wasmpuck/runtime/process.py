"""One compilation in a process of its own, bounded in every direction, that ends when its server ends or loses
interest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime.cache import SealedCode
from wasmpuck.runtime.engine import EngineSettings

__all__ = ["CompileLimits", "compile_outside"]

_MIB: Final = 1 << 20

#: What the process may say on standard error; the rest is read and dropped.
_COMPLAINT: Final = 16_384
#: More threads finish hardly earlier, and each takes address space.
_THREADS: Final = 4
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
_INHERITED_BEGIN: Final = ("PYTHON", "LC_", "LD_")


@dataclass(frozen=True, slots=True)
class CompileLimits:
    """What compiling one artifact may use: the ceilings, and how much a small artifact gets of them.

    artifact: bytes of the component.
    processor: seconds of processor time at most, `processor_base` and `processor_each` for each MiB of component.
        CPython (18 MB) takes 10 to 20 s, a plugin in Rust half a second.
    wall: seconds of wall-clock time; the process gives way to the server.
    memory: bytes of address space at most, `memory_base` and `memory_each` for each byte of component. CPython takes
        0.8 GB.
    code: bytes of machine code. CPython has 37 MB.
    """

    artifact: int = 64 * _MIB
    processor: int = 120
    processor_base: float = 10.0
    processor_each: float = 4.0
    wall: float = 300.0
    memory: int = 3 << 30
    memory_base: int = 768 * _MIB
    memory_each: int = 64
    code: int = 256 * _MIB

    def processor_for(self, size: int) -> int:
        """Seconds for a component of `size` bytes."""
        return max(1, round(min(self.processor, self.processor_base + self.processor_each * size / _MIB)))

    def memory_for(self, size: int) -> int:
        """Bytes of address space for a component of `size` bytes."""
        return min(self.memory, self.memory_base + self.memory_each * size)


async def compile_outside(
    name: str,
    component: bytes,
    settings: EngineSettings,
    limits: CompileLimits,
    progress: Callable[[str, float], None] | None = None,
) -> SealedCode:
    """Compiles `component` and returns the serialized code, for the caller to close. Cancelling kills the process.

    Args:
        name: of the plugin, for messages.
        progress: told what is going on and for how many seconds, about once a second.

    Raises:
        ArtifactRefused: `COMPILE_FAILED`: not valid, or more expensive than `limits` allow.
    """
    # Files in memory instead of pipes: 18 MB in and 37 MB out pass through neither the event loop nor the heap.
    async with _memory_file("component") as source, _memory_file("code") as target:
        await asyncio.to_thread(_fill, source, component)
        status, complaint = await _run(name, len(component), source, target, settings, limits, progress)
        if status == 0:
            return SealedCode.adopt(os.dup(target))
    text = complaint.decode("utf-8", "replace").strip()
    if status == 3:
        first = text.splitlines()[0] if text else "no reason given"
        raise ArtifactRefused(Refusal.COMPILE_FAILED, f"{name} is not a valid component: {first}")
    raise ArtifactRefused(
        Refusal.COMPILE_FAILED,
        f"compiling {name} was given up: {_explain(status, text, len(component), limits)}",
        hint="if you trust it, compile it on a larger machine; if not, ask its author what makes it so expensive",
    )


@contextlib.asynccontextmanager
async def _memory_file(what: str) -> AsyncIterator[int]:
    descriptor = os.memfd_create(f"wasmpuck-{what}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        yield descriptor
    finally:
        # Freeing tens of megabytes takes milliseconds; a cancelled task cannot wait for that, but it happens.
        asyncio.get_running_loop().run_in_executor(None, os.close, descriptor)


def _fill(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)


def _environment() -> Mapping[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in _INHERITED or key.startswith(_INHERITED_BEGIN)}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "RAYON_NUM_THREADS": str(min(_THREADS, os.cpu_count() or 1)),
        "RUST_BACKTRACE": "0",
    }


async def _run(
    name: str,
    size: int,
    source: int,
    target: int,
    settings: EngineSettings,
    limits: CompileLimits,
    progress: Callable[[str, float], None] | None,
) -> tuple[int, bytes]:
    """The exit status (negative for a signal) and what was said on standard error."""
    orders = {
        "engine": asdict(settings),
        "memory": limits.memory_for(size),
        "processor": limits.processor_for(size),
        "code": limits.code,
        "parent": os.getpid(),
    }
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "wasmpuck.runtime.compiler", json.dumps(orders)),
        stdin=source,
        stdout=target,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    assert process.stderr is not None
    listening = asyncio.ensure_future(_listen(process.stderr))
    ending = asyncio.ensure_future(process.wait())
    try:
        while not ending.done():
            await asyncio.wait([ending], timeout=1.0)
            passed = time.monotonic() - started
            if ending.done():
                break
            if progress is not None:
                progress(f"compiling {name}", passed)
            if passed > limits.wall:
                raise ArtifactRefused(
                    Refusal.COMPILE_FAILED,
                    f"compiling {name} was given up: it took longer than {limits.wall:g} s",
                    hint="the machine may be too busy: try again",
                )
        return await ending, await listening
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(ending, listening, return_exceptions=True)


async def _listen(stream: asyncio.StreamReader) -> bytes:
    """The beginning of a stream that is read to its end."""
    kept = bytearray()
    while chunk := await stream.read(65_536):
        kept += chunk[: max(0, _COMPLAINT - len(kept))]
    return bytes(kept)


def _explain(status: int, text: str, size: int, limits: CompileLimits) -> str:
    """How the compiler's process ended, in words."""
    memory = f"it needs more than {limits.memory_for(size) >> 20:,} MiB of memory"
    time_used = f"it needs more than {limits.processor_for(size)} s of processor time"
    lines = text.splitlines() or ["without a word"]
    if status == 4:
        return memory
    if status == 5:
        return f"it makes more than {limits.code >> 20:,} MiB of machine code"
    if status == -signal.SIGXCPU:
        return time_used
    if status == -signal.SIGABRT:
        return memory if "memory allocation" in text else f"the compiler stopped itself: {lines[0]}"
    if status == -signal.SIGKILL:
        return "the compiler was killed, most likely because the machine ran out of memory"
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"the compiler crashed ({signal.Signals(-status).name}): {lines[0]}"
    return f"the compiler ended with status {status}: {lines[-1]}"
