"""What scripts cost that share a language runtime."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bench.measure import Effort, Result, compare
from bench.process import private_bytes, resident_bytes, settle
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
    """The figures `scripts.load` and `scripts.memory`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        names = [f"greeting-{number}" for number in range(_SCRIPTS + 1)]
        artifacts = _prepare(folder, names)
        async with _server(folder) as lifecycle:  # compiles what the others take from the cache
            await _put(folder, lifecycle, artifacts, names[:1])
        times: list[tuple[float, float]] = []
        sizes: list[tuple[float, float]] = []
        for _ in range(effort.runs(6)):
            for path in (folder / "plugins").glob("*.wasm"):
                path.unlink()
            async with _server(folder) as lifecycle:
                first = await _put(folder, lifecycle, artifacts, names[:1])
                settle()
                before = private_bytes(), resident_bytes()
                rest = await _put(folder, lifecycle, artifacts, names)
                settle()
                times.append((rest * 1e3, first * 1e3))
                sizes.append(((private_bytes() - before[0]) / 1e6, (resident_bytes() - before[1]) / 1e6))
        results = [
            compare("scripts.load", "ms", *map(list, zip(*times, strict=True))),
            compare("scripts.memory", "MB", *map(list, zip(*sizes, strict=True))),
        ]
        return [result for result in results if result.id in wanted]


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


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[Lifecycle]:
    async with open_plugins(_configuration(folder), Registry()) as lifecycle:
        yield lifecycle


async def _put(folder: Path, lifecycle: Lifecycle, artifacts: dict[str, bytes], names: list[str]) -> float:
    """Puts scripts into the folder and has them loaded; the seconds that takes. Raises RuntimeError for a refusal."""
    for name in names:
        (folder / "plugins" / f"{name}.wasm").write_bytes(artifacts[name])
    configuration = _configuration(folder, names)
    began = time.perf_counter()
    outcomes = await lifecycle.reload(configuration)
    took = time.perf_counter() - began
    refused = [outcome.reason for outcome in outcomes if outcome.what == "refused"]
    if refused:
        raise RuntimeError(refused[0])
    return took
