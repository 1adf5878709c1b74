"""People with gpg: one makes and sends keys, another searches, receives and refreshes them, over and over."""

from __future__ import annotations

import threading
from collections.abc import Callable

from e2e.gnupg import GnuPG, packets_of
from soak.tally import Tally

__all__ = ["Pair"]

_KEY = "Key-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\nSubkey-Curve: cv25519"
_KEYS = 5
"""Keys after which both begin with new homes, so that a refresh stays short."""


class Pair:
    """An owner and a friend on threads of their own; `stop` ends them after the round that they are in."""

    def __init__(self, url: str, number: int, tally: Tally) -> None:
        self._url = url
        self._number = number
        self._tally = tally
        self._made = 0
        self.stop = threading.Event()

    def run(self) -> None:
        """Until `stop` is set."""
        while not self.stop.is_set():
            with GnuPG(self._url) as owner, GnuPG(self._url) as friend:
                for _ in range(_KEYS):
                    if not self.stop.is_set():
                        self._round(owner, friend)

    def _round(self, owner: GnuPG, friend: GnuPG) -> None:
        self._made += 1
        address = f"gpg{self._number}-{self._made}@example.org"
        fingerprint = owner.generate(_KEY, f"Owner {self._made} <{address}>")

        def same() -> None:
            if packets_of(friend.export(fingerprint)) != packets_of(owner.export(fingerprint)):
                raise RuntimeError("the certificate came back with other packets")

        def search() -> None:
            found = friend.run("--with-colons", "--search-keys", address).decode()
            if f"pub:{fingerprint}:" not in found:
                raise RuntimeError(f"not found: {found}")

        def receive() -> None:
            friend.run("--recv-keys", fingerprint)
            same()

        def refresh() -> None:
            friend.run("--refresh-keys")
            same()

        self._step("gpg --send-keys", lambda: owner.run("--send-keys", fingerprint))
        self._step("gpg --search-keys", search)
        self._step("gpg --recv-keys", receive)
        owner.run("--quick-add-uid", fingerprint, f"Second <second-{address}>")
        self._step("gpg --send-keys", lambda: owner.run("--send-keys", fingerprint))
        self._step("gpg --refresh-keys", refresh)

    def _step(self, kind: str, step: Callable[[], object]) -> None:
        try:
            step()
        except RuntimeError as error:
            self._tally.count(kind, str(error))
        else:
            self._tally.count(kind)
