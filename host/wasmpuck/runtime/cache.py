"""Compiled code on disk, believed only with the server's own MAC.

Serialized code is native code: whoever can write it can run anything. So each file carries an HMAC-SHA-256 under a
key that lies outside the cache folder, over the artifact's digest, the engine's fingerprint and the processor's
features besides the code. What was checked is what is mapped: the file is read once into a sealed memory file, the
MAC is computed over that, and that is handed to wasmtime.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import logging
import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["CodeCache", "SealedCode"]

_log = logging.getLogger(__name__)
_MAC_SIZE: Final = 32
_MAGIC: Final = b"wasmpuck-code-1\n"


class SealedCode:
    """Serialized code in an anonymous file that nobody can change any more. `path` can be opened while this lives."""

    def __init__(self, code: memoryview | bytes) -> None:
        self._descriptor = os.memfd_create("wasmpuck-code", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            view = memoryview(code)
            while view:
                view = view[os.write(self._descriptor, view) :]
            fcntl.fcntl(
                self._descriptor,
                fcntl.F_ADD_SEALS,
                fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL,
            )
        except BaseException:
            os.close(self._descriptor)
            raise
        self.path = f"/proc/self/fd/{self._descriptor}"

    def close(self) -> None:
        """Closes the file; code that is mapped stays mapped."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _processor() -> bytes:
    """What the code generator may have looked at: the processor's feature flags."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return hashlib.sha256(line.encode()).digest()
    return hashlib.sha256(os.uname().machine.encode()).digest()


class CodeCache:
    """A folder of compiled code.

    Args:
        folder: where the files lie; made with mode 0700.
        key_file: the MAC key, 32 bytes, made with mode 0600 if absent; must not lie in `folder`.
        fingerprint: of the engine.
        max_bytes: when the folder holds more, the files used longest ago are removed.
    """

    def __init__(self, folder: Path, key_file: Path, fingerprint: str, *, max_bytes: int = 1 << 30) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._binding = hashlib.sha256(fingerprint.encode() + _processor()).digest()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = self._load_key(key_file)

    @staticmethod
    def _load_key(path: Path) -> bytes:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) == _MAC_SIZE:
            return key
        key = secrets.token_bytes(_MAC_SIZE)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        Path(name).replace(path)
        return key

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest[:32]}-{self._binding.hex()[:16]}.code"

    def _mac(self, digest: str, code: memoryview | bytes) -> bytes:
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        mac.update(_MAGIC + self._binding + bytes.fromhex(digest) + len(code).to_bytes(8, "big"))
        mac.update(code)
        return mac.digest()

    def load(self, digest: str) -> SealedCode | None:
        """The code compiled from the artifact with this SHA-256, or `None`: absent, damaged or not ours (logged)."""
        path = self._path(digest)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("compiled code %s cannot be read and is compiled anew: %s", path.name, error)
            return None
        with os.fdopen(descriptor, "rb") as file:
            data = memoryview(file.read())
        head = len(_MAGIC) + _MAC_SIZE
        code = data[head:]
        if bytes(data[: len(_MAGIC)]) != _MAGIC or not hmac.compare_digest(
            data[len(_MAGIC) : head], self._mac(digest, code)
        ):
            _log.warning(
                "compiled code %s is damaged or was not written by this server: it is compiled anew", path.name
            )
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return SealedCode(code)

    def store(self, digest: str, code: bytes) -> SealedCode:
        """Keeps the code; a full disk is logged and costs only the next start's time."""
        try:
            descriptor, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_MAGIC + self._mac(digest, code))
                    file.write(code)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self._path(digest))
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            self._evict()
        except OSError as error:
            _log.warning("compiled code cannot be kept in %s: %s", self.folder, error)
        return SealedCode(code)

    def _evict(self) -> None:
        files = sorted(
            ((entry.stat(), entry) for entry in self.folder.glob("*.code")), key=lambda pair: pair[0].st_mtime
        )
        total = sum(status.st_size for status, _ in files)
        for status, entry in files[:-1]:
            if total <= self.max_bytes:
                break
            entry.unlink(missing_ok=True)
            total -= status.st_size
