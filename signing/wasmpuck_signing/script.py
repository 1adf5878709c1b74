"""A script: the texts that a plugin of kind `script` consists of, beside its manifest.

It is canonical JSON in the custom section `wasmpuck-script` of an otherwise empty component:
`{"entry":PATH,"files":{PATH:TEXT,…}}`. A language runtime of the server executes it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import fields, strictjson, wasm
from .errors import BadScript

__all__ = ["MAX_BYTES", "MAX_FILES", "SECTION_NAME", "Script"]

SECTION_NAME = "wasmpuck-script"
"""The custom section that holds the script."""

MAX_FILES = 200
"""The most files of a script."""

MAX_BYTES = 2 * 1024 * 1024
"""The most bytes (UTF-8) of all its texts together."""

MAX_PATH = 200

# Text of control characters alone takes six bytes of JSON for each; the rest is for paths and punctuation.
_MAX_SECTION = 6 * MAX_BYTES + MAX_FILES * (MAX_PATH + 16)
_PART = re.compile(r"[A-Za-z0-9._-]+")
_HINT = "Pack the artifact again with `hockeypuck-plugin build`."


@dataclass(frozen=True, slots=True)
class Script:
    """What is executed first (`entry`, one of the paths) and all `files`, texts by path. Raises `BadScript` for a path
    or text that breaks a rule.

    A path is relative, its parts are joined by `/` and consist of `A-Z a-z 0-9 . _ -`; none is `.` or `..`.
    """

    entry: str
    files: Mapping[str, str] = field(hash=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.files, Mapping) or not self.files:
            raise BadScript("has to be a table of at least one file", key="files")
        if len(self.files) > MAX_FILES:
            raise BadScript(f"has {len(self.files)} files; at most {MAX_FILES} are allowed", key="files")
        folders: set[str] = set()
        for path in self.files:
            _check_path(path)
            parts = path.split("/")
            folders.update("/".join(parts[:count]) for count in range(1, len(parts)))
        both = sorted(folders.intersection(self.files))
        if both:
            raise BadScript("is a file and a folder at the same time", key=f"files.{both[0]}")
        total = sum(_size(path, text) for path, text in self.files.items())
        if total > MAX_BYTES:
            raise BadScript(f"the files have {total} bytes; at most {MAX_BYTES} are allowed", key="files")
        if not isinstance(self.entry, str) or self.entry not in self.files:
            raise BadScript(f"has to be one of the files, not {fields.shown(str(self.entry))}", key="entry")
        object.__setattr__(self, "files", dict(sorted(self.files.items())))

    @property
    def digest(self) -> str:
        """The digest of the sources that the manifest names: `sha256:` and 64 hexadecimal digits."""
        return f"sha256:{hashlib.sha256(self.to_bytes()).hexdigest()}"

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return strictjson.canonical({"entry": self.entry, "files": dict(self.files)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Script:
        """The inverse of `to_bytes`. Raises `BadScript` for anything that `to_bytes` does not write."""
        table = strictjson.parse_object(data, what="the script", max_bytes=_MAX_SECTION, error=BadScript)
        if set(table) != {"entry", "files"}:
            raise BadScript(f"the script has the entries {', '.join(map(fields.shown, sorted(table)))}", _HINT)
        script = cls(**table)  # type: ignore[arg-type]  # `__post_init__` checks both
        if script.to_bytes() != data:
            raise BadScript("the script is not in its canonical form", _HINT)
        return script

    @classmethod
    def of(cls, artifact: bytes) -> Script:
        """The script in an artifact; it proves nothing about who wrote it. Raises `BadScript`, or as `wasm.sections`
        does.
        """
        found = wasm.custom_sections(artifact, SECTION_NAME)
        if len(found) != 1:
            raise BadScript(f"the artifact has {len(found)} scripts (section {SECTION_NAME}); one is needed", _HINT)
        return cls.from_bytes(found[0])


def _check_path(path: object) -> None:
    if not isinstance(path, str):
        raise BadScript("a path has to be a text", key="files")
    key = f"files.{fields.shown(path)}"
    if len(path) > MAX_PATH:
        raise BadScript(f"the path has {len(path)} characters; at most {MAX_PATH} are allowed", key=key)
    for part in path.split("/"):
        if not _PART.fullmatch(part) or part in (".", ".."):
            raise BadScript(
                "is not a relative path", "Write it like rules/names.py: A-Z a-z 0-9 . _ - in each part.", key=key
            )


def _size(path: str, text: object) -> int:
    if not isinstance(text, str):
        raise BadScript("has to be a text", key=f"files.{path}")
    try:
        return len(text.encode())
    except UnicodeEncodeError as problem:
        raise BadScript(f"is not UTF-8 (character {problem.start})", key=f"files.{path}") from None
