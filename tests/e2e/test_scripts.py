"""Scripts and a language runtime in a server of its own: compiled by the real compiler, listed, updated together."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.processes import ServerProcess, command, eventually, running
from plugins.scripting import fake_runtime, script
from runtime.guests import Guest, keyring_text

CONFIGURATION = """\
[plugins]
directory = "plugins"
keyring = "publishers"
watchInterval = "100ms"
"""


def _shelve(server: ServerProcess, runtime: Guest) -> None:
    folder = server.plugins / "runtimes"
    folder.mkdir(exist_ok=True)
    part = server.folder / "part"
    part.write_bytes(runtime.artifact(kind="runtime"))
    part.replace(folder / "fake.wasm")


def test_scripts_follow_their_runtime(tmp_path: Path) -> None:
    """A new runtime in the folder is noticed, and all its plugins go over to it; the administration lists both."""
    prepared = ServerProcess(tmp_path)
    (prepared.publishers / "tests.toml").write_text(keyring_text())
    _shelve(prepared, fake_runtime())
    for name in ("a", "b"):
        (prepared.plugins / f"{name}.wasm").write_bytes(script(name))
    with running(tmp_path, CONFIGURATION) as server:
        assert {name: row["runtime"] for name, row in server.rows().items()} == {"a": "fake 0.1.0", "b": "fake 0.1.0"}
        _shelve(server, fake_runtime("0.1.1"))
        eventually(lambda: {row["runtime"] for row in server.rows().values()} == {"fake 0.1.1"}, "both have gone over")
        (row,) = server.administer("GET", "/admin/runtimes").json
        assert (row["version"], row["state"], row["plugins"]) == ("0.1.1", "in use", ["a", "b"])
        listed = command("plugins", "runtimes", "--json", "--data", str(server.data), cwd=tmp_path)
        assert json.loads(listed.stdout)[0]["language"] == "Fake 1.0"
        assert server.administer("POST", "/admin/reload").status == 200
