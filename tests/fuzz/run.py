"""The fuzzer: `just fuzz [SECONDS]`. Needs atheris (not a dependency of the project); coverage guides it.

python -m fuzz.run CORPUS [libFuzzer's options]
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped]  # only the recipe installs it

with atheris.instrument_imports(include=["wasmpuck.openpgp"]):
    from fuzz.target import check


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
