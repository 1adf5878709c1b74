"""The plugin contract, read from the `.wit` files themselves: which functions there are, and their exact types.

A component that names an interface of the contract must import and export it with the contract's types; anything else
is refused before it runs.

Theory of operation. `wit/` is the contract that this host speaks; `wit/released/VERSION/` holds what was released,
frozen file by file. A newer version only adds (`compatibility` says what that means), so a guest that was built against
an older one runs: it is compared with that version's own types, and the host's functions can do what those say.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from wasmpuck.runtime.wit import Interface, Package, WitError, read_package, read_wit

__all__ = [
    "CONTRACT_VERSION",
    "PACKAGE",
    "Interface",
    "WitError",
    "contract_of",
    "load_contract",
    "read_folder",
    "read_wit",
    "released_contract",
    "released_versions",
    "spelled",
    "wit_folder",
]

PACKAGE: Final = "wasmpuck:plugin"

Version = tuple[int, int, int]

#: The newest version of the contract that this host speaks.
CONTRACT_VERSION: Final[Version] = (0, 1, 0)

_VERSION: Final = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


def wit_folder() -> Path:
    """The folder of the contract: inside the package in a wheel, `wit/` in a checkout."""
    bundled = Path(__file__).resolve().parents[1] / "wit"
    return bundled if bundled.is_dir() else Path(__file__).resolve().parents[3] / "wit"


def spelled(version: Version) -> str:
    """`0.1.0`."""
    return ".".join(map(str, version))


def read_folder(folder: Path) -> Package:
    """One version of the contract, from the `.wit` files of a folder.

    Raises:
        WitError: with the file's name and the line.
        OSError: the folder cannot be read.
    """
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.wit")}
    # What is used by others comes first; the contract has no longer chains of use, and only `worlds.wit` includes.
    order = sorted(texts, key=lambda name: (re.search(r"^\s*use ", texts[name], re.MULTILINE) is not None, name))
    return read_package({name: texts[name] for name in order})


def released_versions(folder: Path | None = None) -> list[Version]:
    """The versions that were released, ascending."""
    found = [_VERSION.fullmatch(path.name) for path in ((folder or wit_folder()) / "released").glob("*")]
    return sorted((int(each[1]), int(each[2]), int(each[3])) for each in found if each is not None)


@lru_cache(maxsize=1)
def load_contract() -> dict[str, Interface]:
    """The contract that this host speaks: its interfaces by name."""
    return dict(read_folder(wit_folder()).interfaces)


@lru_cache(maxsize=16)
def released_contract(version: Version) -> dict[str, Interface]:
    """The interfaces of a released version."""
    return dict(read_folder(wit_folder() / "released" / spelled(version)).interfaces)


def contract_of(version: str) -> dict[str, Interface] | None:
    """The interfaces of a version as a component names it (`0.1.0`): the present one or a released one with the same
    major number. `None` if this host does not speak it.
    """
    found = _VERSION.fullmatch(version)
    wanted = (int(found[1]), int(found[2]), int(found[3])) if found is not None else None
    if wanted == CONTRACT_VERSION:
        return load_contract()
    if wanted is None or wanted[0] != CONTRACT_VERSION[0] or wanted not in released_versions():
        return None
    return released_contract(wanted)
