"""A language runtime as WebAssembly text, and scripts in its language.

A script is one file. Its first letter says what it does: `F` cannot be executed, `T` traps while it is, `M` implements
`task-handler` as well, `C` too and calls `clock.now` in it, `V` says what its settings are by not accepting them;
anything else is fine and does nothing.
"""

from __future__ import annotations

from typing import Any, Final

from runtime.abi import Image, zero
from runtime.guests import KEY, Body, Guest
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case
from wasmpuck_signing import Manifest, NeededRuntime, Script, Version, pack_script

__all__ = ["IMPORTS", "NEEDED", "fake_runtime", "script"]

IMPORTS: Final = {"clock": ["now"], "log": ["write"]}
NEEDED: Final = NeededRuntime("fake", Version(0, 1, 0), "sha256:" + "0" * 64)

_WORLDS: Final = ("lifecycle", "script", "task-handler")
#: Where the name and the version of the script are kept, between the constants and the heap.
_NAME: Final = 30_000
_VERSION: Final = 30_100

_GLOBALS: Final = """
    (global $does (mut i32) (i32.const 0))
    (global $name (mut i32) (i32.const 0))
    (global $version (mut i32) (i32.const 0))
"""


def _result(label: str) -> Any:
    interface, _, name = label.partition(".")
    return load_contract()[interface].functions[name].result


def _load(refused: str) -> Body:
    """Takes the program: name, version, description, entry, files and imports, each as pointer and size."""

    def body(image: Image) -> str:
        kind = _result("script.load")
        problem = {
            "path": "",
            "line": 3,
            "column": 7,
            "message": "SyntaxError: no such word",
            "trace": "Traceback:\n  plugin.txt, line 3",
        }
        failed = image.value(kind, Case("failed", problem))
        plain = image.value(kind, Case("loaded", ["lifecycle"]))
        more = image.value(kind, Case("loaded", ["lifecycle", "task-handler"]))
        fails = " ".join(f"(i32.eq (global.get $does) (i32.const {ord(letter)})) i32.or" for letter in f"F{refused}")
        return f"""
            (memory.copy (i32.const {_NAME}) (local.get 0) (local.get 1)) (global.set $name (local.get 1))
            (memory.copy (i32.const {_VERSION}) (local.get 2) (local.get 3)) (global.set $version (local.get 3))
            (global.set $does (i32.load8_u (i32.load (i32.add (local.get 8) (i32.const 8)))))
            (if (i32.eq (global.get $does) (i32.const {ord("T")})) (then unreachable))
            i32.const 0 {fails}
            (if (then
              (i32.store (i32.const {failed + 4}) (local.get 6)) (i32.store (i32.const {failed + 8}) (local.get 7))
              (return (i32.const {failed}))))
            (select (i32.const {more}) (i32.const {plain}) (i32.or
              (i32.eq (global.get $does) (i32.const {ord("M")})) (i32.eq (global.get $does) (i32.const {ord("C")}))))"""

    return body


def _describe(image: Image) -> str:
    where = image.value(_result("lifecycle.describe"), zero(_result("lifecycle.describe")))
    return f"""
        (i32.store (i32.const {where}) (i32.const {_NAME})) (i32.store (i32.const {where + 4}) (global.get $name))
        (i32.store (i32.const {where + 8}) (i32.const {_VERSION}))
        (i32.store (i32.const {where + 12}) (global.get $version))
        i32.const {where}"""


def _validate(image: Image) -> str:
    kind = _result("lifecycle.validate-config")
    fine, wrong = image.value(kind, []), image.value(kind, [{"path": "all", "message": ""}])
    item = int.from_bytes(image.data[wrong - 1024 : wrong - 1020], "little")
    return f"""
        (i32.store (i32.const {item + 8}) (local.get 0)) (i32.store (i32.const {item + 12}) (local.get 1))
        (select (i32.const {wrong}) (i32.const {fine}) (i32.eq (global.get $does) (i32.const {ord("V")})))"""


def _run(image: Image) -> str:
    done = image.value(_result("task-handler.run"), zero(_result("task-handler.run")))
    return f"""
        (if (i32.eq (global.get $does) (i32.const {ord("C")})) (then (drop (call $clock.now))))
        i32.const {done}"""


def fake_runtime(version: str = "0.1.0", *, refused: str = "", name: str = "fake") -> Guest:
    """A runtime. Scripts that begin with one of the letters `refused` cannot be executed by it."""
    return Guest(
        name=name,
        version=version,
        worlds=_WORLDS,
        imports=IMPORTS,
        results={"script.language": "Fake 1.0"},
        bodies={
            "script.load": _load(refused),
            "lifecycle.describe": _describe,
            "lifecycle.validate-config": _validate,
            "task-handler.run": _run,
        },
        extra=_GLOBALS,
    )


def script(name: str, text: str = "nothing", **changes: Any) -> bytes:
    """The artifact of a script; `changes` of its manifest."""
    worlds = ("lifecycle", "task-handler") if text[0] in "MC" else ("lifecycle",)
    entries: dict[str, Any] = {
        "name": name,
        "version": "1.0.0",
        "description": "A script of the tests",
        "license": "Apache-2.0",
        "kind": "script",
        "worlds": worlds,
        "runtime": NEEDED,
    }
    entries |= changes
    entries["version"] = Version.parse(entries["version"])
    return pack_script(Script("plugin.txt", {"plugin.txt": text}), Manifest(**entries), KEY)
