"""Files that the author's kit brings along: inside the package in a wheel, elsewhere in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from wasmpuck.runtime.contract import wit_folder

__all__ = [
    "LANGUAGES",
    "checkout",
    "pins_file",
    "runtime_folder",
    "sdk_folder",
    "templates_folder",
    "wit_files",
]

_KIT: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = _KIT.parents[2]

LANGUAGES: Final = ("rust", "python", "js")
"""The languages that there is an SDK for, as they are named on the command line."""


def sdk_folder(language: str) -> Path:
    """The SDK of a language: what a project in it is checked and tested against."""
    bundled = _KIT / "sdk" / language
    return bundled if bundled.is_dir() else _CHECKOUT / "plugins-src" / "sdk" / language


def runtime_folder(name: str) -> Path:
    """The sources of a language runtime: what a script becomes a component with."""
    bundled = _KIT / "runtimes" / name
    return bundled if bundled.is_dir() else _CHECKOUT / "plugins-src" / "runtimes" / name


def pins_file() -> Path:
    """The file that says which versions of tools are used."""
    bundled = _KIT / "toolchain.pins"
    return bundled if bundled.is_file() else _CHECKOUT / "plugins-src" / "toolchain.pins"


def checkout() -> Path | None:
    """The checkout that this package lies in; `None` for an installed one."""
    return _CHECKOUT if (_CHECKOUT / "plugins-src").is_dir() else None


def templates_folder(language: str) -> Path:
    """The templates of new plugins in a language: a folder for each type."""
    return _KIT / "templates" / language


def wit_files() -> list[Path]:
    """The files of the contract."""
    return sorted(wit_folder().glob("*.wit"))
