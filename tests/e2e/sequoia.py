"""Sequoia's `sq` as a keyserver client, with files in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["Sequoia"]


class Sequoia:
    """`sq` 0.27, which knows keyservers as `hkp://`; `keyserver` is the server's URL."""

    def __init__(self, folder: Path, keyserver: str) -> None:
        self.folder = folder
        self._keyserver = keyserver.replace("http://", "hkp://")

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Runs sq in the folder, whatever comes of it."""
        unwanted = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environment = {name: value for name, value in os.environ.items() if name.upper() not in unwanted}
        environment["HOME"] = str(self.folder)
        return subprocess.run(
            ["sq", "--force", *arguments], capture_output=True, cwd=self.folder, env=environment, timeout=120
        )

    def run(self, *arguments: str) -> bytes:
        """Runs sq and returns its standard output; RuntimeError with its messages when it fails."""
        done = self.attempt(*arguments)
        if done.returncode:
            raise RuntimeError(f"sq {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr.decode()}")
        return done.stdout

    def on_keyserver(self, *arguments: str) -> tuple[str, ...]:
        """The arguments of a keyserver command; `insecure` permits a server without TLS."""
        return "keyserver", "--policy", "insecure", "--server", self._keyserver, *arguments

    def generate(self, user_id: str) -> bytes:
        """A key in `key.pgp`; returns its certificate, which is in `cert.pgp` as well."""
        self.run("key", "generate", "--userid", user_id, "--export", "key.pgp", "--rev-cert", "revocation.pgp")
        self.run("key", "extract-cert", "key.pgp", "--binary", "--output", "cert.pgp")
        return (self.folder / "cert.pgp").read_bytes()

    def send(self, file: str) -> None:
        """Sends what is in a file."""
        self.run(*self.on_keyserver("send", file))

    def get(self, query: str) -> bytes:
        """What the keyserver has, in binary form. RuntimeError if it has nothing."""
        return self.run(*self.on_keyserver("get", "--binary", query))
