"""The few calls of wasmtime's C API that the `wasmtime` package binds but does not wrap, as plain integers.

Why not the package's own layer: it has no asynchronous calls, builds type objects on every call, and lets a
`BaseException` cross the C boundary (docs/adr/0001). Everything here is checked at import: symbols, structure sizes and
the version, so that an incompatible wheel fails with advice and not with a segmentation fault.

Pointers are plain `int`. Every function keeps the interpreter lock: calls take microseconds, or one fuel slice, and
giving the lock away would cost more than the call and let another thread stall the event loop.
Prototypes are set on function objects of our own (`dll["name"]`), so the package's prototypes stay as they are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char_p, c_int64, c_size_t, c_uint32, c_uint64, c_void_p, sizeof
from importlib.metadata import version as distribution_version
from typing import Any, Final

from wasmtime import _ffi as ffi

__all__ = ["TESTED_VERSIONS", "error_text", "new_error"]

#: Versions of the `wasmtime` distribution that the contract suite passed on.
TESTED_VERSIONS: Final = ("50.0.1",)

_ADVICE = "install the version that the project pins: pip install 'wasmtime>=50.0.1,<51'"


def _check_version() -> None:
    installed = distribution_version("wasmtime")
    major = installed.split(".", 1)[0]
    if major != TESTED_VERSIONS[-1].split(".", 1)[0]:
        raise ImportError(f"wasmtime {installed} was not tested with this program; {_ADVICE}")


def _check_layout() -> None:
    expected = {
        "wasmtime_component_val_t": 32,
        "wasmtime_component_valrecord_entry_t": 48,
        "wasmtime_component_valvariant": 24,
        "wasmtime_component_func_t": 32,
        "wasmtime_component_instance_t": 16,
        "wasmtime_async_continuation_t": 24,
    }
    for name, size in expected.items():
        structure = getattr(ffi, name, None)
        if structure is None:
            raise ImportError(f"wasmtime has no structure {name}; {_ADVICE}")
        found = sizeof(structure)
        if found > size if name.endswith(("func_t", "instance_t")) else found != size:
            raise ImportError(f"the structure {name} has {found} bytes instead of {size}; {_ADVICE}")


_check_version()
_check_layout()

_library_quick = ctypes.PyDLL(ffi.dll._name, handle=ffi.dll._handle)


def _bind(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    try:
        function = library[name]
    except AttributeError:
        raise ImportError(f"wasmtime's library does not export {name}; {_ADVICE}") from None
    function.restype = result
    function.argtypes = list(arguments)
    return function


def _quick(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return _bind(_library_quick, name, result, *arguments)


_pointer = c_void_p

# --- calls ---------------------------------------------------------------------------------------

func_call_async = _quick(
    "wasmtime_component_func_call_async",
    _pointer,
    _pointer,  # function
    _pointer,  # context
    _pointer,  # arguments
    c_size_t,
    _pointer,  # results
    c_size_t,
    _pointer,  # error, written on failure
)
instantiate_async = _quick(
    "wasmtime_component_linker_instantiate_async",
    _pointer,
    _pointer,  # linker
    _pointer,  # context
    _pointer,  # component
    _pointer,  # instance, written on success
    _pointer,  # error, written on failure
)
future_poll = _quick("wasmtime_call_future_poll", c_bool, _pointer)
future_delete = _quick("wasmtime_call_future_delete", None, _pointer)

get_export_index = _quick("wasmtime_component_get_export_index", _pointer, _pointer, _pointer, c_char_p, c_size_t)
export_index_delete = _quick("wasmtime_component_export_index_delete", None, _pointer)
instance_get_func = _quick("wasmtime_component_instance_get_func", c_bool, _pointer, _pointer, _pointer, _pointer)

# --- stores ----------------------------------------------------------------------------------------

store_new = _quick("wasmtime_store_new", _pointer, _pointer, _pointer, _pointer)  # engine, data, finalizer
store_context = _quick("wasmtime_store_context", _pointer, _pointer)
store_delete = _quick("wasmtime_store_delete", None, _pointer)
#: (store, bytes of each memory, elements of each table, instances, tables, memories)
store_limiter = _quick("wasmtime_store_limiter", None, _pointer, c_int64, c_int64, c_int64, c_int64, c_int64)

# --- budget --------------------------------------------------------------------------------------

set_fuel = _quick("wasmtime_context_set_fuel", _pointer, _pointer, c_uint64)
get_fuel = _quick("wasmtime_context_get_fuel", _pointer, _pointer, POINTER(c_uint64))
fuel_yield_interval = _quick("wasmtime_context_fuel_async_yield_interval", _pointer, _pointer, c_uint64)

# --- values --------------------------------------------------------------------------------------

val_clone = _quick("wasmtime_component_val_clone", None, _pointer, _pointer)
val_delete = _quick("wasmtime_component_val_delete", None, _pointer)

# --- resources -----------------------------------------------------------------------------------

resource_type_new_host = _quick("wasmtime_component_resource_type_new_host", _pointer, c_uint32)
resource_type_delete = _quick("wasmtime_component_resource_type_delete", None, _pointer)
resource_host_new = _quick("wasmtime_component_resource_host_new", _pointer, c_bool, c_uint32, c_uint32)
resource_host_rep = _quick("wasmtime_component_resource_host_rep", c_uint32, _pointer)
resource_host_type = _quick("wasmtime_component_resource_host_type", c_uint32, _pointer)
resource_host_delete = _quick("wasmtime_component_resource_host_delete", None, _pointer)
#: context, resource, where the other form is written → error or 0
resource_host_to_any = _quick(
    "wasmtime_component_resource_host_to_any", _pointer, _pointer, _pointer, POINTER(c_void_p)
)
resource_any_to_host = _quick(
    "wasmtime_component_resource_any_to_host", _pointer, _pointer, _pointer, POINTER(c_void_p)
)
resource_any_delete = _quick("wasmtime_component_resource_any_delete", None, _pointer)

# --- errors --------------------------------------------------------------------------------------

_error_new = _quick("wasmtime_error_new", _pointer, c_char_p)
_error_message = _quick("wasmtime_error_message", None, _pointer, _pointer)
_error_delete = _quick("wasmtime_error_delete", None, _pointer)
_byte_vec_delete = _quick("wasm_byte_vec_delete", None, _pointer)

# --- host functions ------------------------------------------------------------------------------

#: (data, context, type, arguments, count, results, count) → error or 0
SyncCallback = CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t)
#: the same, then (error out, continuation out)
AsyncCallback = CFUNCTYPE(
    None, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_void_p
)
ContinuationCallback = CFUNCTYPE(c_bool, c_void_p)
Finalizer = CFUNCTYPE(None, c_void_p)
#: (data, context, representation) → error or 0
Destructor = CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_uint32)


class Continuation(ctypes.Structure):
    """`wasmtime_async_continuation_t`: polled until the callback says true, then finalized."""

    _fields_ = (("callback", ContinuationCallback), ("env", c_void_p), ("finalizer", Finalizer))


add_func = _quick(
    "wasmtime_component_linker_instance_add_func",
    _pointer,
    _pointer,
    c_char_p,
    c_size_t,
    SyncCallback,
    _pointer,
    _pointer,
)
add_func_async = _quick(
    "wasmtime_component_linker_instance_add_func_async",
    _pointer,
    _pointer,
    c_char_p,
    c_size_t,
    AsyncCallback,
    _pointer,
    _pointer,
)

add_resource = _quick(
    "wasmtime_component_linker_instance_add_resource",
    _pointer,
    _pointer,
    c_char_p,
    c_size_t,
    _pointer,
    Destructor,
    _pointer,
    _pointer,
)

# --- configuration that the package's Config does not offer ------------------------------------------

config_component_async = _quick("wasmtime_config_wasm_component_model_async_set", None, _pointer, c_bool)
config_async_stack_size = _quick("wasmtime_config_async_stack_size_set", None, _pointer, c_size_t)


class _ByteVec(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("data", c_void_p))


def address(pointer: Any) -> int:
    """The address that one of the package's typed pointers holds."""
    return ctypes.cast(pointer, c_void_p).value or 0


def new_error(message: str) -> int:
    """A C error object; ownership passes to whoever it is handed to."""
    return int(_error_new(message.replace("\0", "�").encode("utf-8", "replace")))


def error_text(error: int) -> str:
    """The text of a C error object, which is deleted."""
    vector = _ByteVec()
    where = ctypes.addressof(vector)
    _error_message(error, where)
    try:
        if not vector.data:
            return ""
        return ctypes.string_at(vector.data, vector.size).decode("utf-8", "replace")
    finally:
        _byte_vec_delete(where)
        _error_delete(error)
