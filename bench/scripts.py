"""``python -m bench.scripts``: what ten Python scripts cost a server, with two warm instances each.

The lifecycle of a server loads the samples, ten of them under names of their own, once so that the runtime's code is in
the cache, then in a new process from the cache. Exit status 1 when they add more than 60 MB or take more than a second.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.process import private_bytes, settle
from runtime.guests import KEY, keyring_text
from wasmpuck.config import parse
from wasmpuck.plugins import Lifecycle, Registry, Snapshot
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.capabilities import Namespaces
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.engine import Engine
from wasmpuck.storage import SQLitePluginStore
from wasmpuck.worlds import admission, middleware
from wasmpuck_signing import Manifest, pack
from wasmpuck_signing.manifest import NeededRuntime
from wasmpuck_signing.pack import pack_script
from wasmpuck_signing.script import Script

ROOT: Final = Path(__file__).resolve().parents[1]
SAMPLES: Final = ROOT / "plugins-src" / "samples" / "python"
NAMES: Final = ("greeting", "upload-guard")  # wordcount has paths that only one plugin can have
SCRIPTS: Final = 10
INSTANCES: Final = 2
MOST_MB: Final = 60
MOST_SECONDS: Final = 1.0


def furnish(folder: Path) -> str:
    """Writes the runtime and the scripts; the configuration."""
    (folder / "publishers").mkdir()
    (folder / "publishers" / "tests.toml").write_text(keyring_text())
    (folder / "plugins" / "runtimes").mkdir(parents=True)
    runtime = (ROOT / "plugins-dist" / "runtimes" / "python.wasm").read_bytes()
    manifest = Manifest.of(runtime)
    (folder / "plugins" / "runtimes" / "python.wasm").write_bytes(pack(runtime, manifest, KEY))
    needed = NeededRuntime(manifest.name, manifest.version, f"sha256:{'0' * 64}")
    tables = []
    for number in range(SCRIPTS):
        sample = SAMPLES / NAMES[number % len(NAMES)]
        about = Manifest.from_toml((sample / "plugin.toml").read_text(), runtime=lambda _: needed)
        name = f"{about.name}-{number}"
        script = Script("plugin.py", {"plugin.py": (sample / "plugin.py").read_text()})
        artifact = pack_script(script, replace(about, name=name), KEY)
        (folder / "plugins" / f"{name}.wasm").write_bytes(artifact)
        limits = f"limits.instances = {INSTANCES}\nlimits.warmInstances = {INSTANCES}"
        tables.append(f"[plugins.{name}]\ngrants = {list(about.imports)}\n{limits}\n")
    head = f'[plugins]\ndirectory = "{folder}/plugins"\nkeyring = "{folder}/publishers"\nwatchInterval = "0s"\n'
    return head + "\n".join(tables)


async def load(folder: Path) -> tuple[float, float]:
    """Loads everything as a server does: MB of anonymous memory that came with it, and seconds."""
    engine = Engine()
    cache = CodeCache(folder / "code", folder / "code.key", engine.fingerprint())
    store = SQLitePluginStore(folder / "plugins.sqlite")
    await store.open()
    namespaces = Namespaces(store, wall=time.time)
    registry = Registry()

    def prepare(snapshot: Snapshot) -> None:
        middleware.prepare(snapshot)
        admission.prepare(snapshot)

    settings = parse((folder / "wasmpuck.toml").read_text())
    lifecycle = Lifecycle(settings, Compiler(engine, cache), store, namespaces, registry, prepare)
    settle()
    before = private_bytes()
    started = time.perf_counter()
    await lifecycle.start()
    seconds = time.perf_counter() - started
    settle()
    held = (private_bytes() - before) / 1e6
    running = registry.current.plugins
    assert len(running) == SCRIPTS, lifecycle.report()
    assert all(plugin.pool.instances == INSTANCES for plugin in running.values())
    await lifecycle.stop()
    await namespaces.close()
    await store.close()
    return held, seconds


def main() -> int:
    """Furnishes a folder, loads it in two processes and prints what the second one saw."""
    if len(sys.argv) > 1:
        held, seconds = asyncio.run(load(Path(sys.argv[1])))
        print(f"{held:.1f} {seconds:.3f}")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "wasmpuck.toml").write_text(furnish(folder))
        for _ in range(2):
            command = [sys.executable, "-m", "bench.scripts", str(folder)]
            said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    held, seconds = map(float, said.split())
    print(f"{SCRIPTS} Python scripts, {INSTANCES} instances each: {held:.1f} MB of anonymous memory, {seconds:.3f} s")
    return int(held > MOST_MB or seconds > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
