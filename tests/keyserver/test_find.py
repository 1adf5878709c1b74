from __future__ import annotations

import pytest
from pysequoia import Profile, Tsk

from keyserver.conftest import RunKeyserver
from vectors.owner import Owner
from wasmpuck.errors import BadRequest
from wasmpuck.keyserver import Keyserver
from wasmpuck.storage import Record

ANN, BEN, SUB = Owner("ann"), Owner("ben"), Owner("sub")
DATA = ANN.certificate(ANN.user_id("Ann <Ann@Example.org>"), ANN.user_id("Just Ann"), ANN.subkey(SUB))
DATA += BEN.certificate(BEN.user_id("Ben <ben@example.org>"), BEN.subkey(SUB))


def owners(records: list[Record]) -> list[str]:
    """Whose certificates these are, in order."""
    names = {ANN.fingerprint: "ann", BEN.fingerprint: "ben"}
    return [names[record.fingerprint] for record in records]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (f"0x{ANN.fingerprint}", ["ann"]),
        (ANN.fingerprint.upper(), ["ann"]),
        (f"0X{ANN.fingerprint[-16:]}", ["ann"]),
        (ANN.fingerprint[-16:], ["ann"]),
        (f"0x{ANN.fingerprint[-8:]}", ["ann"]),
        (f"0x{SUB.fingerprint}", ["ann", "ben"]),
        (f"0x{SUB.fingerprint[-16:]}", ["ann", "ben"]),
        (f"0x{SUB.fingerprint[-8:]}", ["ann", "ben"]),
        ("ann@example.org", ["ann"]),
        ("<ANN@example.ORG>", ["ann"]),
        ("ann <ann@example.org>", ["ann"]),
        ("just ann", ["ann"]),
        ("ann", []),
        ("example.org", []),
        ("0x" + "0" * 40, []),
        ("0x" + "0" * 64, []),
    ],
)
def test_certificates_are_found_by_what_they_carry(on_keyserver: RunKeyserver, search: str, found: list[str]) -> None:
    """Fingerprints and key ids of primary keys and subkeys, with all that share them; whole addresses and texts."""

    async def body(server: Keyserver) -> None:
        await server.submit(DATA)
        assert owners(await server.find(search)) == found
        assert owners(await server.find(search, exact=True)) == found

    on_keyserver(body)


def test_short_key_ids_can_be_refused(on_keyserver: RunKeyserver) -> None:
    """They are easily forged: a server may answer that instead."""

    async def body(server: Keyserver) -> None:
        server.short_key_ids = False
        with pytest.raises(BadRequest, match="8 digits"):
            await server.find(f"0x{ANN.fingerprint[-8:]}")

    on_keyserver(body)


def test_answers_are_bounded(on_keyserver: RunKeyserver) -> None:
    """By the server's limit and by the caller's, whichever is smaller."""

    async def body(server: Keyserver) -> None:
        await server.submit(DATA)
        search = f"0x{SUB.fingerprint}"
        assert owners(await server.find(search, limit=1)) == ["ann"]
        server.search_limit = 1
        assert owners(await server.find(search, limit=5)) == ["ann"]
        assert owners(await server.find(f"0x{SUB.fingerprint[-16:]}")) == ["ann"]

    on_keyserver(body)


def test_a_digest_finds_its_certificate(on_keyserver: RunKeyserver) -> None:
    """In either case; what is no digest is refused in words."""

    async def body(server: Keyserver) -> None:
        await server.submit(DATA)
        (ann,) = await server.find(ANN.fingerprint)
        assert await server.by_digest(ann.md5.upper()) == ann
        assert await server.by_digest("0" * 32) is None
        for text in ("", "0x" + ann.md5, ann.md5[:-1], "g" * 32):
            with pytest.raises(BadRequest, match="32 hexadecimal digits"):
                await server.by_digest(text)

    on_keyserver(body)


def test_a_version_6_certificate_is_found_by_its_first_digits(on_keyserver: RunKeyserver) -> None:
    """A version 6 key id is the beginning of the fingerprint."""
    made = Tsk.generate(user_ids=["Six <six@example.org>"], profile=Profile.RFC9580).extract_certificate()

    async def body(server: Keyserver) -> None:
        await server.submit(bytes(made))
        (record,) = await server.find(f"0x{made.fingerprint}")
        assert await server.find(f"0x{made.fingerprint[:16]}") == [record]
        assert await server.find("six@example.org") == [record]

    on_keyserver(body)
