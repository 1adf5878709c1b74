"""A network of its own, in which names, mail and the authorities that are trusted are the test's.

`on_island` runs a module of tests in new network and mount namespaces (Linux; root, or a kernel that lets everybody
have a user namespace). There 127.0.0.1 answers for DNS, and the system trusts one authority alone.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from e2e.authority import Authority

__all__ = ["Names", "on_island", "settle"]

_A = 1
"""The type of an address record (RFC 1035 §3.2.2)."""

_SET_FLAGS, _UP = 0x8914, 0x1
"""`SIOCSIFFLAGS` and `IFF_UP` (netdevice(7))."""


def on_island(module: str, folder: Path) -> None:
    """Runs `python -m module folder` there. Raises AssertionError with what it printed if it fails."""
    namespaces = ["--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    done = subprocess.run(
        ["unshare", *namespaces, sys.executable, "-m", module, str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def settle(folder: Path, authority: Authority) -> None:
    """Called first on the island: brings loopback up, and puts resolver and trusted authority into place."""
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:1\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))
    for command in (
        ["mount", "--make-rprivate", "/"],
        ["mount", "--bind", str(resolver), str(Path("/etc/resolv.conf").resolve())],
        ["mount", "--bind", str(authority.certificate), "/etc/ssl/certs/ca-certificates.crt"],
    ):
        subprocess.run(command, check=True)


class Names:
    """A DNS server on 127.0.0.1 that knows these names, all at 127.0.0.1, and no other."""

    def __init__(self, *names: str) -> None:
        self._names = frozenset(names)
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, name="names", daemon=True).start()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        labels, offset = [], 12
        while size := query[offset]:
            labels.append(query[offset + 1 : offset + 1 + size].decode().lower())
            offset += 1 + size
        (kind,) = struct.unpack_from("!H", query, offset + 1)
        question = query[12 : offset + 5]
        name = ".".join(labels)
        self.asked.append(name)
        known = name in self._names
        answer = (
            b"\xc0\x0c" + struct.pack("!HHIH4s", _A, 1, 60, 4, bytes((127, 0, 0, 1))) if known and kind == _A else b""
        )
        # A response that recursion is available for (RFC 1035 §4.1.1), NXDOMAIN where the name is not known.
        flags = 0x8180 | (0 if known else 3)
        return query[:2] + struct.pack("!HHHHH", flags, 1, bool(answer), 0, 0) + question + answer
