"""The Rust samples as components, built once in a run of tests."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

from sdk.stage import Subject
from wasmpuck.kit.toolchains import rust

__all__ = ["SAMPLES", "SOURCES", "TARGET", "component", "sample", "toolchain"]

SOURCES: Final = Path(__file__).resolve().parents[2] / "plugins-src"
SAMPLES: Final = SOURCES / "samples" / "rust"
TARGET: Final = SOURCES / "target"


@cache
def toolchain() -> rust.RustToolchain:
    """The compiler of this machine; `./do test` sees to it that there is one."""
    return rust.find()


@cache
def component(name: str) -> bytes:
    """A sample's component."""
    return rust.build(SAMPLES / name, toolchain(), TARGET)


def sample(name: str) -> Subject:
    """A sample with the imports of its manifest."""
    imports = tomllib.loads((SAMPLES / name / "plugin.toml").read_text())["plugin"]["imports"]
    return Subject(name, component(name), tuple(imports))
