"""What scripts cost that share a language runtime."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from bench.measure import Effort, Result, compare
from bench.process import private_bytes, resident_bytes, settle
from wasmpuck.allocator import return_large_blocks
from wasmpuck.app import open_plugins
from wasmpuck.config import Configuration, parse
from wasmpuck.datafolder import make_private
from wasmpuck.plugins import Lifecycle, Registry
from wasmpuck_signing import Manifest, NeededRuntime, PrivateKey, Script, pack, pack_script

__all__ = ["measure"]

_ROOT = Path(__file__).resolve().parents[1]
_RUNTIME = _ROOT / "plugins-dist" / "runtimes" / "python.wasm"
_SAMPLE = _ROOT / "plugins-src" / "samples" / "python" / "greeting"
_KEY = PrivateKey.from_seed(b"a key of the measurements alone.", "bench")
_SCRIPTS = 10

_CONFIGURATION = """
[server]
dataDir = "{folder}/data"

[plugins]
directory = "{folder}/plugins"
keyring = "{folder}/publishers"
watchInterval = "0s"
loadTimeout = "5m"
"""
_TABLE = """
[plugins.{name}]
grants = ["log", "metrics", "storage"]
limits.warmInstances = 2
"""


async def measure(wanted: frozenset[str], effort: Effort) -> list[Result]:
    """The figures `scripts.load` and `scripts.memory`. Each repetition has a process of its own, which is a server
    without plugins until the scripts come, all at once.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        names = [f"greeting-{number}" for number in range(_SCRIPTS)]
        artifacts = _prepare(folder, names)
        await asyncio.to_thread(_in_new_process, folder, {names[0]: artifacts[names[0]]})  # fills the cache
        times: list[tuple[float, float]] = []
        sizes: list[tuple[float, float]] = []
        for _ in range(effort.runs(6)):
            one = await asyncio.to_thread(_in_new_process, folder, {names[0]: artifacts[names[0]]})
            all_of_them = await asyncio.to_thread(_in_new_process, folder, artifacts)
            times.append((all_of_them.seconds * 1e3, one.seconds * 1e3))
            sizes.append((all_of_them.private / 1e6, all_of_them.resident / 1e6))
        results = [
            compare("scripts.load", "ms", *map(list, zip(*times, strict=True))),
            compare("scripts.memory", "MB", *map(list, zip(*sizes, strict=True))),
        ]
        return [result for result in results if result.id in wanted]


class _Added(NamedTuple):
    """What scripts cost a server: seconds until they may serve, bytes of anonymous memory, resident bytes."""

    seconds: float
    private: int
    resident: int


def _in_new_process(folder: Path, artifacts: dict[str, bytes]) -> _Added:
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        return executor.submit(_added, folder, artifacts).result()


def _added(folder: Path, artifacts: dict[str, bytes]) -> _Added:
    """Between a server that has settled before the first script and after the last."""

    async def add() -> _Added:
        for path in (folder / "plugins").glob("*.wasm"):
            path.unlink()
        async with open_plugins(_configuration(folder), Registry()) as lifecycle:
            settle()
            private, resident = private_bytes(), resident_bytes()
            seconds = await _put(folder, lifecycle, artifacts)
            settle()
            return _Added(seconds, private_bytes() - private, resident_bytes() - resident)

    return_large_blocks()  # as `wasmpuck serve` does
    return asyncio.run(add())


def _prepare(folder: Path, names: list[str]) -> dict[str, bytes]:
    """Folders with a keyring and the runtime, signed anew; the scripts' artifacts by name."""
    for each in ("plugins/runtimes", "publishers", "data"):
        (folder / each).mkdir(parents=True)
    make_private(folder / "data")
    line = f'format = 1\npublisher = "bench"\nkey = "{_KEY.public.line()}"\nplugins = ["*"]\n'
    (folder / "publishers" / "bench.toml").write_text(line)
    component = _RUNTIME.read_bytes()
    of_runtime = Manifest.of(component)
    runtime = pack(component, of_runtime, _KEY)
    (folder / "plugins" / "runtimes" / "python.wasm").write_bytes(runtime)
    needed = NeededRuntime(of_runtime.name, of_runtime.version, f"sha256:{hashlib.sha256(runtime).hexdigest()}")
    manifest = Manifest.from_toml((_SAMPLE / "plugin.toml").read_text(), runtime=lambda name: needed)
    script = Script("plugin.py", {"plugin.py": (_SAMPLE / "plugin.py").read_text()})
    return {name: pack_script(script, replace(manifest, name=name), _KEY) for name in names}


def _configuration(folder: Path, names: Iterable[str] = ()) -> Configuration:
    return parse(_CONFIGURATION.format(folder=folder) + "".join(_TABLE.format(name=name) for name in names))


async def _put(folder: Path, lifecycle: Lifecycle, artifacts: dict[str, bytes]) -> float:
    """Puts scripts into the folder and has them loaded; the seconds that takes. Raises RuntimeError for a refusal."""
    for name, artifact in artifacts.items():
        (folder / "plugins" / f"{name}.wasm").write_bytes(artifact)
    configuration = _configuration(folder, artifacts)
    began = time.perf_counter()
    outcomes = await lifecycle.reload(configuration)
    took = time.perf_counter() - began
    refused = [outcome.reason for outcome in outcomes if outcome.what == "refused"]
    if refused:
        raise RuntimeError(refused[0])
    return took
