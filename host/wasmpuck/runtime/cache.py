"""Compiled code on disk, believed only with the server's own MAC.

Serialized code is native code: whoever can write it can run anything. So each file carries a MAC under a key that
lies outside the cache folder, over the artifact's digest, the engine's fingerprint and the processor's features
besides the code. What was checked is what is mapped: the file is copied once into a sealed memory file, the MAC is
computed over that, and that is handed to wasmtime.

The MAC is AES-256-GMAC (NIST SP 800-38D §3: GCM over associated data alone) with a random nonce a file: a Python
plugin has 37 MB of code, for which it takes 6 ms where HMAC-SHA-256 takes 50.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import mmap
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import AEADCipherContext, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

__all__ = ["CodeCache", "SealedCode"]

_log = logging.getLogger(__name__)
_KEY_SIZE: Final = 32
_NONCE_SIZE: Final = 12
_TAG_SIZE: Final = 16
_MAGIC: Final = b"wasmpuck-code-2\n"
_HEAD: Final = len(_MAGIC) + _NONCE_SIZE + _TAG_SIZE
#: Bytes that are authenticated at a time: other threads run in between.
_CHUNK: Final = 1 << 20
_BLOCK: Final = 1 << 30


class SealedCode:
    """Serialized code in an anonymous file that nobody can change any more. `path` can be opened while this lives."""

    def __init__(self, code: memoryview | bytes) -> None:
        self._descriptor = os.memfd_create("wasmpuck-code", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.path = f"/proc/self/fd/{self._descriptor}"
        try:
            view = memoryview(code)
            while view:
                view = view[os.write(self._descriptor, view) :]
            self._seal()
        except BaseException:
            self.close()
            raise

    @classmethod
    def copy(cls, source: int, start: int) -> SealedCode:
        """What stands in the file `source` (a descriptor) from the byte `start` on."""
        target = os.memfd_create("wasmpuck-code", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            while copied := os.sendfile(target, source, start, _BLOCK):
                start += copied
        except BaseException:
            os.close(target)
            raise
        return cls.adopt(target)

    @classmethod
    def adopt(cls, descriptor: int) -> SealedCode:
        """The content of a memory file that allows sealing; the descriptor belongs to the new object.

        Raises:
            OSError: somebody can still write to it through a mapping.
        """
        sealed = cls.__new__(cls)
        sealed._descriptor = descriptor
        sealed.path = f"/proc/self/fd/{descriptor}"
        try:
            sealed._seal()
        except BaseException:
            sealed.close()
            raise
        return sealed

    def write(self, target: int) -> None:
        """Appends the bytes to the file `target` (a descriptor)."""
        start = 0
        while copied := os.sendfile(target, self._descriptor, start, _BLOCK):
            start += copied

    def _seal(self) -> None:
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, seals)

    @contextlib.contextmanager
    def view(self) -> Iterator[memoryview]:
        """The bytes, mapped. Empty code cannot be mapped and is no code."""
        if os.fstat(self._descriptor).st_size == 0:
            yield memoryview(b"")
            return
        with mmap.mmap(self._descriptor, 0, mmap.MAP_SHARED, mmap.PROT_READ) as mapped, memoryview(mapped) as view:
            yield view

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
        if len(key) == _KEY_SIZE:
            return key
        key = secrets.token_bytes(_KEY_SIZE)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        Path(name).replace(path)
        return key

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest[:32]}-{self._binding.hex()[:16]}.code"

    def _authenticate(self, context: AEADCipherContext, digest: str, code: memoryview) -> None:
        """Feeds a MAC with what makes these bytes the code of this artifact, here."""
        context.authenticate_additional_data(_MAGIC + self._binding + bytes.fromhex(digest))
        for start in range(0, len(code), _CHUNK):
            context.authenticate_additional_data(code[start : start + _CHUNK])

    def load(self, digest: str) -> SealedCode | None:
        """The code compiled from the artifact with this SHA-256, or `None`: absent, damaged or not ours (logged)."""
        path = self._path(digest)
        try:
            # A pipe must not block, and what is no file must not be taken for one.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("compiled code %s cannot be read and is compiled anew: %s", path.name, error)
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                _log.warning("%s is not a regular file: remove it", path)
                return None
            head = os.pread(descriptor, _HEAD, 0)
            sealed = SealedCode.copy(descriptor, _HEAD)
        finally:
            os.close(descriptor)
        if not self._is_ours(digest, head, sealed):
            sealed.close()
            _log.warning(
                "compiled code %s is damaged or was not written by this server: it is compiled anew", path.name
            )
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return sealed

    def _is_ours(self, digest: str, head: bytes, sealed: SealedCode) -> bool:
        if len(head) != _HEAD or not head.startswith(_MAGIC):
            return False
        nonce, tag = head[len(_MAGIC) : -_TAG_SIZE], head[-_TAG_SIZE:]
        decryptor = Cipher(AES256(self._key), GCM(nonce, tag)).decryptor()
        with sealed.view() as code:
            self._authenticate(decryptor, digest, code)
        try:
            decryptor.finalize()
        except InvalidTag:
            return False
        return True

    def store(self, digest: str, code: bytes | SealedCode) -> SealedCode:
        """Keeps the code and returns it sealed; a full disk is logged and costs only the next start's time."""
        sealed = code if isinstance(code, SealedCode) else SealedCode(code)
        nonce = secrets.token_bytes(_NONCE_SIZE)
        encryptor = Cipher(AES256(self._key), GCM(nonce)).encryptor()
        with sealed.view() as view:
            self._authenticate(encryptor, digest, view)
        encryptor.finalize()
        try:
            descriptor, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_MAGIC + nonce + encryptor.tag)
                    file.flush()
                    sealed.write(file.fileno())
                    os.fsync(file.fileno())
                Path(name).replace(self._path(digest))
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            self._evict()
        except OSError as error:
            _log.warning("compiled code cannot be kept in %s: %s", self.folder, error)
        return sealed

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
