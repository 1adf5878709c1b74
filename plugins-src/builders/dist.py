"""The published files: `plugins-dist/<name>.wasm`, `plugins-dist/runtimes/<name>.wasm` and
`plugins-dist/SHA256SUMS`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["Dist"]


class Dist:
    """The folder `plugins-dist/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def artifact(self, name: str) -> bytes | None:
        """The published artifact, or `None`."""
        path = self.folder / f"{name}.wasm"
        return path.read_bytes() if path.exists() else None

    def publish(self, name: str, artifact: bytes) -> bool:
        """Writes an artifact and its line in SHA256SUMS; false when it was there already."""
        changed = self.artifact(name) != artifact
        if changed:
            path = self.folder / f"{name}.wasm"
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.stem}.part")
            part.write_bytes(artifact)
            part.replace(path)
        digest = hashlib.sha256(artifact).hexdigest()
        if self.pinned().get(name) != digest:
            self._write_sums(self.pinned() | {name: digest})
        return changed

    def pinned(self) -> dict[str, str]:
        """Name to SHA-256 (hexadecimal), as `SHA256SUMS` has it in the form that sha256sum reads."""
        path = self.folder / "SHA256SUMS"
        lines = path.read_text().splitlines() if path.exists() else []
        return {file.removesuffix(".wasm"): digest for digest, _, file in (line.partition("  ") for line in lines)}

    def _write_sums(self, sums: dict[str, str]) -> None:
        text = "".join(f"{digest}  {name}.wasm\n" for name, digest in sorted(sums.items()))
        (self.folder / "SHA256SUMS").write_text(text)
