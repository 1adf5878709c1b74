"""HTTPS: which files are taken, and how a new certificate takes the old one's place."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_der_x509_certificate

from e2e.authority import Authority
from wasmpuck.config import HTTPSettings
from wasmpuck.errors import OperatorError
from wasmpuck.http import serve
from wasmpuck.http.tls import Identity


async def serial(url: str, authority: Authority) -> int:
    """Of the certificate that the server shows."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.check_hostname = False
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b" 404 " in await reader.readline()
    writer.close()
    return load_der_x509_certificate(shown).serial_number


def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    """After `renew` what is in the files counts; files that do not fit change nothing."""
    authority = Authority(tmp_path)
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"

    def install() -> None:
        for source, target in zip(authority.issue("localhost"), (certificate, key), strict=True):
            target.write_bytes(source.read_bytes())

    async def run() -> None:
        install()
        identity = Identity(certificate, key)
        async with serve(web.Application(), HTTPSettings()) as server:
            url = await server.bind("127.0.0.1", 0, ssl_context=identity.context)
            assert url.startswith("https://127.0.0.1:")
            first = await serial(url, authority)
            install()
            assert await serial(url, authority) == first
            identity.renew()
            second = await serial(url, authority)
            assert second != first
            key.write_text("no key")
            with pytest.raises(OperatorError, match="cannot be used for HTTPS"):
                identity.renew()
            assert await serial(url, authority) == second

    asyncio.run(run())


def test_what_cannot_be_shown_is_an_error_for_the_operator(tmp_path: Path) -> None:
    """A missing file, a key of another certificate, and a key that asks for a passphrase."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost")
    with pytest.raises(OperatorError, match="No such file"):
        Identity(tmp_path / "missing.pem", key)
    with pytest.raises(OperatorError, match="cannot be used"):
        Identity(certificate, authority.issue("localhost")[1])
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(OperatorError, match="passphrase"):
        Identity(certificate, key)
