"""A GnuPG of its own: home, agent and network daemon (dirmngr) in a short-lived folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from wasmpuck.openpgp.packets import Packet, walk

__all__ = ["GnuPG", "packets_of"]

_PRIMARY = re.compile(r"^pub:.*\nfpr:+([0-9A-F]{40}):", re.MULTILINE)

_GPG_CONF = """\
batch
no-tty
no-greeting
quiet
no-auto-check-trustdb
no-auto-key-retrieve
trust-model always
keyserver-options no-self-sigs-only,no-import-clean,no-honor-keyserver-url
"""
"""The keyserver options keep gpg from dropping other people's signatures by itself."""


def packets_of(data: bytes) -> Counter[Packet]:
    """The packets of a keyring, however they are framed and ordered."""
    return Counter(walk(data))


class GnuPG:
    """An isolated gpg that knows one keyserver.

    The folder is under /tmp because the path of a socket in it may have at most 107 bytes.
    """

    def __init__(self, keyserver: str) -> None:
        self.keyserver = keyserver.replace("http://", "hkp://")
        self.home = Path(tempfile.mkdtemp(prefix="gpg-", dir="/tmp"))
        (self.home / "gpg.conf").write_text(_GPG_CONF)
        (self.home / "dirmngr.conf").write_text(f"keyserver {self.keyserver}\nno-use-tor\nstandard-resolver\n")
        unwanted = ("GPG", "GNUPG", "DBUS", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        self._environment = {
            name: value for name, value in os.environ.items() if not name.upper().startswith(unwanted)
        } | {"GNUPGHOME": str(self.home), "LC_ALL": "C.UTF-8"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the daemons that this home started, then removes it."""
        self._run(["gpgconf", "--homedir", str(self.home), "--kill", "all"])
        shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, command: list[str], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, input=data, capture_output=True, env=self._environment, timeout=300)

    def attempt(self, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Runs gpg, whatever comes of it."""
        return self._run(["gpg", "--homedir", str(self.home), *arguments], data)

    def run(self, *arguments: str, data: bytes = b"") -> bytes:
        """Runs gpg and returns its standard output; RuntimeError with its messages when it fails."""
        done = self.attempt(*arguments, data=data)
        if done.returncode:
            raise RuntimeError(f"gpg {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr.decode()}")
        return done.stdout

    def generate(self, parameters: str, user_id: str) -> str:
        """A key pair by a batch parameter file (gpg's doc/DETAILS); returns its fingerprint in upper case."""
        name, _, address = user_id.partition(" <")
        lines = (
            "%no-protection",
            parameters,
            f"Name-Real: {name}",
            f"Name-Email: {address.rstrip('>')}",
            "Expire-Date: 2y",
            "%commit",
            "",
        )
        self.run("--generate-key", data="\n".join(lines).encode())
        return self.fingerprints(f"={user_id}")[0]

    def fingerprints(self, *names: str) -> list[str]:
        """Fingerprints of the primary keys that match, upper case; all without a name."""
        listing = self.run("--with-colons", "--list-keys", *names).decode()
        return _PRIMARY.findall(listing)

    def export(self, *fingerprints: str) -> bytes:
        """Certificates, binary."""
        return self.run("--export", "--export-options", "no-export-minimal", *fingerprints)

    def import_(self, data: bytes) -> None:
        """Takes certificates."""
        self.run("--import-options", "no-self-sigs-only,no-import-clean", "--import", data=data)
