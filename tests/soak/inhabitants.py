"""Who lives on the soaked server: honest plugins that must miss nothing, and the whole zoo beside them."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.processes import PLUGINS, PUBLISHERS, ServerProcess
from wasmpuck.demo import CERTIFICATES
from zoo import burners, flooders, liars, quitters
from zoo.guest import Guest
from zoo.keeper import artifact, trust
from zoo.registry import INHABITANTS, Inhabitant
from zoo.witness import witness

__all__ = ["BADLY_NAMED", "HONEST", "LIMITS", "admit", "clockwork", "configuration", "in_service", "refused"]

WINGS = (burners, flooders, liars, quitters)

HONEST = ("admission-policy", "clockwork", "ratelimit-window", "witness")
"""One of each kind: admission (Python), tasks, a middleware that is asked (Rust), one that also sees the answer."""

LIMITS = (500_000, 1_000_000)
"""The limits between which the rate limiter's configurations alternate: an answer shows which one judged it."""

BADLY_NAMED = "spam.example"
"""The domain whose certificates the admission policy refuses."""

_TICK = 1000  # milliseconds

_HEAD = """\
[http]
connectionsPerClient = 0

[server]
profile = "demonstration"

[storage]
seed = ["{certificates}"]

[plugins]
directory = "plugins"
keyring = "publishers"
loadTimeout = "2m"
watchInterval = "0s"
drainTimeout = "20s"
healthInterval = "2s"

[plugins.security]
allowDemonstrationKeys = true
maxCPUPercent = 5

[plugins.ratelimit-window]
grants = ["clock", "log", "metrics", "storage", "tasks"]
failure = "closed"
limits = {{ deadline = "30s", queueWait = "30s", queue = 1000 }}
config.window = 3600
config.limits = {{ {limits} }}

[plugins.admission-policy]
grants = ["clock", "log", "metrics"]
failure = "closed"
limits = {{ deadline = "30s", queueWait = "30s", queue = 1000, fuel = 1_000_000_000, instances = 2 }}
config.maxUserIds = {user_ids}
config.domains = {{ deny = ["{bad}"] }}

[plugins.witness]
grants = ["storage"]
failure = "closed"
limits = {{ deadline = "30s", queueWait = "30s", queue = 1000 }}
config.edition = {edition}

[plugins.clockwork]
grants = ["tasks", "metrics"]
failure = "closed"
limits = {{ deadline = "30s", queueWait = "30s", queue = 1000, leastTaskInterval = "100ms" }}
"""


def clockwork() -> Guest:
    """An honest guest that is called every second by its task and counts that in `wasmpuck_plugin_clockwork_ticks`."""
    guest = Guest("clockwork", imports=("tasks", "metrics"), tasks=True, metrics=(("ticks", 0, ()),), paths=("/none",))
    image = guest.image
    name, size = image.text("tick")
    ticks, length = image.text("ticks")
    result = image.words(0, 0, 0, 0)
    fine = f"(i32.const {image.words(0, 0, 0, 0)})"
    guest.bodies["lifecycle.start"] = f"""
      (call $tasks.schedule (i32.const {name}) (i32.const {size}) (i32.const 0) (i64.const {_TICK})
        (i32.const {result}))
      {fine}"""
    guest.bodies["task-handler.run"] = f"""
      (call $metrics.add (i32.const {ticks}) (i32.const {length}) (i32.const 0) (i32.const 0) (f64.const 1)
        (i32.const {result}))
      {fine}"""
    return guest


def in_service() -> list[Inhabitant]:
    """The guests of the zoo that show what they are only when they serve."""
    return [each for each in INHABITANTS.values() if each.refused is None]


def refused() -> list[Inhabitant]:
    """Those that are never loaded."""
    return [each for each in INHABITANTS.values() if each.refused is not None]


def _build(inhabitant: Inhabitant) -> Guest:
    guest = inhabitant.build()
    if inhabitant.name == "kept-refusal":  # it may judge only what nobody else asks for, or it would judge everything
        guest.paths = ("/pks/stats",)
    return guest


def admit(server: ServerProcess) -> None:
    """Puts all artifacts and the keyring into the server's folders."""
    for name in ("ratelimit-window", "admission-policy"):
        (server.plugins / f"{name}.wasm").write_bytes((PLUGINS / f"{name}.wasm").read_bytes())
    (server.plugins / "runtimes").mkdir(exist_ok=True)
    (server.plugins / "runtimes" / "python.wasm").write_bytes((PLUGINS / "runtimes" / "python.wasm").read_bytes())
    for guest in (witness(), clockwork()):
        (server.plugins / f"{guest.name}.wasm").write_bytes(artifact(guest))
    for each in INHABITANTS.values():
        (server.plugins / f"{each.name}.wasm").write_bytes(artifact(_build(each), **each.manifest))
    trust(server.publishers)
    for path in Path(PUBLISHERS).glob("*.toml"):
        (server.publishers / path.name).write_bytes(path.read_bytes())


def _table(inhabitant: Inhabitant) -> str:
    guest = inhabitant.build()
    granted = list(guest.imports if inhabitant.grants is None else inhabitant.grants)
    return f"""\
[plugins.{inhabitant.name}]
grants = {json.dumps(granted)}
failure = "open"
breaker = {{ longest = "20s" }}
limits = {{ {inhabitant.limits} }}
"""


def configuration(limit: int = LIMITS[0], user_ids: int = 50, edition: int = 0) -> str:
    """The server's TOML. Honest plugins fail closed, so that a single failed call of theirs shows as a lost request."""
    limits = ", ".join(f"{operation} = {limit}" for operation in ("get", "index", "vindex", "add", "stats", "default"))
    head = _HEAD.format(certificates=CERTIFICATES, limits=limits, user_ids=user_ids, edition=edition, bad=BADLY_NAMED)
    return "\n".join([head, *(_table(each) for each in INHABITANTS.values())])
