"""Failing plugins in a whole lifecycle: what requests meet, and how the plugin comes back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from runtime.abi import Image
from runtime.guests import Body, Guest, QuickCompiler, doing, engine, keyring_text, refusal, run
from wasmpuck.config import parse
from wasmpuck.errors import CallReason
from wasmpuck.plugins import Lifecycle, Plugin, Registry, Snapshot
from wasmpuck.plugins.series import PluginCollector
from wasmpuck.runtime.capabilities import Namespaces
from wasmpuck.runtime.compile import CompileLimits
from wasmpuck.runtime.values import Case
from wasmpuck.storage import SQLitePluginStore
from wasmpuck.worlds import admission, middleware
from wasmpuck.worlds.middleware import Request, chain_of
from wasmpuck.worlds.verdicts import Response

ASK = "middleware.on-request"
#: `local.get 7` is the length of the request's path.
CRASHES = doing("(if (i32.eq (local.get 7) (i32.const 4)) (then (call $inner)))", ASK)
SPINS = doing("(if (i32.eq (local.get 7) (i32.const 4)) (then (loop $l br $l)))", ASK)
INNER = "(func $inner unreachable)"


def guest(version: str = "1.0.0", **changes: Any) -> Guest:
    """A middleware that crashes when the path has four characters."""
    given: dict[str, Any] = {"bodies": {ASK: CRASHES}, "extra": INNER} | changes
    return Guest(name="x", version=version, worlds=("lifecycle", "middleware"), **given)


def asking(path: str) -> Request:
    """A request."""
    return Request("127.0.0.1", "get", "GET", path, (), ())


GOOD, BAD = asking("/good"), asking("/bad")


async def eventually(condition: Callable[[], object]) -> None:
    """Waits until timers and subprocess-free work have made something so."""
    while not condition():  # noqa: ASYNC110 - a state of another component is waited for, nobody sets an event for it
        await asyncio.sleep(0.002)


class Stand:
    """A lifecycle on a folder of artifacts, and the chain of middlewares as a request meets it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = Registry()
        self.compiler = QuickCompiler(engine())

    def put(self, artifact: Guest) -> None:
        """Puts an artifact into the folder."""
        (self.folder / f"{artifact.name}.wasm").write_bytes(artifact.artifact())

    def configure(self, table: str) -> str:
        """A configuration with this table for the plugin."""
        return (
            f'[plugins]\ndirectory = "{self.folder}"\nkeyring = "{self.folder}"\nwatchInterval = "0s"\n'
            f"[plugins.x]\n{table}\n"
        )

    @contextlib.asynccontextmanager
    async def serve(self, table: str) -> AsyncIterator[Lifecycle]:
        """The lifecycle, started, with the plugin `x` configured so."""
        (self.folder / "tests.toml").write_text(keyring_text())
        store = SQLitePluginStore(self.folder / "plugins.sqlite")
        await store.open()
        namespaces = Namespaces(store, wall=time.time)
        self.lifecycle = Lifecycle(
            parse(self.configure(table)), self.compiler, store, namespaces, self.registry, _views
        )
        try:
            await self.lifecycle.start()
            yield self.lifecycle
        finally:
            await self.lifecycle.stop()
            await namespaces.close()
            await store.close()

    @property
    def plugin(self) -> Plugin:
        """The generation in service."""
        return self.registry.current.plugins["x"]

    @property
    def row(self) -> dict[str, Any]:
        """What `plugins list` shows."""
        return next(row for row in self.lifecycle.report() if row["name"] == "x")

    async def ask(self, request: Request) -> int:
        """The status of the answer: 200 when the request passed the chain."""
        with self.registry.lease() as snapshot:
            judged = await chain_of(snapshot).on_request(request, ())
        return judged.status if isinstance(judged, Response) else 200

    def metric(self, name: str, **labels: str) -> float:
        """A sample of the metrics page."""
        collected = CollectorRegistry()
        collected.register(PluginCollector(self.lifecycle))
        for family in text_string_to_metric_families(generate_latest(collected).decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels == {"plugin": "x", **labels}:
                    return sample.value
        return 0.0


def _views(snapshot: Snapshot) -> None:
    middleware.prepare(snapshot)
    admission.prepare(snapshot)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    """An artifact that crashes on some paths, in its folder."""
    stand = Stand(tmp_path)
    stand.put(guest())
    return stand


@pytest.mark.parametrize(("failure", "status"), [("open", 200), ("closed", 503)])
def test_requests_meet_the_policy_while_a_plugin_is_suspended(stand: Stand, failure: str, status: int) -> None:
    """While the breaker is open requests are answered by the policy, and no guest code runs for them."""

    async def main() -> None:
        async with stand.serve(f'failure = "{failure}"\nbreaker = {{ failures = 2, backoff = "1h", longest = "1h" }}'):
            assert [await stand.ask(request) for request in (GOOD, BAD, BAD, GOOD)] == [200, status, status, status]
            made = stand.plugin.data.account.instances_made
            failed = await refusal(stand.plugin.call(ASK, GOOD), CallReason.SUSPENDED)
            assert stand.plugin.refuses(failed) is (failure == "closed")
            assert stand.plugin.data.account.instances_made == made
            outcomes = stand.plugin.data.account.of(ASK).outcomes
            assert (outcomes[CallReason.UNREACHABLE], outcomes[CallReason.SUSPENDED]) == (2, 2)
            assert stand.metric("wasmpuck_plugin_breaker_state", state="open") == 1
            assert stand.metric("wasmpuck_plugin_breaker_state", state="closed") == 0
            assert stand.metric("wasmpuck_plugin_failures_total", reason="unreachable", policy=failure) == 2
            assert stand.metric("wasmpuck_plugin_failures_total", reason="suspended", policy=failure) == 2
            assert stand.metric("wasmpuck_plugin_calls_total", export=ASK, outcome="suspended") == 2

    run(main())


def test_a_plugin_that_is_well_again_is_used_again(stand: Stand) -> None:
    """After the backoff one good call ends the suspension."""

    async def main() -> None:
        async with stand.serve('failure = "closed"\nbreaker = { failures = 1, backoff = "5ms" }'):
            assert await stand.ask(BAD) == 503
            await asyncio.sleep(0.005)
            assert await stand.ask(GOOD) == 200
            assert not stand.plugin.guard.impeded
            assert stand.metric("wasmpuck_plugin_breaker_state", state="closed") == 1

    run(main())


def test_each_class_of_failure_has_its_own_answer(stand: Stand) -> None:
    """A crash refuses the request and a lack of fuel lets it pass, as configured."""
    stand.put(guest(bodies={ASK: SPINS}))

    async def main() -> None:
        async with stand.serve(
            'failure = "closed"\nfailures = { trap = "closed", fuel = "open" }\nlimits.fuel = 20000'
        ):
            assert await stand.ask(BAD) == 200
            assert stand.metric("wasmpuck_plugin_failures_total", reason="fuel", policy="open") == 1
            stand.put(guest())
            await stand.lifecycle.swap("x")
            assert await stand.ask(BAD) == 503

    run(main())


def test_reload_puts_a_fresh_generation_into_service(stand: Stand) -> None:
    """After a crash the same artifact is prepared anew and swapped in, while the old one keeps answering."""

    async def main() -> None:
        async with stand.serve('failures.trap = "reload"\nbreaker = { failures = 0, backoff = "5ms" }'):
            first = stand.plugin
            assert [await stand.ask(request) for request in (BAD, BAD, GOOD)] == [200, 200, 200]
            await eventually(lambda: stand.plugin is not first)
            assert (stand.plugin.generation, stand.plugin.artifact.digest) == (2, first.artifact.digest)
            assert stand.plugin.settings == first.settings
            await eventually(first.retired.is_set)
            assert await stand.ask(GOOD) == 200
            assert stand.metric("wasmpuck_plugin_failures_total", reason="unreachable", policy="reload") == 2
            assert stand.row["state"] == "running"

    run(main())


def test_reload_takes_the_artifact_that_runs_and_not_the_file(stand: Stand) -> None:
    """What lies in the folder meanwhile, or nothing, does not come into service by a reload."""

    async def main() -> None:
        async with stand.serve('failures.trap = "reload"\nbreaker.backoff = "1ms"'):
            (stand.folder / "x.wasm").write_bytes(b"half a file")
            await stand.ask(BAD)
            await eventually(lambda: stand.plugin.generation == 2)
            assert stand.plugin.version == "1.0.0"

    run(main())


def test_a_swap_calls_off_the_reload(stand: Stand) -> None:
    """When an operator has replaced the plugin, nothing is reloaded any more."""

    async def main() -> None:
        async with stand.serve('failures.trap = "reload"\nbreaker = { backoff = "1h", longest = "1h" }') as lifecycle:
            first = stand.plugin
            await stand.ask(BAD)
            assert [task.get_name() for task in asyncio.all_tasks() if "reload" in task.get_name()] == ["reload x"]
            await lifecycle.swap("x")
            await asyncio.sleep(0)
            assert not [task for task in asyncio.all_tasks() if "reload" in task.get_name()]
            outcome = await lifecycle.renew(first)
            assert (outcome.what, stand.plugin.generation) == ("unchanged", 2)

    run(main())


def test_a_reload_that_fails_leaves_the_old_generation(stand: Stand) -> None:
    """When the fresh generation cannot be prepared the old one stays, and the reason is shown."""

    async def main() -> None:
        async with stand.serve('failures.trap = "reload"\nbreaker.backoff = "1ms"'):
            first = stand.plugin
            stand.compiler.limits = CompileLimits(artifact=1)
            await stand.ask(BAD)
            await eventually(lambda: stand.row["reason"])
            assert stand.row["reason"].startswith("too-large: x has ")
            assert stand.plugin is first
            assert await stand.ask(GOOD) == 200
            assert first.data.swaps == {"published": 1, "failed": 1}

    run(main())


def test_quarantine_lasts_until_a_swap(stand: Stand) -> None:
    """A quarantined plugin is not called, keeps its place and its reason, survives a reload and ends with a swap."""

    async def main() -> None:
        async with stand.serve('failure = "closed"\nfailures.trap = "quarantine"') as lifecycle:
            first = stand.plugin
            assert [await stand.ask(request) for request in (GOOD, BAD, GOOD)] == [200, 503, 503]
            assert (stand.row["state"], stand.row["instances"]) == ("quarantined", 0)
            assert stand.row["reason"].startswith(f"unreachable in {ASK}: the guest gave up")
            assert stand.metric("wasmpuck_plugin_state", state="quarantined") == 1
            assert stand.metric("wasmpuck_plugin_state", state="running") == 0
            assert stand.metric("wasmpuck_plugin_failures_total", reason="unreachable", policy="quarantine") == 1
            assert [outcome.what for outcome in await lifecycle.reload()] == ["unchanged"]
            assert await stand.ask(GOOD) == 503
            assert (await lifecycle.renew(first)).what == "unchanged"
            assert (await lifecycle.swap("x")).what == "published"
            assert await stand.ask(GOOD) == 200
            await eventually(first.retired.is_set)
            assert first.data.account.of("lifecycle.shutdown").calls == 0

    run(main())


def test_quarantine_ends_with_a_changed_file(stand: Stand) -> None:
    """A new artifact in the folder replaces the quarantined one."""

    async def main() -> None:
        async with stand.serve('failures.trap = "quarantine"') as lifecycle:
            await stand.ask(BAD)
            assert stand.row["state"] == "quarantined"
            stand.put(guest("1.0.1"))
            assert [outcome.what for outcome in await lifecycle.reload()] == ["published"]
            assert (stand.row["state"], stand.row["reason"], stand.row["version"]) == ("running", "", "1.0.1")

    run(main())


def test_the_log_has_the_guest_s_frames(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    """The line about a crash names the guest's functions, innermost first."""

    async def main() -> None:
        async with stand.serve('failures.trap = "quarantine"'):
            await stand.ask(BAD)

    run(main())
    lines = [record for record in caplog.records if "backtrace" in vars(record)]
    assert [record.name.rpartition(".")[2] for record in lines] == ["incidents", "guard"]
    for record in lines:
        frames = vars(record)["backtrace"].split(" < ")
        assert frames[0] == "main!inner"
        assert [frame.partition("!")[0] for frame in frames] == ["main", "main"]


TASK = "task-handler.run"


def _schedules(timing: int, milliseconds: int) -> Body:
    """A `start` that schedules `job`; `timing` is the case's number: 0 every, 1 after."""

    def body(image: Image) -> str:
        fine, result = image.put(bytes(16), 8), image.put(bytes(16), 8)
        return f"""(call $tasks.schedule (i32.const {image.put(b"job")}) (i32.const 3)
            (i32.const {timing}) (i64.const {milliseconds}) (i32.const {result})) i32.const {fine}"""

    return body


def working(timing: int, milliseconds: int, **results: Any) -> Guest:
    """A middleware that crashes on some paths, with a task."""
    return Guest(
        name="x",
        worlds=("lifecycle", "middleware", "task-handler"),
        imports={"tasks": ["schedule"]},
        bodies={ASK: CRASHES, "lifecycle.start": _schedules(timing, milliseconds)},
        extra=INNER,
        results=results,
    )


def test_a_task_can_be_the_call_that_finds_a_plugin_well(stand: Stand) -> None:
    """A task that is due while its plugin is suspended is not lost: it waits, and its success ends the suspension."""
    stand.put(working(0, 100))

    async def main() -> None:
        async with stand.serve('grants = ["tasks"]\nlimits.leastTaskInterval = "100ms"\nbreaker.failures = 1'):
            outcomes = stand.plugin.data.account.of(TASK).outcomes
            await stand.ask(BAD)
            assert stand.plugin.guard.impeded
            await eventually(lambda: outcomes[CallReason.SUSPENDED])
            await eventually(lambda: not stand.plugin.guard.impeded)
            assert outcomes[CallReason.OK] >= 1
            assert outcomes[CallReason.UNREACHABLE] == 0

    run(main())


def test_a_task_that_reports_failure_is_a_guest_error(stand: Stand) -> None:
    """What a plugin says about its own task is subject to the policy, and its quarantine ends its tasks."""
    stand.put(working(1, 0, **{TASK: Case("failed", "no room left")}))

    async def main() -> None:
        async with stand.serve('grants = ["tasks"]\nfailures.guest-error = "quarantine"'):
            await eventually(lambda: stand.row["state"] == "quarantined")
            assert stand.row["reason"] == f"guest-error in {TASK}: task job: no room left"
            assert stand.metric("wasmpuck_plugin_failures_total", reason="guest-error", policy="quarantine") == 1
            await eventually(lambda: not [task for task in asyncio.all_tasks() if "plugin task" in task.get_name()])

    run(main())
