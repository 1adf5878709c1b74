"""Taking foreign imports out of a component, with the parts that need no tool."""

from __future__ import annotations

import pytest
from wasmtime import Engine, Store, WasmtimeError, wat2wasm
from wasmtime.component import Component, Linker

from wasmpuck.kit.toolchains.errors import ToolchainError
from wasmpuck.kit.toolchains.stubs import without_foreign

# A shim as wit-component writes it, and a module that imports one function of the contract's and two foreign ones.
COMPONENT = """
(component
  (type $foreign (instance
    (export "thing" (type (sub resource)))
    (type $own (own 0))
    (type $make (func (result $own)))
    (export "make" (func (type $make)))
    (type $say (func (param "text" string)))
    (export "say" (func (type $say)))))
  (import "wasi:cli/made-up@0.2.0" (instance $wasi (type $foreign)))
  (type $clock (instance (type $now (func (result f64))) (export "now" (func (type $now)))))
  (import "wasmpuck:plugin/clock@0.1.0" (instance $clock (type $clock)))
  (core module $shim
    (type (func (param i32)))
    (table (export "$imports") 1 funcref)
    (func (export "0") (type 0) local.get 0 i32.const 0 call_indirect (type 0)))
  (core module $main
    (import "wasmpuck:plugin/clock@0.1.0" "now" (func $now (result f64)))
    (import "wasi:cli/made-up@0.2.0" "say" (func $say (param i32 i32)))
    (import "wasi:cli/made-up@0.2.0" "make" (func $make (result i32)))
    (import "wasi:cli/made-up@0.2.0" "[resource-drop]thing" (func $drop (param i32)))
    (memory (export "memory") 1)
    (func (export "time") (result f64) call $now)
    (func (export "speak") i32.const 0 i32.const 0 call $say call $make call $drop))
  (core module $memory (memory (export "memory") 1))
  (core instance $shim (instantiate $shim))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $bytes))
  (alias export $clock "now" (func $now))
  (core func $now-lowered (canon lower (func $now)))
  (alias export $wasi "say" (func $say))
  (core func $say-lowered (canon lower (func $say) (memory $bytes)))
  (alias export $wasi "make" (func $make))
  (core func $make-lowered (canon lower (func $make)))
  (alias export $wasi "thing" (type $thing))
  (core func $drop (canon resource.drop $thing))
  (core instance $time (export "now" (func $now-lowered)))
  (core instance $voice
    (export "say" (func $say-lowered)) (export "make" (func $make-lowered))
    (export "[resource-drop]thing" (func $drop)))
  (core instance $main (instantiate $main
    (with "wasmpuck:plugin/clock@0.1.0" (instance $time)) (with "wasi:cli/made-up@0.2.0" (instance $voice))))
  (alias core export $main "time" (core func $time-core))
  (alias core export $main "speak" (core func $speak-core))
  (func $lifted (result f64) (canon lift (core func $time-core)))
  (func $spoken (canon lift (core func $speak-core)))
  (export "time" (func $lifted))
  (export "speak" (func $spoken))
)
"""


def test_foreign_imports_are_gone_and_trap() -> None:
    """Only the contract is imported; a function of the contract still works, and a foreign one ends the call."""
    component = without_foreign(bytes(wat2wasm(COMPONENT)))
    engine = Engine()
    found = Component(engine, component)
    assert list(found.type.imports(engine)) == ["wasmpuck:plugin/clock@0.1.0"]
    linker = Linker(engine)
    with linker.root() as root, root.add_instance("wasmpuck:plugin/clock@0.1.0") as clock:
        clock.add_func("now", lambda _: 5.0)
    store = Store(engine)
    instance = linker.instantiate(store, found)
    time = instance.get_func(store, "time")
    speak = instance.get_func(store, "speak")
    assert time is not None
    assert speak is not None
    assert time(store) == 5.0
    with pytest.raises(WasmtimeError, match="unreachable"):
        speak(store)


def test_a_component_in_a_component_is_unwrapped() -> None:
    """What wraps the component proper is left out."""
    inner = bytes(wat2wasm(COMPONENT))
    size = len(inner)
    encoded = bytearray()
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    outer = inner[:8] + b"\x04" + bytes((*encoded, size)) + inner
    assert without_foreign(outer) == without_foreign(inner)


@pytest.mark.parametrize("data", [b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"])
def test_anything_else_is_refused(data: bytes) -> None:
    """A core module and an empty component are no output of the tool."""
    with pytest.raises(ToolchainError):
        without_foreign(data)
