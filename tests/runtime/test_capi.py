"""The C API's names, sizes and errors, checked before they are relied on."""

from __future__ import annotations

import ctypes
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from wasmtime import _ffi as ffi

from wasmpuck.runtime import capi

ADVICE = "install the version that the project pins"


@pytest.mark.parametrize("other", ["49.0.0", "51.0.1", "5.0.0", "500.0.1"])
def test_another_major_version_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """A wheel that nobody tested is an error of import that says which one to install."""
    monkeypatch.setattr(capi, "distribution_version", lambda name: other)
    with pytest.raises(ImportError, match=f"wasmtime {other} was not tested.*{ADVICE}"):
        capi._check_version()


def test_the_installed_version_was_tested() -> None:
    """The versions that are said to have been tested include the one that these tests run on."""
    assert version("wasmtime") in capi.TESTED_VERSIONS
    capi._check_version()


def test_a_missing_symbol_is_refused_with_advice() -> None:
    """A library without one of the functions is an error of import."""
    with pytest.raises(ImportError, match=f"does not export wasmtime_no_such_thing; {ADVICE}"):
        capi._quick("wasmtime_no_such_thing", None)


@pytest.mark.parametrize(
    "name",
    ["wasmtime_component_val_t", "wasmtime_component_valrecord_entry_t", "wasmtime_component_func_t"],
)
def test_another_layout_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A structure of another size, or none of this name, is an error of import."""

    class Larger(ctypes.Structure):
        _fields_ = (("words", ctypes.c_uint64 * 20),)

    changed: Any = SimpleNamespace(**vars(ffi))
    setattr(changed, name, Larger)
    monkeypatch.setattr(capi, "ffi", changed)
    with pytest.raises(ImportError, match=f"the structure {name} has 160 bytes.*{ADVICE}"):
        capi._check_layout()
    delattr(changed, name)
    with pytest.raises(ImportError, match=f"no structure {name}; {ADVICE}"):
        capi._check_layout()


@pytest.mark.parametrize(
    ("message", "text"), [("plain", "plain"), ("é\U0001f600", "é\U0001f600"), ("a\0b", "a\ufffdb"), ("", "")]
)
def test_errors_cross_as_text(message: str, text: str) -> None:
    """An error made for the library and read back says the same, also with a NUL in it."""
    assert capi.error_text(capi.new_error(message)) == text


def test_the_package_s_own_prototypes_stay_as_they_are() -> None:
    """Binding a function anew does not change how the `wasmtime` package calls it."""
    before = ffi.dll.wasmtime_context_get_fuel.argtypes
    capi._quick("wasmtime_context_get_fuel", None)
    assert ffi.dll.wasmtime_context_get_fuel.argtypes is before
