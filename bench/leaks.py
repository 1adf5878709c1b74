"""Whether memory stays flat: over a million calls, and over twenty thousand instances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from statistics import fmean
from typing import Any

from bench import guests
from bench.framework import Prepared, pool, trivial_imports
from bench.measure import Effort, Result
from bench.process import resident_bytes, settle
from wasmpuck.runtime.engine import Engine
from wasmpuck.runtime.limits import PoolSettings
from wasmpuck.worlds.middleware import Request

__all__ = ["measure"]

_SAMPLES = 100
#: Share of all calls after which the process counts as warm.
_WARM_UP = 0.1


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures of this group that are wanted."""
    results: list[Result] = []
    if {"leak.calls", "leak.calls.slope"} & wanted:
        results += await _calls(100_000 if effort.quick else 1_000_000)
    if {"leak.instances", "leak.instances.slope"} & wanted:
        results += await _instances(4_000 if effort.quick else 20_000)
    return [result for result in results if result.id in wanted]


async def _calls(count: int) -> list[Result]:
    """Requests with headers in, decisions out; the pool renews its instance every 10,000 calls."""
    headers = [("user-agent", "gnupg/2.4.7"), ("accept", "*/*")]
    requests = cycle(
        [Request(client, "get", "GET", "/pks/lookup", [("op", "get")], headers) for client in ("::1", "2001:db8::17")]
    )
    with Prepared(Engine(), guests.middleware("asked")) as asked:
        served = pool(asked)
        results = await _watch("leak.calls", count, lambda: served.call("on-request", next(requests)))
        served.close()
    return results


async def _instances(count: int) -> list[Result]:
    with Prepared(Engine(), guests.demonstration("ratelimit-window"), trivial_imports()) as plugin:
        served = pool(plugin, settings=PoolSettings(mode="fresh", size=1))
        results = await _watch("leak.instances", count, lambda: served.call("describe-scope"))
        served.close()
    return results


async def _watch(figure: str, count: int, once: Callable[[], Awaitable[Any]]) -> list[Result]:
    """Does something `count` times, looking at the resident memory in between."""
    step = count // _SAMPLES
    done: list[float] = []
    resident: list[float] = []
    for sample in range(_SAMPLES):
        for _ in range(step):
            await once()
        if sample >= _SAMPLES * _WARM_UP:
            settle()
            done.append((sample + 1) * step)
            resident.append(float(resident_bytes()))
    slope, error = _slope(done, resident)
    warm, end = resident[0], resident[-1]
    return [
        Result(
            figure, end / 1e6, warm / 1e6, end / warm, "MB", (min(resident) / warm, max(resident) / warm), len(resident)
        ),
        Result(
            f"{figure}.slope",
            slope,
            error,
            slope / error if error else 0.0,
            "bytes",
            (slope - 2 * error, slope + 2 * error),
            len(resident),
        ),
    ]


def _slope(across: Sequence[float], up: Sequence[float]) -> tuple[float, float]:
    """The slope of the line through these points by least squares, and its standard error."""
    middle, height = fmean(across), fmean(up)
    square = sum((x - middle) ** 2 for x in across)
    slope = sum((x - middle) * (y - height) for x, y in zip(across, up, strict=True)) / square
    rest = sum((y - height - slope * (x - middle)) ** 2 for x, y in zip(across, up, strict=True))
    return slope, (rest / (len(up) - 2) / square) ** 0.5
