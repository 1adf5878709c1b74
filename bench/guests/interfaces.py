"""The exported interfaces of a middleware plugin, as component text.

A component may export a function only if every record, enum and variant in its type has an exported name. The way to
give them names is a component around each interface that imports types and functions without and exports them with
names; toolchains do the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["INTERFACES", "Interface"]

_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of `wit/`: its named types in order of use, and the types of its functions.

    In a type, `$name` is a named type of the same interface.
    """

    name: str
    types: Mapping[str, str]
    functions: Mapping[str, str]

    def text(self) -> str:
        """The component text that lifts the functions of the core instance `$guest` and exports the interface."""
        lines = [f"(component ${self.name}-names"]
        lines += [
            f'(type $own-{n} {self._of(t, "")}) (import "type-{n}" (type ${n} (eq $own-{n})))'
            for n, t in self.types.items()
        ]
        lines += [f'(import "function-{n}" (func ${n} {self._of(t, "")}))' for n, t in self.functions.items()]
        lines += [
            f'(type $again-{n} {self._of(t, "named-")}) (export $named-{n} "{n}" (type $again-{n}))'
            for n, t in self.types.items()
        ]
        lines += [f'(export "{n}" (func ${n}) (func {self._of(t, "named-")}))' for n, t in self.functions.items()]
        lines.append(")")
        outer = f"{self.name}-"
        lines += [f"(type ${outer}{n} {self._of(t, outer)})" for n, t in self.types.items()]
        lines += [
            f'(func ${outer}{n} {self._of(t, outer)} (canon lift (core func $guest "{n}")'
            ' (memory (core memory $guest "memory")) (realloc (core func $guest "realloc"))))'
            for n, t in self.functions.items()
        ]
        lines.append(f"(instance ${self.name} (instantiate ${self.name}-names")
        lines += [f'(with "type-{n}" (type ${outer}{n}))' for n in self.types]
        lines += [f'(with "function-{n}" (func ${outer}{n}))' for n in self.functions]
        lines.append(f')) (export "wasmpuck:plugin/{self.name}@{_VERSION}" (instance ${self.name}))')
        return "\n".join("  " + line for line in lines) + "\n"

    def _of(self, kind: str, prefix: str) -> str:
        return kind.replace("$", f"${prefix}")


def _record(**fields: str) -> str:
    return "(record " + " ".join(f'(field "{name.replace("_", "-")}" {kind})' for name, kind in fields.items()) + ")"


def _enum(*names: str) -> str:
    return "(enum " + " ".join(f'"{name}"' for name in names) + ")"


def _variant(**cases: str) -> str:
    return "(variant " + " ".join(f'(case "{name.replace("_", "-")}" {kind})' for name, kind in cases.items()) + ")"


_HEADERS = "(list (tuple string string))"
_DONE = "(result (result (error $failure)))"

INTERFACES = (
    Interface(
        "lifecycle",
        {
            "kind": _enum("counter", "gauge", "histogram"),
            "declaration": _record(
                name="string", kind="$kind", help="string", labels="(list string)", buckets="(list f64)"
            ),
            "info": _record(name="string", version="string", description="string", metrics="(list $declaration)"),
            "problem": _record(path="string", message="string"),
            "failure": _variant(configuration="(list $problem)", unavailable="string", other="string"),
            "condition": _variant(healthy="", degraded="string", failing="string"),
            "reason": _enum("replaced", "disabled", "server-stopping"),
        },
        {
            "describe": "(result $info)",
            "validate-config": '(param "config" string) (result (list $problem))',
            "init": f'(param "config" string) {_DONE}',
            "start": _DONE,
            "health": "(result $condition)",
            "self-test": _DONE,
            "shutdown": '(param "reason" $reason)',
        },
    ),
    Interface(
        "middleware",
        {
            "scope": _record(
                priority="s32",
                paths="(list string)",
                headers="(list string)",
                wants_query="bool",
                wants_body="bool",
                wants_response="bool",
            ),
            "request": _record(
                client="string",
                operation="string",
                method="string",
                path="string",
                query=_HEADERS,
                headers=_HEADERS,
                body="(option string)",
            ),
            "response": _record(status="u16", headers=_HEADERS, body="string"),
            "reuse-scope": _enum("client", "client-operation", "everyone"),
            "reuse": _record(scope="$reuse-scope", requests="u32", milliseconds="u32"),
            "delay": _record(milliseconds="u32", headers=_HEADERS),
            "drip": _record(status="u16", headers=_HEADERS, body="string", rate="u32", milliseconds="u32"),
            "challenge": _record(bits="u32", valid="u32", text="string"),
            "verdict": _variant(
                next=_HEADERS, respond="$response", delay="$delay", drip="$drip", challenge="$challenge"
            ),
            "decision": _record(verdict="$verdict", reuse="(option $reuse)"),
            "answer": _record(status="u16", headers=_HEADERS, size="u32", duration="f64"),
            "amendment": _variant(keep="", set_headers=_HEADERS, replace="$response"),
        },
        {
            "describe-scope": "(result $scope)",
            "on-request": '(param "request" $request) (result $decision)',
            "on-response": '(param "request" $request) (param "answer" $answer) (result $amendment)',
        },
    ),
)
"""What a plugin of the world `middleware-plugin` exports."""
