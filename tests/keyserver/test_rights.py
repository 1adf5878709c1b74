"""Deleting and replacing on a signed request: who may, for how long, how often, and what remains."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from pysequoia import ArmorKind, Cert, SignatureMode, Tsk, armor, sign

from postgres import PostgresServer, postgres
from wasmpuck.errors import BadRequest, ClientError, NotFound, Unprocessable
from wasmpuck.keyserver import Accept, Admission, Candidate, KeyEvent, Keyserver, Quarantine, Reject, Verdict, Workers
from wasmpuck.keyserver.administrators import RightsRules
from wasmpuck.keyserver.intake import BURIED
from wasmpuck.keyserver.owner_request import OwnerAct, request_text
from wasmpuck.keyserver.rights import BY_OWNER, OPERATOR, Rights, RightsReport
from wasmpuck.keyserver.signed_text import open_clear
from wasmpuck.openpgp.armor import dearmor
from wasmpuck.openpgp.certificate import Certificate
from wasmpuck.openpgp.facts import Submission
from wasmpuck.openpgp.ingest import Prepared, examine
from wasmpuck.openpgp.packets import Tag, walk
from wasmpuck.openpgp.policy import Policy
from wasmpuck.storage import KeyStore, SQLiteKeyStore
from wasmpuck.storage.postgres import PostgresKeyStore

__all__ = ["postgres"]

NAME = "keys.example.org"


@dataclass
class Desk:
    """A keyserver with rights, and what its observers heard."""

    keyserver: Keyserver
    rights: Rights
    heard: list[KeyEvent] = field(default_factory=list)

    async def add(self, *keys: Tsk) -> None:
        """Uploads certificates."""
        data = b"".join(bytes(key.extract_certificate()) for key in keys)
        report = await self.keyserver.submit(data)
        assert not report.rejected

    async def send(self, act: OwnerAct, message: bytes) -> RightsReport:
        """Sends a cleartext-signed message."""
        return await self.rights.obey(act, open_clear(message))

    async def fetch(self, key: Tsk) -> bytes | None:
        """What is stored."""
        found = await self.keyserver.store.fetch([fingerprint_of(key)])
        return found[0].data if found else None


Body = Callable[[Desk], Awaitable[None]]


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """One process."""
    shared = Workers(1)
    yield shared
    asyncio.run(shared.close())


@asynccontextmanager
async def opened(folder: Path, server: PostgresServer | None) -> AsyncIterator[KeyStore]:
    """A store in this folder, or in the server's database for it."""
    store: KeyStore
    if server is None:
        store = SQLiteKeyStore(folder / "keys.sqlite3")
    else:
        store = PostgresKeyStore(server.url(await server.database(folder)), retry_for=60)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def at_desk(tmp_path: Path, workers: Workers, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Runs a body with a desk on either backend; rules other than the server's name are keywords."""

    server = request.getfixturevalue("postgres") if request.param == "postgres" else None

    def run(body: Body, admission: Admission | None = None, **rules: Any) -> None:
        async def whole() -> None:
            async with opened(tmp_path, server) as store:
                keyserver = Keyserver(store, admission=admission, workers=workers)
                desk = Desk(keyserver, Rights(keyserver, RightsRules(server_names=(NAME,), **rules)))
                keyserver.observe(desk.heard.append)
                await body(desk)

        asyncio.run(whole())

    return run


def key(*user_ids: str) -> Tsk:
    """A secret key: primary, signing subkey, encryption subkey."""
    return Tsk.generate(user_ids=list(user_ids or ("Ada <ada@example.org>",)))


def fingerprint_of(owner: Tsk) -> str:
    """Of its certificate."""
    return owner.extract_certificate().fingerprint


def armored(certificate: Cert) -> str:
    """A certificate as text."""
    return armor(bytes(certificate), ArmorKind.PublicKey)


def text_for(act: OwnerAct, owner: Tsk, **changes: Any) -> str:
    """A request as it should be, but for the changes; a replacement is the owner's certificate."""
    wanted: dict[str, Any] = {"server": NAME, "fingerprint": fingerprint_of(owner), "expires": time.time() + 600}
    if act is OwnerAct.REPLACE:
        wanted["certificate"] = armored(owner.extract_certificate())
    return request_text(act, **(wanted | changes))


def signed(text: str, signer: Tsk) -> bytes:
    """As a cleartext-signed message."""
    return sign(signer.signer(), text.encode(), mode=SignatureMode.CLEAR)


def delete(owner: Tsk, signer: Tsk | None = None, **changes: Any) -> bytes:
    """A signed request for deletion."""
    return signed(text_for(OwnerAct.DELETE, owner, **changes), signer or owner)


def replace(owner: Tsk, signer: Tsk | None = None, **changes: Any) -> bytes:
    """A signed request for replacement."""
    return signed(text_for(OwnerAct.REPLACE, owner, **changes), signer or owner)


def test_an_owner_deletes(at_desk: Callable[..., None]) -> None:
    """The certificate is gone, observers know, the act is noted, and nobody can bring it back by uploading."""
    ada = key()

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        stored = (await desk.keyserver.store.fetch([fingerprint_of(ada)]))[0]
        report = await desk.send(OwnerAct.DELETE, delete(ada))
        assert report.deleted == [(4, fingerprint_of(ada))]
        assert await desk.fetch(ada) is None
        assert desk.heard[-1].md5 is None
        assert desk.heard[-1].previous == stored.md5
        acts = await desk.rights.acts()
        assert [(act.kind, act.fingerprint, act.actor, act.detail) for act in acts] == [
            ("delete", fingerprint_of(ada), fingerprint_of(ada), "signed by the owner")
        ]
        again = await desk.keyserver.submit(bytes(ada.extract_certificate()))
        assert [entry.code for entry in again.rejected] == [BURIED]
        assert BY_OWNER in again.rejected[0].comment
        assert await desk.keyserver.find("ada@example.org") == []
        with pytest.raises(NotFound):
            await desk.send(OwnerAct.DELETE, delete(ada))

    at_desk(body)


def test_an_owner_replaces_without_merging(at_desk: Callable[..., None]) -> None:
    """What the replacement lacks is gone from the store and from the index; what it has is served as sent."""
    both = key("Ada <ada@example.org>", "Ada <ada@old.example>")
    certificate = both.extract_certificate()
    slim = Cert.from_bytes(without(bytes(certificate), b"Ada <ada@old.example>"))

    async def body(desk: Desk) -> None:
        await desk.add(both)
        report = await desk.send(OwnerAct.REPLACE, replace(both, certificate=armored(slim)))
        assert report.updated == [(4, certificate.fingerprint)]
        stored = await desk.fetch(both)
        assert stored is not None
        assert b"old.example" not in stored
        assert await desk.keyserver.find("ada@old.example") == []
        assert len(await desk.keyserver.find("ada@example.org")) == 1
        assert desk.heard[-1].previous is not None
        assert desk.heard[-1].md5 not in (None, desk.heard[-1].previous)

    at_desk(body)


def without(certificate: bytes, user_id: bytes) -> bytes:
    """A certificate less one user id and what is about it."""
    kept, skipping = [], False
    for packet in walk(certificate):
        if packet.tag != Tag.SIGNATURE:
            skipping = packet.tag == Tag.USER_ID and packet.body == user_id
        if not skipping:
            kept.append(bytes(packet))
    return b"".join(kept)


def test_an_owner_who_deleted_comes_back_with_a_replacement(at_desk: Callable[..., None]) -> None:
    """A signed replacement lifts the owner's own tombstone; from then on uploads are merged again."""
    ada = key()

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        await desk.send(OwnerAct.DELETE, delete(ada))
        report = await desk.send(OwnerAct.REPLACE, replace(ada))
        assert report.inserted == [(4, fingerprint_of(ada))]
        assert await desk.fetch(ada) is not None
        assert (await desk.keyserver.submit(bytes(ada.extract_certificate()))).ignored
        assert [act.kind for act in await desk.rights.acts()] == ["delete", "exhume", "replace"]

    at_desk(body)


def test_what_the_operator_removed_the_owner_does_not_bring_back(at_desk: Callable[..., None]) -> None:
    """Neither an upload nor a signed replacement gets past the operator's tombstone; exhuming lets it in."""
    ada = key()

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        assert await desk.rights.bury(fingerprint_of(ada), reason="a court order")
        assert not await desk.rights.bury(fingerprint_of(ada), reason="a court order, again")
        with pytest.raises(ClientError, match="a court order, again") as refused:
            await desk.send(OwnerAct.REPLACE, replace(ada))
        assert refused.value.status == 403
        assert [(name, burial.reason) for name, burial in await desk.rights.tombstones()] == [
            (fingerprint_of(ada), "a court order, again")
        ]
        assert await desk.rights.exhume(fingerprint_of(ada))
        assert not await desk.rights.exhume(fingerprint_of(ada))
        await desk.add(ada)
        assert {act.actor for act in await desk.rights.acts()} == {OPERATOR}

    at_desk(body)


def test_a_tombstone_ends_with_its_time(at_desk: Callable[..., None]) -> None:
    """A burial until a moment that is past keeps nothing out."""
    ada = key()

    async def body(desk: Desk) -> None:
        await desk.rights.bury(fingerprint_of(ada), reason="for a while", until=time.time() - 1)
        assert await desk.rights.tombstones() == []
        await desk.add(ada)

    at_desk(body)


def test_a_request_is_obeyed_once(at_desk: Callable[..., None]) -> None:
    """The same signed text is refused the second time, also when the certificate has come back in between."""
    ada = key()
    request, again = replace(ada), delete(ada)

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        await desk.send(OwnerAct.REPLACE, request)
        with pytest.raises(ClientError, match="nonce") as refused:
            await desk.send(OwnerAct.REPLACE, request)
        assert refused.value.status == 409
        await desk.send(OwnerAct.DELETE, again)
        await desk.send(OwnerAct.REPLACE, replace(ada))
        with pytest.raises(ClientError, match="nonce"):
            await desk.send(OwnerAct.DELETE, again)
        with pytest.raises(ClientError, match="nonce"):
            await desk.send(OwnerAct.REPLACE, request)
        assert await desk.fetch(ada) is not None

    at_desk(body)


def test_of_requests_at_once_with_one_nonce_one_is_obeyed(at_desk: Callable[..., None]) -> None:
    """Eight copies of one request and eight deletions that share its nonce, sent together: one act, one record."""
    ada = key()
    nonce = "n" * 32
    requests = [replace(ada, nonce=nonce)] * 8 + [replace(ada, nonce=nonce, expires=time.time() + 300)] * 8

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        answers = await asyncio.gather(
            *(desk.send(OwnerAct.REPLACE, request) for request in requests), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, ClientError)]
        assert len(refused) == 15
        assert {item.status for item in refused} == {409}
        assert len(await desk.rights.acts()) == 1

    at_desk(body)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"server": "other.example"}, "addressed to the server other.example"),
        ({"expires": time.time() - 600}, "expired"),
        ({"expires": time.time() + 40 * 86_400}, "too long"),
    ],
)
def test_a_request_is_for_one_server_and_not_for_long(
    at_desk: Callable[..., None], changes: dict[str, Any], said: str
) -> None:
    """A text for another server, one that has expired, and one that would be good for weeks are refused."""
    ada = key()

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        with pytest.raises(ClientError, match=said) as refused:
            await desk.send(OwnerAct.DELETE, delete(ada, None, **changes))
        assert refused.value.status == 403
        assert await desk.fetch(ada) is not None
        assert await desk.rights.acts() == []

    at_desk(body)


def test_a_signature_for_one_act_does_not_serve_the_other(at_desk: Callable[..., None]) -> None:
    """A request to delete that is sent to the other path is refused."""
    ada = key()

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        with pytest.raises(ClientError, match="request to /pks/delete"):
            await desk.send(OwnerAct.REPLACE, delete(ada))

    at_desk(body)


def test_nobody_else_may(at_desk: Callable[..., None]) -> None:
    """Somebody else's true signature over somebody's request does nothing, whichever act it is."""
    ada, eve = key(), key("Eve <eve@example.org>")

    async def body(desk: Desk) -> None:
        await desk.add(ada, eve)
        for act, message in ((OwnerAct.DELETE, delete(ada, eve)), (OwnerAct.REPLACE, replace(ada, eve))):
            with pytest.raises(ClientError, match="has no say") as refused:
                await desk.send(act, message)
            assert refused.value.status == 403
        assert await desk.fetch(ada) is not None

    at_desk(body)


def test_somebody_elses_signing_subkey_with_the_same_key_does_not_count(at_desk: Callable[..., None]) -> None:
    """The fingerprint of a subkey names no certificate."""
    ada = key()
    subkey = next(iter(subkeys(ada)))

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        with pytest.raises(NotFound):
            await desk.send(OwnerAct.DELETE, delete(ada, fingerprint=subkey))

    at_desk(body)


def subkeys(owner: Tsk) -> list[str]:
    """Fingerprints of the subkeys."""
    prepared = examine(bytes(owner.extract_certificate()), Policy()).outcomes[0]
    assert isinstance(prepared, Prepared)
    return [item.key.fingerprint for item in Certificate.parse(prepared.data).subkeys]


def test_an_administrator_may(at_desk: Callable[..., None]) -> None:
    """A key of `adminKeys` deletes anybody's certificate; the record says who; the owner does not bring it back."""
    ada, root = key(), key("Root <root@example.org>")

    async def body(desk: Desk) -> None:
        await desk.add(ada, root)
        await desk.send(OwnerAct.REPLACE, replace(ada, root))
        await desk.send(OwnerAct.DELETE, delete(ada, root))
        acts = await desk.rights.acts()
        assert [act.actor for act in acts] == [fingerprint_of(root)] * 2
        assert [act.fingerprint for act in acts] == [fingerprint_of(ada)] * 2
        with pytest.raises(ClientError, match="by its operator"):
            await desk.send(OwnerAct.REPLACE, replace(ada))
        await desk.send(OwnerAct.REPLACE, replace(ada, root))

    at_desk(body, administrators={fingerprint_of(root): b""})


def test_an_administrator_whose_stored_key_is_revoked_may_not(at_desk: Callable[..., None]) -> None:
    """The certificate of the file has no revocation, the stored one has: it counts."""
    ada, root = key(), key("Root <root@example.org>")
    certificate = root.extract_certificate()
    revocation = bytes(certificate.revoke(root.certifier()))

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        assert (await desk.keyserver.submit(bytes(certificate) + revocation)).inserted
        with pytest.raises(ClientError, match="revoked"):
            await desk.send(OwnerAct.DELETE, delete(ada, root))

    at_desk(body, administrators={fingerprint_of(root): prepared_bytes(certificate)})


def prepared_bytes(certificate: Cert) -> bytes:
    """As a store would hold it."""
    prepared = examine(bytes(certificate), Policy()).outcomes[0]
    assert isinstance(prepared, Prepared)
    return prepared.data


def test_owners_can_be_shut_out(at_desk: Callable[..., None]) -> None:
    """With `ownerRequests = false` only administrators are obeyed."""
    ada, root = key(), key("Root <root@example.org>")

    async def body(desk: Desk) -> None:
        await desk.add(ada, root)
        with pytest.raises(ClientError, match="has no say"):
            await desk.send(OwnerAct.DELETE, delete(ada))
        await desk.send(OwnerAct.DELETE, delete(ada, root))

    at_desk(body, owner_requests=False, administrators={fingerprint_of(root): b""})


def test_a_key_that_others_may_have_deletes_nothing(at_desk: Callable[..., None]) -> None:
    """After a hard revocation the owner's signature does not count: a thief must not hide the revocation."""
    ada = key()
    certificate = ada.extract_certificate()
    revocation = bytes(certificate.revoke(ada.certifier()))
    request = delete(ada)

    async def body(desk: Desk) -> None:
        assert (await desk.keyserver.submit(bytes(certificate) + revocation)).inserted
        with pytest.raises(ClientError, match="revoked"):
            await desk.send(OwnerAct.DELETE, request)
        with pytest.raises(ClientError, match="revoked"):
            await desk.send(OwnerAct.REPLACE, replace(ada))

    at_desk(body)


def test_a_replacement_takes_no_revocation_back(at_desk: Callable[..., None]) -> None:
    """A replacement with a revoked user id but without its revocation is refused; without the user id it is taken."""
    ada = key("Ada <ada@example.org>", "Ada <ada@old.example>")
    certificate = ada.extract_certificate()
    old = next(item for item in certificate.user_ids if "old" in str(item))
    parts = []
    for packet in walk(bytes(certificate)):
        parts.append(bytes(packet))
        if packet.tag == Tag.USER_ID and packet.body == str(old).encode():
            parts.append(bytes(certificate.revoke_user_id(old, ada.certifier())))

    async def body(desk: Desk) -> None:
        assert (await desk.keyserver.submit(b"".join(parts))).inserted
        with pytest.raises(ClientError, match="take back the revocation of the user id"):
            await desk.send(OwnerAct.REPLACE, replace(ada))
        slim = Cert.from_bytes(without(bytes(certificate), str(old).encode()))
        await desk.send(OwnerAct.REPLACE, replace(ada, certificate=armored(slim)))

    at_desk(body)


def test_a_replacement_has_to_hold_by_itself(at_desk: Callable[..., None]) -> None:
    """Somebody else's certificate, two certificates, rubbish and a secret key are refused, and nothing changes."""
    ada, eve = key(), key("Eve <eve@example.org>")
    mine, other = ada.extract_certificate(), eve.extract_certificate()
    rubbish = armor(b"\xc6\x05\x04\x00\x00\x00\x00", ArmorKind.PublicKey)

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        before = await desk.fetch(ada)
        for certificate in (
            armored(other),
            armor(bytes(mine) + bytes(other), ArmorKind.PublicKey),
            rubbish,
            armor(bytes(ada), ArmorKind.PublicKey),
        ):
            with pytest.raises(Unprocessable):
                await desk.send(OwnerAct.REPLACE, replace(ada, certificate=certificate))
        with pytest.raises(BadRequest):
            await desk.send(OwnerAct.REPLACE, replace(ada, certificate=armored(mine) + armored(mine)))
        assert await desk.fetch(ada) == before

    at_desk(body)


def test_admission_is_asked_about_a_replacement(at_desk: Callable[..., None]) -> None:
    """A plugin that refuses the replacement keeps the stored state, and the nonce stays good."""
    ada = key()
    asked: list[Submission] = []

    class Strict:
        verdict: Accept | Reject = Accept()

        async def judge(self, candidate: Candidate) -> Verdict:
            asked.append(candidate.submission)
            return self.verdict

    strict = Strict()
    request = replace(ada)

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        strict.verdict = Reject("no", "Not on a Sunday.", "calendar")
        with pytest.raises(ClientError, match="Sunday") as refused:
            await desk.send(OwnerAct.REPLACE, request)
        assert refused.value.status == 403
        strict.verdict = Accept()
        await desk.send(OwnerAct.REPLACE, request)
        assert [item.known for item in asked] == [False, True, True]

    at_desk(body, strict)


def test_two_signers_must_both_count(at_desk: Callable[..., None]) -> None:
    """A text that owner and administrator signed is the owner's; one that a stranger signed too is refused."""
    ada, root, eve = key(), key("Root <root@example.org>"), key("Eve <eve@example.org>")

    def both(first: Tsk, second: Tsk) -> bytes:
        text = text_for(OwnerAct.DELETE, ada)
        one, other = signed(text, first), signed(text, second)
        return merged(one, other)

    async def body(desk: Desk) -> None:
        await desk.add(ada, root)
        with pytest.raises(ClientError, match="signature 2 is made by a key that has no say"):
            await desk.send(OwnerAct.DELETE, both(ada, eve))
        await desk.send(OwnerAct.DELETE, both(root, ada))
        assert (await desk.rights.acts())[-1].actor == fingerprint_of(ada)

    at_desk(body, administrators={fingerprint_of(root): b""})


def merged(one: bytes, other: bytes) -> bytes:
    """The first message with the signatures of both."""
    begin = b"-----BEGIN PGP SIGNATURE-----"
    text, _, first = one.partition(begin)
    second = other.partition(begin)[2]
    packets = dearmor(begin + first) + dearmor(begin + second)
    return text + armor(packets, ArmorKind.Signature).encode()


class Racing:
    """A store in which something happens just before the first erasure or replacement."""

    def __init__(self, store: KeyStore, happens: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._happens = [happens]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ("erase", "replace"):
            return found

        async def later(*arguments: Any, **more: Any) -> Any:
            while self._happens:
                await self._happens.pop()()
            return await found(*arguments, **more)

        return later


def race(desk: Desk, arrives: bytes) -> None:
    """This upload comes in just before the next request changes anything."""

    async def submit() -> object:
        return await desk.keyserver.submit(arrives)

    desk.rights._store = cast(KeyStore, Racing(desk.keyserver.store, submit))


def ask_for(act: OwnerAct, owner: Tsk) -> bytes:
    """A signed request for either act."""
    return delete(owner) if act is OwnerAct.DELETE else replace(owner)


@pytest.mark.parametrize("act", OwnerAct)
def test_an_upload_in_between_does_not_stop_the_owner(at_desk: Callable[..., None], act: OwnerAct) -> None:
    """The newer state is judged anew, and then it is gone or replaced as well."""
    ada = key()
    longer = ada.extract_certificate().add_user_id("Ada <ada@more.example>", ada.certifier())

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        race(desk, bytes(longer))
        await desk.send(act, ask_for(act, ada))
        stored = await desk.fetch(ada)
        assert stored is None or b"more.example" not in stored
        assert (stored is None) is (act is OwnerAct.DELETE)

    at_desk(body)


@pytest.mark.parametrize("act", OwnerAct)
def test_a_revocation_in_between_stops_a_thief(at_desk: Callable[..., None], act: OwnerAct) -> None:
    """The signature is judged with the state that would be changed, not with the one that was read at first."""
    ada = key()
    certificate = ada.extract_certificate()

    async def body(desk: Desk) -> None:
        await desk.add(ada)
        race(desk, bytes(certificate) + bytes(certificate.revoke(ada.certifier())))
        with pytest.raises(ClientError, match="revoked"):
            await desk.send(act, ask_for(act, ada))
        assert await desk.fetch(ada) is not None
        assert await desk.rights.acts() == []

    at_desk(body)


def test_postgresql_forgets_when_it_is_vacuumed_in_full(
    tmp_path: Path, workers: Workers, postgres: PostgresServer
) -> None:
    """After a deletion, VACUUM FULL and a checkpoint no byte of the certificate is in any file of a table or index."""
    ada = key("Zebedee Quux <zebedee.quux@personal.example>")
    traces = {packet.body[-24:] for packet in walk(bytes(ada.extract_certificate())) if packet.tag != Tag.USER_ID}
    traces |= {b"Zebedee Quux", b"personal.example"}

    async def whole() -> None:
        name = await postgres.database(tmp_path)
        store = PostgresKeyStore(postgres.url(name), retry_for=60)
        await store.open()
        try:
            desk = Desk(
                keyserver := Keyserver(store, workers=workers), Rights(keyserver, RightsRules(server_names=(NAME,)))
            )
            await desk.add(ada)
            await store.verify_address(fingerprint_of(ada), "zebedee.quux@personal.example", 1.0)
            connection = await asyncpg.connect(postgres.url(name))
            await connection.execute("CHECKPOINT")
            assert found_in(postgres.data / "base", traces)
            await desk.send(OwnerAct.DELETE, delete(ada))
            await connection.execute("VACUUM (FULL, ANALYZE)")
            await connection.execute("CHECKPOINT")
            await connection.close()
            assert found_in(postgres.data / "base", traces) == set()
            assert found_in(postgres.data / "base", {bytes.fromhex(fingerprint_of(ada))})
        finally:
            await store.close()

    asyncio.run(whole())


def found_in(folder: Path, traces: set[bytes]) -> set[bytes]:
    """Which of these bytes are in a file below the folder."""
    found: set[bytes] = set()
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found |= {trace for trace in traces if trace in data}
    return found


# --- what is in quarantine ---------------------------------------------------------------------


class Doubting:
    """An admission that puts everything into quarantine once it is told to."""

    doubts = True

    async def judge(self, candidate: Candidate) -> Verdict:
        return Quarantine("odd", "It is odd.", "guard") if self.doubts else Accept()


def test_an_owner_deletes_what_is_in_quarantine(at_desk: Callable[..., None]) -> None:
    """Nothing of it remains, the act is noted, nobody hears of a published certificate that went; once is enough."""
    ada = key()
    request = delete(ada)

    async def body(desk: Desk) -> None:
        await desk.keyserver.submit(bytes(ada.extract_certificate()))
        fingerprint = fingerprint_of(ada)
        assert await desk.keyserver.store.count_held() == 1
        report = await desk.send(OwnerAct.DELETE, request)
        assert report.deleted == [(4, fingerprint)]
        assert await desk.keyserver.store.count_held() == 0
        assert desk.heard == []
        assert [act.kind for act in await desk.rights.acts()] == ["quarantine", "delete"]
        with pytest.raises(ClientError) as again:
            await desk.send(OwnerAct.DELETE, request)
        assert again.value.status == 404

    at_desk(body, Doubting())


def test_a_stranger_does_not_delete_what_is_in_quarantine(at_desk: Callable[..., None]) -> None:
    """Only who could delete it if it were published."""
    ada, eve = key(), key("Eve")
    request = delete(ada, eve)

    async def body(desk: Desk) -> None:
        await desk.keyserver.submit(bytes(ada.extract_certificate()))
        with pytest.raises(ClientError) as refused:
            await desk.send(OwnerAct.DELETE, request)
        assert refused.value.status == 403
        assert await desk.keyserver.store.count_held() == 1

    at_desk(body, Doubting())


def test_a_replacement_does_not_pass_the_quarantine(at_desk: Callable[..., None]) -> None:
    """Neither of what is in it alone, nor by being put into it: what is doubted is refused, and nothing is changed."""
    ada = key()
    request = replace(ada)

    async def body(desk: Desk) -> None:
        guard = desk.keyserver.admission
        assert isinstance(guard, Doubting)
        await desk.keyserver.submit(bytes(ada.extract_certificate()))
        guard.doubts = False
        with pytest.raises(ClientError, match="in quarantine") as refused:
            await desk.send(OwnerAct.REPLACE, request)
        assert refused.value.status == 403
        await desk.rights.custody.release(fingerprint_of(ada))
        guard.doubts = True
        with pytest.raises(ClientError, match="It is odd"):
            await desk.send(OwnerAct.REPLACE, request)
        assert await desk.keyserver.store.count_held() == 0
        guard.doubts = False
        assert (await desk.send(OwnerAct.REPLACE, request)).updated == [(4, fingerprint_of(ada))]

    at_desk(body, Doubting())
