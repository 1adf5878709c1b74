"""Listening: several addresses, TLS, and an orderly end."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wasmpuck.config import HTTPSettings
from wasmpuck.http import serve
from wasmpuck.http.limits import Guard, guard_middleware
from wasmpuck.metrics import Metrics


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


def application(*, began: asyncio.Event | None = None) -> web.Application:
    """Says over what it was asked; with `began`, sets it and takes its time."""

    async def guarded(request: web.Request) -> web.Response:
        if began is not None:
            began.set()
            await asyncio.sleep(0.3)
        protocol = request.transport.get_protocol() if request.transport else None
        return web.Response(text=f"{request.scheme} {isinstance(protocol, Guard)}")

    made = web.Application(middlewares=[guard_middleware])
    made.add_routes([web.get("/", guarded)])
    return made


def test_one_application_at_several_addresses(certificate: tuple[Path, Path]) -> None:
    """Plain and TLS listeners serve the same application, with a guard on every connection."""

    async def run() -> None:
        server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server_side.load_cert_chain(*certificate)
        client_side = ssl.create_default_context(cafile=str(certificate[0]))
        async with serve(application(), HTTPSettings(), Metrics(process=False)) as server, ClientSession() as session:
            plain = await server.bind("127.0.0.1", 0)
            secure = await server.bind("127.0.0.1", 0, ssl_context=server_side)
            assert plain.startswith("http://127.0.0.1:")
            assert secure.startswith("https://127.0.0.1:")
            async with session.get(plain) as answer:
                assert await answer.text() == "http True"
            async with session.get(secure, ssl=client_side) as answer:
                assert await answer.text() == "https True"
            assert server.connections == 2

    asyncio.run(run())


def test_requests_in_flight_are_finished_at_the_end() -> None:
    """Stopping closes the door, but not on those who are inside."""

    async def run() -> None:
        async with ClientSession() as session:
            began = asyncio.Event()
            async with serve(application(began=began), HTTPSettings(), Metrics(process=False)) as server:
                url = await server.bind("127.0.0.1", 0)
                request = asyncio.create_task(session.get(url))
                await began.wait()
            answer = await request
            assert answer.status == 200
            with pytest.raises(OSError, match=r"Connect"):
                await session.get(url)

    asyncio.run(run())


def test_an_address_in_use_is_an_os_error() -> None:
    """The caller learns at once that an address cannot be had."""

    async def run() -> None:
        async with serve(application(), HTTPSettings()) as server:
            url = await server.bind("127.0.0.1", 0)
            with pytest.raises(OSError, match=r"address already in use"):
                await server.bind("127.0.0.1", int(url.rpartition(":")[2]))

    asyncio.run(run())
