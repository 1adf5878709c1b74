"""The contract of `wit/` as WebAssembly text: what a component has to spell out to import and export it.

Derived by hand from the WIT files and the canonical ABI (component model, CanonicalABI.md, "Flattening" and "Lifting
and lowering values"): strings and lists are two `i32`, more than one flat result goes through a pointer that the callee
returns (export) or gets (import), more than 16 flat parameters through one pointer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["EXPORTS", "IMPORTS", "TYPES", "Function", "Import"]


@dataclass(frozen=True, slots=True)
class Function:
    """`core`: the flattened type of the core function; `lifted`: the component type that it implements."""

    core: str
    lifted: str


@dataclass(frozen=True, slots=True)
class Import:
    """`types` and `functions`: the imported instance's type; `core`: flattened types by function name."""

    types: str
    functions: dict[str, str]
    core: dict[str, str]


_ERROR: Final = (
    '(type $error\' (variant (case "quota-exceeded") (case "too-large") (case "rate-limited") '
    '(case "wrong-type") (case "other" string))) (export "error" (type $error (eq $error\')))'
)

IMPORTS: Final[dict[str, Import]] = {
    "log": Import(
        """
        (type $level' (enum "trace" "debug" "info" "warn" "error" "critical"))
        (export "level" (type $level (eq $level')))
        """,
        {"write": '(param "level" $level) (param "message" string) (param "fields" (list (tuple string string)))'},
        {"write": "(param i32 i32 i32 i32 i32)"},
    ),
    "clock": Import(
        "",
        {"now": "(result float64)", "monotonic": "(result float64)"},
        {"now": "(result f64)", "monotonic": "(result f64)"},
    ),
    "random": Import(
        "",
        {"bytes": '(param "count" u32) (result (list u8))', "number": "(result u32)"},
        {"bytes": "(param i32 i32)", "number": "(result i32)"},
    ),
    "storage": Import(
        f"""
        {_ERROR}
        (type $text' (variant (case "found" string) (case "missing") (case "failed" $error)))
        (export "text-value" (type $text (eq $text')))
        (type $page' (record (field "keys" (list string)) (field "cursor" string)))
        (export "key-page" (type $page (eq $page')))
        """,
        {
            "get": '(param "key" string) (result $text)',
            "set": '(param "key" string) (param "value" string) (param "ttl" (option u32)) '
            "(result (result (error $error)))",
            "delete": '(param "key" string) (result (result (error $error)))',
            "list-keys": '(param "prefix" string) (param "cursor" string) (param "limit" u32) (result $page)',
            "increment": '(param "key" string) (param "delta" float64) (param "ttl" (option u32)) '
            "(result (result float64 (error $error)))",
        },
        {
            "get": "(param i32 i32 i32)",
            "set": "(param i32 i32 i32 i32 i32 i32 i32)",
            "delete": "(param i32 i32 i32)",
            "list-keys": "(param i32 i32 i32 i32 i32 i32)",
            "increment": "(param i32 i32 f64 i32 i32 i32)",
        },
    ),
    "metrics": Import(
        """
        (type $error' (variant (case "undeclared") (case "wrong-labels") (case "bad-value") (case "other" string)))
        (export "error" (type $error (eq $error')))
        """,
        {
            "add": '(param "name" string) (param "labels" (list string)) (param "value" float64) '
            "(result (result (error $error)))"
        },
        {"add": "(param i32 i32 i32 i32 f64 i32)"},
    ),
    "tasks": Import(
        """
        (type $timing' (variant (case "every" u32) (case "after" u32) (case "at" float64)))
        (export "timing" (type $timing (eq $timing')))
        (type $error' (variant (case "too-many") (case "too-often") (case "bad-name") (case "other" string)))
        (export "error" (type $error (eq $error')))
        """,
        {"schedule": '(param "name" string) (param "when" $timing) (result (result (error $error)))'},
        {"schedule": "(param i32 i32 i32 i64 i32)"},
    ),
}
"""What a guest of the zoo can import. An interface is imported with these functions, a part of the contract's."""

TYPES: Final[dict[str, dict[str, str]]] = {
    "lifecycle": {
        "kind": '(enum "counter" "gauge" "histogram")',
        "declaration": '(record (field "name" string) (field "kind" $kind) (field "help" string) '
        '(field "labels" (list string)) (field "buckets" (list float64)))',
        "info": '(record (field "name" string) (field "version" string) (field "description" string) '
        '(field "metrics" (list $declaration)))',
        "problem": '(record (field "path" string) (field "message" string))',
        "failure": '(variant (case "configuration" (list $problem)) (case "unavailable" string) (case "other" string))',
        "condition": '(variant (case "healthy") (case "degraded" string) (case "failing" string))',
        "reason": '(enum "replaced" "disabled" "server-stopping")',
    },
    "middleware": {
        "scope": '(record (field "priority" s32) (field "paths" (list string)) (field "headers" (list string)) '
        '(field "wants-query" bool) (field "wants-body" bool) (field "wants-response" bool))',
        "request": '(record (field "client" string) (field "operation" string) (field "method" string) '
        '(field "path" string) (field "query" (list (tuple string string))) '
        '(field "headers" (list (tuple string string))) (field "body" (option string)))',
        "response": '(record (field "status" u16) (field "headers" (list (tuple string string))) '
        '(field "body" string))',
        "reuse-scope": '(enum "client" "client-operation" "everyone")',
        "reuse": '(record (field "scope" $reuse-scope) (field "requests" u32) (field "milliseconds" u32))',
        "delay": '(record (field "milliseconds" u32) (field "headers" (list (tuple string string))))',
        "drip": '(record (field "status" u16) (field "headers" (list (tuple string string))) (field "body" string) '
        '(field "rate" u32) (field "milliseconds" u32))',
        "challenge": '(record (field "bits" u32) (field "valid" u32) (field "text" string))',
        "verdict": '(variant (case "next" (list (tuple string string))) (case "respond" $response) '
        '(case "delay" $delay) (case "drip" $drip) (case "challenge" $challenge))',
        "decision": '(record (field "verdict" $verdict) (field "reuse" (option $reuse)))',
        "answer": '(record (field "status" u16) (field "headers" (list (tuple string string))) (field "size" u32) '
        '(field "duration" float64))',
        "amendment": '(variant (case "keep") (case "set-headers" (list (tuple string string))) '
        '(case "replace" $response))',
    },
    "task-handler": {"outcome": '(variant (case "done") (case "failed" string))'},
}
"""The types of each exported interface, in an order in which each only mentions earlier ones."""

_REQUEST: Final = " ".join(
    [
        *(
            f"(param ${name} i32) (param ${name}-size i32)"
            for name in ("client", "operation", "method", "path", "query", "headers")
        ),
        "(param $has-body i32) (param $body i32) (param $body-size i32)",
    ]
)

EXPORTS: Final[dict[str, dict[str, Function]]] = {
    "lifecycle": {
        "describe": Function("(result i32)", "(result $info)"),
        "validate-config": Function(
            "(param $config i32) (param $config-size i32) (result i32)",
            '(param "config" string) (result (list $problem))',
        ),
        "init": Function(
            "(param $config i32) (param $config-size i32) (result i32)",
            '(param "config" string) (result (result (error $failure)))',
        ),
        "start": Function("(result i32)", "(result (result (error $failure)))"),
        "health": Function("(result i32)", "(result $condition)"),
        "self-test": Function("(result i32)", "(result (result (error $failure)))"),
        "shutdown": Function("(param $reason i32)", '(param "reason" $reason)'),
    },
    "middleware": {
        "describe-scope": Function("(result i32)", "(result $scope)"),
        "on-request": Function(f"{_REQUEST} (result i32)", '(param "request" $request) (result $decision)'),
        "on-response": Function(
            "(param $spilled i32) (result i32)",
            '(param "request" $request) (param "answer" $answer) (result $amendment)',
        ),
    },
    "task-handler": {
        "run": Function(
            "(param $name i32) (param $name-size i32) (result i32)", '(param "name" string) (result $outcome)'
        )
    },
}
"""The functions of each exported interface."""
