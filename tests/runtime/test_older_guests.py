"""Guests that were built against an older contract, on a host that speaks a newer one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.generations import serving
from runtime.guests import Guest, QuickCompiler, engine, run
from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.runtime import compile as compile_module
from wasmpuck.runtime import contract
from wasmpuck.runtime.compatibility import breaking

KEPT = Path(__file__).resolve().parents[1] / "vectors"
"""Where components are kept that were built when a version of the contract was released."""

ADDED = "    /// The name of the time zone.\n    zone: func() -> string;\n}\n"
NEW = "package wasmpuck:plugin@0.2.0;\n\n/// New.\ninterface novelty {\n    /// New.\n    f: func();\n}\n"


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The host's contract is 0.2.0: the present one with a function and an interface more; 0.1.0 was released."""
    released = tmp_path / "released" / "0.1.0"
    released.mkdir(parents=True)
    for path in contract.wit_folder().glob("*.wit"):
        shutil.copy(path, released)
        text = path.read_text().replace("wasmpuck:plugin@0.1.0", "wasmpuck:plugin@0.2.0")
        if path.name == "clock.wit":
            text = text.rstrip().removesuffix("}") + ADDED
        (tmp_path / path.name).write_text(text)
    (tmp_path / "novelty.wit").write_text(NEW)
    monkeypatch.setattr(contract, "wit_folder", lambda: tmp_path)
    for module in (contract, compile_module):
        monkeypatch.setattr(module, "CONTRACT_VERSION", (0, 2, 0))
    contract.load_contract.cache_clear()
    contract.released_contract.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    contract.load_contract.cache_clear()
    contract.released_contract.cache_clear()


def wide() -> Guest:
    """A guest that imports something of every interface and exports each."""
    return Guest(
        worlds=(
            "lifecycle",
            "handover",
            "middleware",
            "admission",
            "routes",
            "formatter",
            "services",
            "task-handler",
            "event-handler",
        ),
        imports={
            "log": ["write"],
            "settings": ["get", "get-all"],
            "clock": ["now", "monotonic"],
            "random": ["bytes", "number"],
            "storage": ["get", "get-bytes", "set", "increment", "compare-and-swap", "list-keys"],
            "metrics": ["add", "observe"],
            "tasks": ["schedule", "cancel"],
            "events": ["publish", "subscribe"],
            "messaging": ["call", "find"],
            "shared": ["counter-add", "window-add", "set-add", "top-list", "distinct-count"],
            "secrets": ["names", "equals"],
        },
    )


def test_the_newer_contract_of_these_tests_only_adds(newer: Path) -> None:
    """What the host speaks here is a version that may follow."""
    older = contract.read_folder(newer / "released" / "0.1.0")
    assert breaking(older, contract.read_folder(newer)) == []
    assert "novelty" in contract.load_contract()


@pytest.mark.usefixtures("newer")
def test_a_guest_of_the_version_before_runs() -> None:
    """It is prepared, called and retired as on a host of its own version."""
    guest = Guest(
        worlds=("lifecycle", "middleware"),
        imports={"clock": ["now", "monotonic"], "log": ["write"]},
        bodies={"lifecycle.shutdown": "(drop (call $clock.now))"},
    )

    async def main() -> None:
        async with serving(guest) as (plugin,):
            assert (await plugin.call("lifecycle.health")).tag == "healthy"
            assert plugin.exports("middleware")

    run(main())


@pytest.mark.parametrize("path", sorted(KEPT.glob("contract-*.wasm")), ids=lambda path: path.stem)
@pytest.mark.parametrize("host", ["present", "newer"])
def test_a_guest_that_was_built_for_a_released_version_runs(
    path: Path, host: str, request: pytest.FixtureRequest
) -> None:
    """The component that was kept when a version was released runs on the present host, and on the next one.

    It is `wide`, built on the day of the release: `Path(...).write_bytes(wide().binary())`.
    """
    if host == "newer":
        request.getfixturevalue("newer")
    guest = wide()

    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Guest, "binary", lambda self: path.read_bytes())
            async with serving(guest) as (plugin,):
                assert set(plugin.worlds) == set(guest.worlds)
                assert (await plugin.call("lifecycle.health")).tag == "healthy"
                assert (await plugin.call("routes.describe-routes")) == []
                assert (await plugin.call("handover.prepare-swap")) is None

    run(main())


@pytest.mark.usefixtures("newer")
@pytest.mark.parametrize("version", ["0.3.0", "0.1.1", "0.0.9", "1.0.0"])
def test_a_guest_of_a_version_that_the_host_does_not_know_is_refused(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newer ones, and ones that were never released, are refused by what the host speaks."""
    text = Guest(imports={"clock": ["now"]}).text().replace("@0.1.0", f"@{version}")
    monkeypatch.setattr(Guest, "text", lambda self: text)

    async def main() -> None:
        with pytest.raises(ArtifactRefused, match=r"speaks version 0\.2\.0") as refused:
            await QuickCompiler(engine()).compile(Guest(imports={"clock": ["now"]}).verified())
        assert refused.value.reason is Refusal.CONTRACT_VERSION

    run(main())
