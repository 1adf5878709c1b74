"""The compiler's process: bounded in every direction, and how it ended is said in words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime import bombs
from runtime.guests import Guest, run
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime.engine import EngineSettings
from wasmpuck.runtime.process import CompileLimits, _explain, _listen, compile_outside
from wasmpuck.runtime.screening import screen

_MIB = 1 << 20
_SETTINGS = EngineSettings()
_SLOW = bombs.calls(50_000, 20)
"""Passes the screening and takes ten seconds."""


def refused(data: bytes, limits: CompileLimits) -> ArtifactRefused:
    with pytest.raises(ArtifactRefused) as caught:
        run(compile_outside("bomb", data, _SETTINGS, limits))
    assert caught.value.reason is Refusal.COMPILE_FAILED
    return caught.value


def children() -> set[int]:
    """Processes started by this one."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


async def soon(condition: Callable[[], object]) -> None:
    """Waits for a state of another process, which nobody sets an event for."""
    while not condition():  # noqa: ASYNC110 - a process sets no event
        await asyncio.sleep(0.01)


async def started(before: set[int]) -> int:
    """The process id of the next child, once it runs the compiler."""
    found: list[int] = []

    def look() -> bool:
        found[:] = [pid for pid in children() - before if is_compiler(pid)]
        return bool(found)

    await soon(look)
    return found[0]


def is_compiler(pid: int) -> bool:
    """Whether such a process lives."""
    with contextlib.suppress(OSError):
        return b"wasmpuck.runtime.compiler" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def environment(pid: int) -> bytes:
    """What a process was given."""
    return Path(f"/proc/{pid}/environ").read_bytes()


def test_the_slow_one_passes_the_screening() -> None:
    """What these tests stop is not stopped earlier."""
    assert screen(_SLOW).functions == 50_000


def test_processor_time() -> None:
    """A compilation that needs more processor time than it may is ended, in so many words."""
    failure = refused(_SLOW, CompileLimits(processor=1))
    assert failure.message == "compiling bomb was given up: it needs more than 1 s of processor time"
    assert failure.hint


def test_memory() -> None:
    """A compilation that needs more memory than it may is ended, in so many words: this one would need 12 GB."""
    failure = refused(bombs.passing_loops(3_000, 16), CompileLimits(memory=500 * _MIB))
    assert failure.message == "compiling bomb was given up: it needs more than 500 MiB of memory"


def test_code_size() -> None:
    """Machine code is written up to a limit."""
    failure = refused(Guest().binary(), CompileLimits(code=4096))
    assert failure.message == "compiling bomb was given up: it makes more than 0 MiB of machine code"


def test_wall_clock() -> None:
    """A compilation that takes too long by the clock is ended; meanwhile its progress is told."""
    told: list[tuple[str, float]] = []

    async def main() -> None:
        with pytest.raises(ArtifactRefused, match=r"longer than 0\.5 s"):
            await compile_outside(
                "bomb", _SLOW, _SETTINGS, CompileLimits(wall=0.5), lambda what, passed: told.append((what, passed))
            )

    run(main())
    assert [what for what, _ in told] == ["compiling bomb"]
    assert told[0][1] > 0.5


def test_killed_by_somebody() -> None:
    """A process that is killed from outside is reported as that."""

    async def main() -> None:
        before = children()
        work = asyncio.ensure_future(compile_outside("bomb", _SLOW, _SETTINGS, CompileLimits()))
        os.kill(await started(before), signal.SIGKILL)
        with pytest.raises(ArtifactRefused, match="was killed, most likely because the machine ran out of memory"):
            await work

    run(main())


def test_cancelling_kills() -> None:
    """Whoever waits no longer leaves no process behind."""

    async def main() -> None:
        before = children()
        work = asyncio.ensure_future(compile_outside("bomb", _SLOW, _SETTINGS, CompileLimits()))
        await started(before)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert children() <= before

    run(main())


def test_a_server_that_is_killed_takes_the_compiler_along() -> None:
    """The compiler's process ends with the server, even when the server had no time for anything."""
    server = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        from runtime import bombs
        from wasmpuck.runtime.engine import EngineSettings
        from wasmpuck.runtime.process import CompileLimits, compile_outside

        def tell(what, passed):
            print(Path("/proc/self/task", Path("/proc/self").resolve().name, "children").read_text(), flush=True)

        data = bombs.calls(50_000, 20)
        asyncio.run(compile_outside("bomb", data, EngineSettings(), CompileLimits(), tell))
    """)

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", server),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert process.stdout is not None
        compiler = int((await process.stdout.readline()).split()[0])
        assert is_compiler(compiler)
        process.kill()
        await process.communicate()
        await soon(lambda: not is_compiler(compiler))

    run(main())


def test_it_gives_way_to_the_server_and_knows_little_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is niced, writes no core file, and does not get the server's secrets by its environment."""
    monkeypatch.setenv("WASMPUCK_TEST_SECRET", "hunter2")

    async def main() -> None:
        before = children()
        work = asyncio.ensure_future(compile_outside("bomb", _SLOW, _SETTINGS, CompileLimits()))
        compiler = await started(before)
        assert b"hunter2" not in environment(compiler)
        await soon(lambda: resource.prlimit(compiler, resource.RLIMIT_FSIZE)[0] == CompileLimits().code)
        assert resource.prlimit(compiler, resource.RLIMIT_CORE) == (0, 0)
        assert resource.prlimit(compiler, resource.RLIMIT_AS)[1] == CompileLimits().memory_for(len(_SLOW))
        assert os.getpriority(os.PRIO_PROCESS, compiler) >= 10
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    run(main())


def test_what_the_compiler_says_is_bounded() -> None:
    """Of a flood on standard error the beginning is kept; the rest is read, so that nobody waits, and dropped."""

    async def main() -> bytes:
        stream = asyncio.StreamReader()
        stream.feed_data(b"the reason\n" + b"x" * 10_000_000)
        stream.feed_eof()
        return await _listen(stream)

    kept = asyncio.run(main())
    assert kept.startswith(b"the reason\n")
    assert len(kept) == 16_384


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (4, "", "it needs more than 100 MiB of memory"),
        (5, "", "it makes more than 256 MiB of machine code"),
        (-signal.SIGXCPU, "", "it needs more than 7 s of processor time"),
        (-signal.SIGABRT, "memory allocation of 96 bytes failed", "it needs more than 100 MiB of memory"),
        (-signal.SIGABRT, "thread 'main' panicked\nat x", "the compiler stopped itself: thread 'main' panicked"),
        (-signal.SIGSEGV, "", "the compiler crashed (SIGSEGV): without a word"),
        (-250, "", "the compiler ended with status -250: without a word"),
        (1, "Traceback\nImportError: no wasmtime", "the compiler ended with status 1: ImportError: no wasmtime"),
    ],
)
def test_ends_in_words(status: int, text: str, words: str) -> None:
    """Each way to end has a sentence."""
    assert _explain(status, text, 0, CompileLimits(processor=7, memory=100 * _MIB)) == words


def test_small_plugins_get_less() -> None:
    """Processor time and memory grow with the component up to a ceiling."""
    limits = CompileLimits()
    assert limits.processor_for(150_000) <= 11
    assert limits.memory_for(150_000) < 800 * _MIB
    assert 60 <= limits.processor_for(18 * _MIB) < limits.processor
    assert 1200 * _MIB < limits.memory_for(18 * _MIB) < limits.memory
    assert limits.processor_for(limits.artifact) == limits.processor
    assert limits.memory_for(limits.artifact) == limits.memory
    assert replace(limits, processor=1).processor_for(0) == 1
