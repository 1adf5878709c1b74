"""HTTPS: the certificate that a listener shows, replaced without a restart."""

from __future__ import annotations

import ssl
from pathlib import Path

from wasmpuck.errors import OperatorError

__all__ = ["Identity"]


class Identity:
    """A certificate and its key in files. Lives as long as the listener that shows it."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises `OperatorError` for files that cannot be used."""
        self._certificate = certificate
        self._key = key
        self.context = self._fresh()

    def renew(self) -> None:
        """Reads the files again; connections that begin afterwards see what is in them.

        Raises `OperatorError` for files that cannot be used; nothing changes then.
        """
        self._fresh()  # a context that failed to load would be left without a certificate
        self._load(self.context)

    def _fresh(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        def no_passphrase() -> str:
            raise OperatorError(f"{self._key} has a passphrase", hint="give server.tlsKey a file without one")

        try:
            context.load_cert_chain(self._certificate, self._key, no_passphrase)
        except (OSError, ssl.SSLError) as error:
            raise OperatorError(
                f"{self._certificate} and {self._key} cannot be used for HTTPS: {error.strerror or error}",
                hint="server.tlsCertificate and server.tlsKey name PEM files of a certificate and of its own key",
            ) from None
