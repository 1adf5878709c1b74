"""Files that the author's kit brings along: inside the package in a wheel, elsewhere in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from wasmpuck.runtime.contract import wit_folder

__all__ = ["LANGUAGES", "sdk_folder", "templates_folder", "wit_files"]

_KIT: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = _KIT.parents[2]

LANGUAGES: Final = ("rust", "python", "js")
"""The languages that there is an SDK for, as they are named on the command line."""


def sdk_folder(language: str) -> Path:
    """The SDK of a language: what a project in it is checked and tested against."""
    bundled = _KIT / "sdk" / language
    return bundled if bundled.is_dir() else _CHECKOUT / "plugins-src" / "sdk" / language


def templates_folder(language: str) -> Path:
    """The templates of new plugins in a language: a folder for each type."""
    return _KIT / "templates" / language


def wit_files() -> list[Path]:
    """The files of the contract."""
    return sorted(wit_folder().glob("*.wit"))
