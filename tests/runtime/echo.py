"""A component that gives back what it is passed, for any type: by our call path and by the stock one."""

from __future__ import annotations

from typing import Any, Final

import wasmtime
from wasmtime import component as stock

from runtime.abi import TypeText
from runtime.guests import BUMP, engine
from wasmpuck.runtime import capi
from wasmpuck.runtime.export import Export
from wasmpuck.runtime.host import HostFunction
from wasmpuck.runtime.instance import Instance
from wasmpuck.runtime.limits import CallBudget, StoreLimits
from wasmpuck.runtime.marshal import packer, unpacker
from wasmpuck.runtime.values import (
    Case,
    Enum,
    Err,
    Flags,
    Function,
    List,
    Ok,
    Option,
    Primitive,
    Record,
    Result,
    Some,
    Tuple,
    Type,
    Variant,
    function_type,
    identifier,
    record_class,
)

__all__ = ["Ambiguous", "Echo"]

_PAD: Final = Tuple((Primitive("u32"),) * 17)
_PADDING: Final = tuple(range(17))


class Ambiguous(ValueError):
    """The stock layer would choose another case by the value's Python type."""


def _text(kind: Type) -> str:
    """Seventeen numbers more make the canonical ABI pass and return everything by address, so `same` needs no code."""
    types = TypeText(imported=True)
    pair = types.of(Tuple((kind, _PAD)))
    signature = f'(param "v" {types.of(kind)}) (param "pad" {types.of(_PAD)}) (result {pair})'
    aliases = " ".join(f'(alias export $host "{name}" (type ${name}))' for name in types.names)
    canonical = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'
    lift = "".join(
        f'(func ${name} {signature} (canon lift (core func $main "{name}") {canonical} '
        '(post-return (core func $main "after"))))\n'
        for name in ("same", "through")
    )
    return f"""(component
      (import "test:host/echo" (instance $host
        {" ".join(types.declarations)} (export "echo" (func {signature}))))
      {aliases}
      (core module $libc (memory (export "memory") 1) {BUMP.format(heap=32_768)})
      (core instance $libc (instantiate $libc))
      (core func $echo (canon lower (func $host "echo") {canonical}))
      (core module $main
        (import "host" "echo" (func $echo (param i32 i32)))
        (import "libc" "reset" (func $reset))
        (func (export "same") (param i32) (result i32) local.get 0)
        (func (export "through") (param i32) (result i32) local.get 0 i32.const 1024 call $echo i32.const 1024)
        (func (export "after") (param i32) call $reset))
      (core instance $main (instantiate $main
        (with "host" (instance (export "echo" (func $echo)))) (with "libc" (instance $libc))))
      {lift}
      (instance $exported (export "same" (func $same)) (export "through" (func $through)))
      (export "test:guest/echo" (instance $exported)))"""


class Echo:
    """The component for one type. `seen` is what our host function was passed last. Close it."""

    def __init__(self, kind: Type) -> None:
        self.kind = kind
        self.seen: Any = None
        self._component = stock.Component(engine().stock, bytes(wasmtime.wat2wasm(_text(kind))))
        imported = next(iter(self._component.type.imports(engine().stock).values())).ty
        assert isinstance(imported, stock.ComponentInstanceType)
        self._stock_type: Any = next(iter(imported.exports(engine().stock).values())).ty
        for extern in imported.exports(engine().stock).values():
            if isinstance(extern.ty, stock.FuncType):
                self._stock_type = extern.ty
        self.function: Function = function_type(self._stock_type)
        self._ours: Instance | None = None

    # --- ours ------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Makes an instance on our side; needs a running loop."""
        self._linker = stock.Linker(engine().stock)
        self._host = HostFunction(engine().arena, "echo.echo", self.function, self._note)
        with self._linker.root() as root, root.add_instance("test:host/echo") as instance:
            self._host.define(capi.address(instance.ptr()), "echo")
        self._instance = Instance(engine(), StoreLimits(), 2)
        address = capi.address(self._component.ptr())
        outer = capi.get_export_index(address, None, b"test:guest/echo", len(b"test:guest/echo"))
        self._indices = [outer]
        self.exports: dict[str, Export] = {}
        for name in ("same", "through"):
            index = capi.get_export_index(address, outer, name.encode(), len(name))
            self._indices.append(index)
            self.exports[name] = Export(
                name,
                len(self.exports),
                index,
                packer(engine().arena, self.function, name),
                unpacker(self.function),
                returns=True,
            )
        await self._instance.instantiate(capi.address(self._linker.ptr()), address, CallBudget())
        self._ours = self._instance

    def _note(self, value: Any, pad: Any) -> Any:
        self.seen = value
        return value, pad

    async def ours(self, name: str, value: Any) -> Any:
        """The value back through our call path: by `same` alone, or `through` the host as well."""
        assert self._ours is not None
        back, pad = await self._ours.call(self.exports[name], (value, _PADDING), CallBudget())
        assert pad == _PADDING
        return back

    # --- stock -----------------------------------------------------------------------------------

    def stock(self, name: str, value: Any) -> Any:
        """The same through the stock layer, by values of its own kind.

        Raises:
            Ambiguous: the stock layer cannot pass this value.
        """
        valtype = self._stock_type.params[0][1]
        with wasmtime.Store(engine().stock) as store, stock.Linker(engine().stock) as linker:
            store.set_fuel(10**9)
            with linker.root() as root, root.add_instance("test:host/echo") as host:
                host.add_func("echo", lambda _, v, pad: (v, pad))
            instance = linker.instantiate(store, self._component)
            place = instance.get_export_index(store, "test:guest/echo")
            function = instance.get_func(store, instance.get_export_index(store, name, place))
            assert function is not None
            back, pad = function(store, _to_stock(valtype, self.kind, value), _PADDING)
            assert pad == _PADDING
            return _from_stock(valtype, self.kind, back)

    def close(self) -> None:
        """Gives everything back."""
        if self._ours is not None:
            self._ours.close()
            self._linker.close()
            self._host.close()
            for index in self._indices:
                capi.export_index_delete(index)
        self._component.close()


def _tagged(valtype: Any, tag: str, payload: Any) -> Any:
    if valtype._tagged():
        return stock.Variant(tag, payload)
    for name, kind in valtype._cases():
        classes: set[type] = set()
        if kind is not None:
            kind.add_classes(classes)
        if payload is None if kind is None else isinstance(payload, tuple(classes)):
            if name != tag:
                raise Ambiguous(tag)
            break
    return payload


def _payloads(valtype: Any) -> dict[str, Any]:
    return dict(valtype._cases())


def _to_stock(valtype: Any, kind: Type, value: Any) -> Any:
    match kind:
        case Primitive() | Enum() | List(Primitive("u8")):
            return value
        case Flags():
            return set(value)
        case List(element):
            return [_to_stock(valtype.element, element, item) for item in value]
        case Tuple(elements):
            return tuple(map(_to_stock, valtype.elements, elements, value))
        case Record(fields):
            record = stock.Record()
            for (name, field), (_, inner) in zip(fields, valtype.fields, strict=True):
                setattr(record, name, _to_stock(inner, field, getattr(value, identifier(name))))
            return record
    tag, payload, inner = _chosen(kind, value)
    return _tagged(valtype, tag, _to_stock(_payloads(valtype)[tag], inner, payload) if inner is not None else None)


def _chosen(kind: Type, value: Any) -> tuple[str, Any, Type | None]:
    """The case's name as the stock layer calls it, what it carries, and the type of that."""
    match kind:
        case Variant(cases):
            return value.tag, value.value, dict(cases)[value.tag]
        case Option(element):
            if value is None:
                return "none", None, None
            return "some", value.value if isinstance(element, Option) else value, element
        case Result(ok, err):
            return ("ok", value.value, ok) if type(value) is Ok else ("err", value.value, err)
    raise AssertionError(kind)


def _from_stock(valtype: Any, kind: Type, value: Any) -> Any:
    match kind:
        case Primitive() | Enum() | List(Primitive("u8")):
            return value
        case Flags():
            return frozenset(value)
        case List(element):
            return [_from_stock(valtype.element, element, item) for item in value]
        case Tuple(elements):
            return tuple(map(_from_stock, valtype.elements, elements, value))
        case Record(fields):
            parts = [
                _from_stock(inner, field, getattr(value, name))
                for (name, field), (_, inner) in zip(fields, valtype.fields, strict=True)
            ]
            return record_class(tuple(name for name, _ in fields))(*parts)
    tag, payload = _untagged(valtype, value)
    inner_kind = _kind_of(kind, tag)
    inner = _from_stock(_payloads(valtype)[tag], inner_kind, payload) if inner_kind is not None else None
    match kind:
        case Option(element):
            return None if tag == "none" else Some(inner) if isinstance(element, Option) else inner
        case Result():
            return Ok(inner) if tag == "ok" else Err(inner)
    return Case(tag, inner)


def _untagged(valtype: Any, value: Any) -> tuple[str, Any]:
    """The case of a value that came back: `Ambiguous` was raised before for those that cannot be told apart."""
    if valtype._tagged():
        return value.tag, value.payload
    for name, kind in valtype._cases():
        classes: set[type] = set()
        if kind is not None:
            kind.add_classes(classes)
        if value is None if kind is None else type(value) in classes or (object in classes and value is None):
            return name, value
    raise Ambiguous(repr(value))


def _kind_of(kind: Type, tag: str) -> Type | None:
    match kind:
        case Variant(cases):
            return dict(cases)[tag]
        case Option(element):
            return element if tag == "some" else None
        case Result(ok, err):
            return ok if tag == "ok" else err
    raise AssertionError(kind)
