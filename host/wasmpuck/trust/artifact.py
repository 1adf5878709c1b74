"""A file that claims to be a plugin, as a name and the bytes that were read once."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck_signing import DEFAULT_MAX_BYTES

__all__ = ["DEFAULT_MAX_BYTES", "Artifact"]

SUFFIX = ".wasm"

# A link must not lead elsewhere, and a FIFO must not block the server.
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Artifact:
    """Bytes that nobody has vouched for yet, under the file name (or upload name) that they came with."""

    name: str
    data: bytes = field(repr=False)

    @property
    def stem(self) -> str:
        """The name without `.wasm`."""
        return self.name.removesuffix(SUFFIX)

    @classmethod
    def read(cls, path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Artifact:
        """Reads a regular file once, at most `max_bytes` and one more to notice a larger one.

        Everything later works on these bytes, so a file that changes meanwhile cannot put others in their place. Raises
        `ArtifactRefused` with `UNREADABLE` (missing, no permission, a symbolic link, a folder, a device) or
        `TOO_LARGE`.
        """
        try:
            descriptor = os.open(path, _OPEN_FLAGS)
            try:
                regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
                data = _read(descriptor, max_bytes + 1) if regular else b""
            finally:
                os.close(descriptor)
        except OSError as problem:
            raise _unreadable(path, problem) from None
        if not regular:
            raise ArtifactRefused(
                Refusal.UNREADABLE,
                f"{path.name} is not a regular file",
                hint="Put the plugin itself into the folder.",
            )
        if len(data) > max_bytes:
            raise ArtifactRefused(
                Refusal.TOO_LARGE,
                f"{path.name} has more than {max_bytes} bytes",
                hint="Build it smaller: without debug information, or as source on a shared language runtime.",
            )
        return cls(path.name, data)


def _read(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    missing = limit
    while missing and (part := os.read(descriptor, min(missing, 1 << 20))):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _unreadable(path: Path, problem: OSError) -> ArtifactRefused:
    if problem.errno == errno.ELOOP:
        return ArtifactRefused(
            Refusal.UNREADABLE,
            f"{path.name} is a symbolic link",
            hint="Put the file itself into the folder: what a link leads to can change unseen.",
        )
    return ArtifactRefused(
        Refusal.UNREADABLE,
        f"{path.name} cannot be read: {problem.strerror or problem}",
        hint="Check that the file is there and that the server may read it.",
    )
