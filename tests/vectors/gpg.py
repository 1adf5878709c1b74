"""Real gpg in a home of its own."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from vectors.packages import install

__all__ = ["ALGORITHMS", "Gpg"]

ALGORITHMS: dict[str, tuple[str, str]] = {
    "rsa": ("rsa2048", "rsa2048"),
    "dsa": ("dsa2048", "elg2048"),
    "ed25519": ("ed25519", "cv25519"),
    "nistp256": ("nistp256", "nistp256"),
    "nistp384": ("nistp384", "nistp384"),
    "nistp521": ("nistp521", "nistp521"),
    "brainpool": ("brainpoolP256r1", "brainpoolP256r1"),
    "brainpool512": ("brainpoolP512r1", "brainpoolP512r1"),
    "secp256k1": ("secp256k1", "secp256k1"),
}
"""The common algorithms as (primary key, encryption subkey) in gpg's words."""


class Gpg:
    """A context manager. The home is a short path, because gpg's agent listens on a socket in it."""

    def __init__(self) -> None:
        install("gnupg", Path("/usr/bin/gpg"))
        self._folder = tempfile.TemporaryDirectory(prefix="gpg", dir="/tmp")
        self.home = Path(self._folder.name)

    def __enter__(self) -> Gpg:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=True, capture_output=True)
        self._folder.cleanup()

    def run(self, *arguments: str, data: bytes = b"") -> bytes:
        """What gpg writes; an error of gpg's is an error of the test's."""
        base = ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", "--quiet", "--trust-model", "always"]
        done = subprocess.run(
            [*base, "--pinentry-mode", "loopback", "--passphrase", "", *arguments], input=data, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def generate(self, user_id: str, algorithm: str = "ed25519", *, expires: str = "never") -> str:
        """A primary key with an encryption subkey; its fingerprint in lower case."""
        primary, subkey = ALGORITHMS[algorithm]
        self.run("--quick-generate-key", user_id, primary, "cert,sign", expires)
        fingerprint = self.fingerprint(user_id)
        self.run("--quick-add-key", fingerprint, subkey, "encr", expires)
        return fingerprint

    def fingerprint(self, user_id: str) -> str:
        """Of the primary key that has this user id."""
        lines = self.run("--with-colons", "--list-keys", user_id).decode().splitlines()
        return next(line.split(":")[9].lower() for line in lines if line.startswith("fpr:"))

    def export(self, *names: str, armored: bool = False) -> bytes:
        """Public keys."""
        return self.run("--export", *(["--armor"] if armored else []), *names)

    def colons(self, name: str) -> list[list[str]]:
        """The listing of a key in gpg's format for programs, split into fields."""
        return [line.split(":") for line in self.run("--with-colons", "--list-keys", name).decode().splitlines()]

    def import_(self, data: bytes) -> None:
        """Takes public keys."""
        self.run("--import", data=data)
