"""The soak: a real server with every plugin that there is, hostile and honest, under traffic, for some minutes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from e2e.processes import ServerProcess, copy_code
from soak.crowd import Crowd
from soak.gpg import Pair
from soak.inhabitants import HONEST, admit, configuration, in_service
from soak.operator import Operator
from soak.tally import Holdings, Tally, Trend, percentile, trend

__all__ = ["Findings", "soak"]

#: Share of the time after which the server counts as warm.
_WARM_UP = 0.3
_PAIRS = 2
#: What has to have happened before a soak ends, however slow the machine is.
_KINDS = ("gpg --refresh-keys", "upload and fetch", "swap of a hostile plugin", "reload with new settings")


@dataclass
class Findings:
    """What a soak has found; `failures` is empty when nothing was lost and nothing grew.

    asked, lost: requests, gpg calls and changes by kind.
    resident, files, threads: after the warm-up; `own` is what is resident without the guests' linear memories.
    delays: seconds of idle requests.
    guests: calls of each guest of the zoo by outcome.
    """

    seconds: float
    asked: dict[str, int]
    lost: dict[str, int]
    words: list[str]
    resident: Trend
    own: Trend
    files: Trend
    threads: Trend
    delays: list[float]
    generations: dict[str, int]
    refusals: dict[str, int]
    guests: dict[str, dict[str, int]]
    honest: dict[str, dict[str, int]]
    ticks: float
    failures: list[str] = field(default_factory=list)


@contextmanager
def _prepared(folder: Path, compiled: Path | None) -> Iterator[ServerProcess]:
    server = ServerProcess(folder)
    if compiled is not None:
        copy_code(compiled, server.data)
    admit(server)
    server.config.write_text(configuration())
    try:
        server.start()
        yield server
        server.stop()
        if compiled is not None:
            copy_code(server.data, compiled)
    finally:
        server.kill()


@contextmanager
def _probing(server: ServerProcess, delays: list[float]) -> Iterator[None]:
    address = urlsplit(server.admin)
    process = subprocess.Popen(
        [sys.executable, "-m", "soak.probe", str(address.hostname), str(address.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        yield
        out, _ = process.communicate(timeout=120)
        delays += json.loads(out)
    finally:
        process.kill()
        process.wait()


def soak(
    folder: Path, seconds: float, *, compiled: Path | None = None, told: Callable[[str], None] = lambda line: None
) -> Findings:
    """Runs a server in `folder` for so long, or longer until everything has happened once.

    Args:
        compiled: a folder with compiled code of an earlier run, which is kept for the next.
        told: gets a line now and then.
    """
    delays: list[float] = []
    tally = Tally()
    with _prepared(folder, compiled) as server, _probing(server, delays):
        assert server.process is not None
        crowd, operator = Crowd(server.url, tally), Operator(server, tally)
        pairs = [Pair(server.url, number, tally) for number in range(_PAIRS)]
        holdings = Holdings(server.process.pid)
        workers: list[Pair | Operator] = [*pairs, operator]
        threads = [threading.Thread(target=each.run, name=type(each).__name__) for each in workers]
        for thread in threads:
            thread.start()
        try:
            asyncio.run(_watch(crowd, holdings, seconds, tally, told))
        finally:
            for each in workers:
                each.stop.set()
            for thread in threads:
                thread.join()
        findings = _find(server, seconds, tally, holdings, operator)
    findings.delays = delays
    _judge(findings)
    return findings


async def _watch(crowd: Crowd, holdings: Holdings, seconds: float, tally: Tally, told: Callable[[str], None]) -> None:
    clients = asyncio.create_task(crowd.run())
    began = time.monotonic()
    line = 30.0
    try:
        while ((passed := time.monotonic() - began) < seconds or not tally.saw(_KINDS)) and not clients.done():
            holdings.look()
            if passed > line:
                line += 30.0
                told(
                    f"{passed:4.0f} s: {sum(tally.asked.values()):,} asked, {sum(tally.lost.values())} lost, "
                    f"{holdings.resident[-1] / 1e6:.1f} MB, "
                    f"{holdings.own[-1] / 1e6:.1f} MB without guests, {holdings.files[-1]:.0f} files"
                )
            await asyncio.sleep(1.0)
    finally:
        crowd.stop.set()
        await clients


def _find(server: ServerProcess, seconds: float, tally: Tally, holdings: Holdings, operator: Operator) -> Findings:
    calls = server.samples("wasmpuck_plugin_calls_total")
    outcomes: dict[str, dict[str, int]] = {}
    for key, value in calls.items():
        labels = dict(key)
        entry = outcomes.setdefault(labels["plugin"], {})
        name = f"{labels['export']} {labels['outcome']}"
        entry[name] = entry.get(name, 0) + int(value)
    warm = holdings.since(seconds * _WARM_UP)
    times = holdings.seconds[warm:]
    return Findings(
        seconds=seconds,
        asked=dict(tally.asked),
        lost=dict(tally.lost),
        words=tally.words,
        resident=trend(times, holdings.resident[warm:]),
        own=trend(times, holdings.own[warm:]),
        files=trend(times, holdings.files[warm:]),
        threads=trend(times, holdings.threads[warm:]),
        delays=[],
        generations={name: int(row["generation"]) for name, row in server.rows().items()},
        refusals=dict(operator.refusals),
        guests={each.name: outcomes.get(each.name, {}) for each in in_service()},
        honest={name: outcomes.get(name, {}) for name in HONEST},
        ticks=server.sample("wasmpuck_plugin_clockwork_ticks_total"),
    )


#: What may be more after the warm-up without counting as growth: allocators and pools have no fixed size.
_SPARE_BYTES = 24 << 20
_SPARE_FILES = 12
_SPARE_THREADS = 4


def _judge(findings: Findings) -> None:
    """Puts everything that must not be into `failures`."""
    wrong = findings.failures
    wrong += [f"{kind}: {lost} of {findings.asked[kind]} lost" for kind, lost in findings.lost.items()]
    for name, outcomes in findings.honest.items():
        bad = {outcome: count for outcome, count in outcomes.items() if not outcome.endswith(" ok")}
        if bad or not outcomes:
            wrong.append(f"{name}: {bad or 'was never called'}")
    if findings.ticks < findings.seconds * 0.5:
        wrong.append(f"clockwork ticked {findings.ticks:.0f} times in {findings.seconds:.0f} s")
    wrong += [
        f"{each.name} did not show that it {each.sentence[:1].lower()}{each.sentence[1:]}"
        for each in in_service()
        if f"{each.export} {each.ends}" not in findings.guests[each.name] and each.export != "lifecycle.shutdown"
    ]
    if findings.own.growth > _SPARE_BYTES:
        wrong.append(f"the server's own memory grew by {findings.own.growth / 1e6:.1f} MB after the warm-up")
    if findings.files.growth > _SPARE_FILES:
        wrong.append(f"{findings.files.growth:.0f} more files are open than after the warm-up")
    if findings.threads.growth > _SPARE_THREADS:
        wrong.append(f"{findings.threads.growth:.0f} more threads run than after the warm-up")


def summary(findings: Findings) -> dict[str, object]:
    """For a file: everything but the single delays."""
    entries = dict(vars(findings))
    for name in ("resident", "own", "files", "threads"):
        found: Trend = entries[name]
        entries[name] = {
            "first": found.first,
            "last": found.last,
            "most": found.most,
            "slope_per_minute": found.slope,
            "slope_error": found.error,
        }
    delays = entries.pop("delays")
    entries["delay_ms"] = {
        "probes": len(delays),
        **{f"p{percent}": round(percentile(delays, percent) * 1000, 2) for percent in (50, 90, 99)},
        "most": round(max(delays, default=0.0) * 1000, 2),
    }
    return entries
