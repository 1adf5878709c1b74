"""The contract for a compiler: the files of WIT that some interfaces need, and the world of one plugin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .errors import ToolchainError

__all__ = ["contract", "uncommented"]

_COMMENT = re.compile(r"[ \t]*//[^\n]*")
_INTERFACE = re.compile(r"^\s*interface\s+([a-z0-9-]+)", re.MULTILINE)
_USE = re.compile(r"^\s*use\s+([a-z0-9-]+)\.", re.MULTILINE)


def contract(files: Iterable[Path], interfaces: Iterable[str]) -> dict[str, str]:
    """File name to text of those of the contract's files that declare `interfaces` and what they use, without comments.

    Comments are left out because no tool has a use for them, and a better sentence must not make a new artifact.

    Raises `ToolchainError` for an interface that no file declares.
    """
    texts = {path.name: uncommented(path.read_text(encoding="utf-8")) for path in sorted(files)}
    home = {interface: name for name, text in texts.items() for interface in _INTERFACE.findall(text)}
    found: dict[str, str] = {}
    wanted = list(interfaces)
    while wanted:
        interface = wanted.pop()
        if interface not in home:
            raise ToolchainError(f"the contract in wit/ has no interface `{interface}`, which the manifest names")
        name = home[interface]
        if name not in found:
            found[name] = texts[name]
            wanted += _USE.findall(texts[name])
    return dict(sorted(found.items()))


def uncommented(text: str) -> str:
    """WIT without comments and empty lines. WIT has no text literals, so `//` always starts a comment."""
    return "".join(f"{line}\n" for line in _COMMENT.sub("", text).splitlines() if line.strip())
