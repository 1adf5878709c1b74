"""The JavaScript SDK's picture of the contract, its types for editors, and the contract itself say the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Borrow, Enum, List, Option, Own, Primitive, Record, Result, Tuple, Type, Variant

SDK = Path(__file__).resolve().parents[2] / "plugins-src" / "sdk" / "js"

IMPORTS = (
    "clock", "events", "files", "http-client", "key-admin", "keys", "log", "messaging", "metrics", "random",
    "responder", "secrets", "settings", "shared", "storage", "tasks",
)  # fmt: skip
EXPORTS = (
    "admission", "event-handler", "formatter", "handover", "lifecycle", "middleware", "routes", "services",
    "task-handler",
)  # fmt: skip


def written(kind: Type | None) -> str | None:
    """A type as WIT writes it, names of types resolved."""
    match kind:
        case None:
            return None
        case Primitive(name):
            return name
        case List(element):
            return f"list<{written(element)}>"
        case Option(element):
            return f"option<{written(element)}>"
        case Tuple(elements):
            return f"tuple<{', '.join(str(written(element)) for element in elements)}>"
        case Record(fields):
            return f"record {{ {', '.join(f'{name}: {written(field)}' for name, field in fields)} }}"
        case Enum(names):
            return f"enum {{ {', '.join(names)} }}"
        case Variant(cases):
            shown = (name if payload is None else f"{name}({written(payload)})" for name, payload in cases)
            return f"variant {{ {', '.join(shown)} }}"
        case Own(resource) | Borrow(resource):
            return resource.name
    raise AssertionError(kind)


def camel(name: str) -> str:
    return re.sub("-(.)", lambda match: match[1].upper(), name)


def test_the_tables_of_types_are_the_contract() -> None:
    """Every parameter of an import and every result of an export has the type that `wit/` gives it."""
    node = shutil.which("node")
    assert node is not None, "the tests need Node.js"
    program = (
        f"import {{ imports, exports }} from {json.dumps((SDK / 'lib' / 'contract.js').as_uri())};"
        "const seen = (key, value) => typeof value === 'function' ? value.wit : value;"
        "console.log(JSON.stringify([imports, exports], seen));"
    )
    done = subprocess.run([node, "--input-type=module", "-e", program], capture_output=True, text=True, check=True)
    imports, exports = json.loads(done.stdout)
    contract = load_contract()
    wanted: dict[str, Any] = {}
    for interface in IMPORTS:
        wanted[interface] = {}
        for name, function in contract[interface].functions.items():
            method = name.startswith("[method]")
            parameters = function.parameters[1:] if method else function.parameters
            wanted[interface][name.removeprefix("[method]")] = [written(kind) for _, kind in parameters]
    assert imports == wanted
    results: dict[str, Any] = {}
    for interface in EXPORTS:
        results[interface] = {}
        for name, function in contract[interface].functions.items():
            result = function.result
            shown = [written(result.ok), written(result.err)] if isinstance(result, Result) else written(result)
            results[interface][name] = shown
    assert exports == results


def test_the_types_for_editors_are_complete() -> None:
    """`index.d.ts` has every field, case and function of the contract in its spelling."""
    text = (SDK / "index.d.ts").read_text()
    words = set(re.findall(r"[A-Za-z][\w-]*", text))
    contract = load_contract()
    missing: set[str] = set()

    def need(kind: Type | None) -> None:
        match kind:
            case List(element) | Option(element):
                need(element)
            case Tuple(elements):
                for element in elements:
                    need(element)
            case Record(fields):
                missing.update(camel(name) for name, _ in fields if camel(name) not in words)
                for _, field in fields:
                    need(field)
            case Enum(names):
                missing.update(name for name in names if name not in words)
            case Variant(cases):
                missing.update(name for name, _ in cases if name not in words and camel(name) not in words)
                for _, payload in cases:
                    need(payload)
            case Result(good, bad):
                need(good)
                need(bad)
            case _:
                pass

    for interface in (*IMPORTS, *EXPORTS):
        for name, function in contract[interface].functions.items():
            plain = camel(name.partition(".")[2] or name)
            if interface in IMPORTS and interface not in ("log", "settings") and plain not in words:
                missing.add(f"{interface}.{name}")
            for _, kind in function.parameters:
                need(kind)
            need(function.result)
    # JavaScript has `null`, booleans and exceptions in their place, and one `write` for text and bytes.
    otherwise = {"found", "missing", "failed", "data", "end", "swapped", "changed", "done", "configuration"}
    assert missing - otherwise == {"responder.[method]outgoing.write-bytes"}
