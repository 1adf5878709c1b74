"""Capabilities and the WIT text say the same."""

from __future__ import annotations

import inspect
import re
from itertools import accumulate
from pathlib import Path

import pytest

from runtime.capabilities.stand import Surroundings
from wasmpuck.config import GRANTS
from wasmpuck.runtime.capabilities import CAPABILITIES, grant
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.resources import implementation

WIT = Path(__file__).resolve().parents[3] / "wit"


def functions_in_text(interface: str) -> set[str]:
    """Function names of an interface, by a regular expression and not by the host's own reader."""
    text = "".join(re.sub(r"///?[^\n]*", "", path.read_text()) for path in WIT.glob("*.wit"))
    body = text.partition(f"interface {interface} {{")[2]
    depths = list(accumulate(((letter == "{") - (letter == "}") for letter in body), initial=1))
    end = next(place for place, depth in enumerate(depths) if not depth)
    # Functions of resources stand a brace deeper.
    return {
        found[1] for found in re.finditer(r"([a-z][a-z0-9-]*)\s*:\s*func\b", body[:end]) if depths[found.start()] == 1
    }


def test_there_is_a_capability_for_each_import() -> None:
    """What the worlds import, what can be configured as a grant and what is implemented are the same names."""
    imported = set(re.findall(r"import ([a-z-]+);", (WIT / "worlds.wit").read_text()))
    assert set(CAPABILITIES) == set(GRANTS) == imported


@pytest.mark.parametrize("interface", CAPABILITIES)
def test_each_function_is_there(interface: str) -> None:
    """A capability has exactly the functions of its WIT file, as methods with as many parameters."""
    capability = grant([interface], Surroundings().context())[interface]
    assert set(capability.functions) == functions_in_text(interface)
    for name, kind in load_contract()[interface].functions.items():
        method = implementation(capability, name)
        assert method is not None, name
        assert len(inspect.signature(method).parameters) == len(kind.parameters)


def test_nothing_is_granted_that_was_not_asked_for() -> None:
    """A plugin gets the capabilities that are named, and no others."""
    assert set(grant(["log", "clock"], Surroundings().context())) == {"log", "clock"}
    assert grant([], Surroundings().context()) == {}
