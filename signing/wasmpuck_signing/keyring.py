"""The keyring: a folder of `*.toml` files, each naming one publisher, one key and what that key may publish.

format = 1
publisher = "Example plugins"
key = "wasmpuck-ed25519 <base64> release key"
plugins = ["ratelimit-*", "admission-policy"]     # `*` stands for any letters, digits and -
not-after = 2027-12-31                            # optional: the key's own end; a date or a time with its zone
demonstration = true                              # optional: the private half is known to others
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from . import fields
from .errors import BadManifest, KeyringFault, SigningError
from .keys import PublicKey

__all__ = ["Keyring", "Publisher"]

_FORMAT = 1
_REQUIRED = ("format", "publisher", "key", "plugins")
_OPTIONAL = ("not-after", "demonstration")
_PATTERN = re.compile(r"[a-z0-9*][a-z0-9*-]{0,62}")
_MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who may sign what: a display name, a key, name patterns, the key's own end (UTC) and the file that says so."""

    name: str
    key: PublicKey
    plugins: tuple[str, ...]
    not_after: datetime | None = None
    demonstration: bool = False
    file: str = ""

    def may_publish(self, plugin: str) -> bool:
        """Whether one of the patterns covers the name `plugin`."""
        return any(fnmatch.fnmatchcase(plugin, pattern) for pattern in self.plugins)

    @classmethod
    def from_toml(cls, text: str, file: str = "") -> Publisher:
        """Reads one keyring file; `file` is for messages. Raises `KeyringFault`."""
        try:
            return cls._from_toml(text, file)
        except (ValueError, RecursionError) as problem:
            raise KeyringFault(f"{file}: not TOML: {problem}", "Mend the file or remove it from the keyring.") from None
        except SigningError as problem:
            raise KeyringFault(f"{file}: {problem.message}", problem.hint) from None

    @classmethod
    def _from_toml(cls, text: str, file: str) -> Publisher:
        table = tomllib.loads(text)
        fields.check_keys(table, _REQUIRED + _OPTIONAL, required=_REQUIRED)
        if type(table["format"]) is not int or table["format"] != _FORMAT:
            raise BadManifest(f"has to be {_FORMAT}", "A newer server may read this file.", key="format")
        patterns = table["plugins"]
        if not isinstance(patterns, list) or not patterns:
            raise BadManifest(
                "has to list at least one name or pattern", 'Write plugins = ["*"] for all.', key="plugins"
            )
        demonstration = table.get("demonstration", False)
        if not isinstance(demonstration, bool):
            raise BadManifest("has to be true or false", key="demonstration")
        key = PublicKey.from_line(fields.check_text("key", table["key"], 500))
        return cls(
            name=fields.check_text("publisher", table["publisher"], 200),
            key=key,
            plugins=tuple(fields.check_pattern("plugins", one, _PATTERN, 63, "ratelimit-*") for one in patterns),
            not_after=fields.check_instant("not-after", fields.instant_from_toml(table.get("not-after"))),
            demonstration=demonstration or key.is_demonstration,
            file=file,
        )


@dataclass(frozen=True, slots=True)
class Keyring:
    """The publishers that are trusted, and what kept other files of the folder from being read."""

    publishers: tuple[Publisher, ...] = ()
    problems: tuple[KeyringFault, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> Keyring:
        """Reads every `*.toml` in `folder`, by name. A file that cannot be used becomes one of `problems`; the others
        still count.

        A key may occur once: a second file with it is a problem. Raises `KeyringFault` when the folder cannot be
        listed.
        """
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
        except OSError as problem:
            raise KeyringFault(
                f"{folder}: {problem.strerror or problem}",
                "Make the folder and put a file for each trusted publisher into it.",
            ) from None
        return cls._collect(paths)

    @classmethod
    def _collect(cls, paths: Iterable[Path]) -> Keyring:
        publishers: dict[bytes, Publisher] = {}
        problems: list[KeyringFault] = []
        for path in paths:
            try:
                publisher = Publisher.from_toml(_read(path), str(path))
                first = publishers.setdefault(publisher.key.raw, publisher)
                if first is not publisher:
                    raise KeyringFault(
                        f"{path}: its key is already that of {first.file}", "Remove one of the two files."
                    )
            except KeyringFault as problem:
                problems.append(problem)
        return cls(tuple(publishers.values()), tuple(problems))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise KeyringFault(f"{path}: larger than {_MAX_BYTES} bytes", "A keyring file holds one publisher.")
        return data.decode()
    except OSError as problem:
        raise KeyringFault(f"{path}: {problem.strerror or problem}", "Make the file readable for the server.") from None
    except UnicodeDecodeError:
        raise KeyringFault(f"{path}: not UTF-8", "Save the file as UTF-8.") from None
