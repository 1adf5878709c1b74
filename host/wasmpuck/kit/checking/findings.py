"""Findings and their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["CODES", "Finding", "Level"]

Level = Literal["error", "warning", "note"]

CODES: Final[dict[str, tuple[Level, str]]] = {
    "P001": ("error", "the manifest does not hold"),
    "P002": ("error", "it cannot be built, or no server would load it"),
    "P003": ("warning", "it does not come into service with its default settings"),
    "P101": ("error", "an import is used that the manifest does not ask for"),
    "P102": ("warning", "the manifest asks for an import that is not used"),
    "P112": ("warning", "a world and the import that it goes with are not both there"),
    "P201": ("warning", "it is large"),
    "P202": ("error", "it is larger than servers take"),
    "P301": ("error", "the schema of its settings is none"),
    "P302": ("warning", "a setting has no description"),
    "P303": ("error", "a default does not fit the schema"),
    "P304": ("warning", "settings that it does not know are not refused"),
    "P401": ("error", "this server does not speak its version of the contract"),
    "P402": ("warning", "the language runtime is not there, or not the one that it was built with"),
    "P403": ("error", "two files name different versions"),
    "P501": ("warning", "it asks for more than servers give by default"),
    "P502": ("warning", "it asks for no limits of its own"),
    "P503": ("warning", "preparing it takes more than half of what it may"),
    "P504": ("note", "what preparing it takes"),
    "P601": ("warning", "the licence is no SPDX expression of known identifiers"),
    "P602": ("warning", "the description is no sentence"),
    "P603": ("error", "it has expired"),
    "P604": ("warning", "it expires soon"),
    "P701": ("warning", "there are no tests"),
    "P702": ("warning", "there is no README.md"),
}
"""Number to level and meaning."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found: its number, what it is in this case, and what to do about it."""

    code: str
    message: str
    hint: str = ""

    @property
    def level(self) -> Level:
        """`error`, `warning` or `note`."""
        return CODES[self.code][0]
