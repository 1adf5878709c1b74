"""Certificates that are kept without being published, over HTTP: who is told what, and that nobody finds them."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from aiohttp import web

from e2e.client import Answer, ask, lookup, upload
from e2e.serving import ServerThread
from vectors.owner import Owner
from wasmpuck.config import HTTPSettings, WKDSettings
from wasmpuck.http import build_application
from wasmpuck.http.admin import build_admin
from wasmpuck.http.rights_admin import rights_routes
from wasmpuck.keyserver import Accept, Candidate, Keyserver, Quarantine, Reason, SearchRules, Verdict
from wasmpuck.keyserver.administrators import RightsRules
from wasmpuck.keyserver.rights import Rights
from wasmpuck.keyserver.webkeys import hashed
from wasmpuck.metrics import Metrics
from wasmpuck.openpgp import armor
from wasmpuck.openpgp.digest import sks_digest
from wasmpuck.openpgp.packets import walk
from wasmpuck.storage import SQLiteKeyStore

TOKEN = "correct horse"
ANN, BEN = Owner("ann"), Owner("ben")
ODD = ANN.certificate(ANN.user_id("Odd Ann <ann@quarantine.example>"))
FINE = BEN.certificate(BEN.user_id("Ben <ben@quarantine.example>"))
LONG = BEN.certificate(BEN.user_id("Ben <ben@quarantine.example>"), BEN.user_id("Too long"))
WHY = {"code": "odd", "comment": "It <is> odd."}


class Guard:
    """Doubts odd names, and takes names away that are too long."""

    async def judge(self, candidate: Candidate) -> Verdict:
        """Looks at the names."""
        texts = candidate.submission.user_ids
        if any("Odd" in text for text in texts):
            return Quarantine("odd", "It <is> odd.", "guard")
        if any("long" in text for text in texts):
            made = await candidate.rewrite(armor(FINE))
            assert isinstance(made, Candidate)
            return Accept(made, (Reason("shorter", "A name was too long.", "guard"),))
        return Accept()


class Both:
    """A public listener and an administration listener over one database."""

    def __init__(self, public: ServerThread, folder: Path) -> None:
        self.public = public
        self.url = public.url
        self._folder = folder
        self.admin_url = ""

    def administer(self, method: str, path: str, fields: Any = None) -> Answer:
        """With the token."""
        body = None if fields is None else json.dumps(fields).encode()
        return ask(self.admin_url, method, f"/admin/keys/{path}", body, {"Authorization": f"Bearer {TOKEN}"})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Both]:
    """A keyserver with every protocol, and its operator."""
    metrics, settings = Metrics(process=False), HTTPSettings()
    found: list[Keyserver] = []

    async def build(stack: AsyncExitStack) -> web.Application:
        store = SQLiteKeyStore(tmp_path / "keys.sqlite")
        await store.open()
        stack.push_async_callback(store.close)
        keyserver = Keyserver(
            store, admission=Guard(), search=SearchRules(short_key_ids=True, words=True, domains=("*",))
        )
        stack.push_async_callback(keyserver.close)
        found.append(keyserver)
        return build_application(
            keyserver, settings, metrics, wkd=WKDSettings(domains=("quarantine.example",), publish="all")
        )

    async def administration(stack: AsyncExitStack) -> web.Application:
        store = SQLiteKeyStore(tmp_path / "keys.sqlite")
        await store.open()
        stack.push_async_callback(store.close)
        rights = Rights(Keyserver(store), RightsRules(server_names=("a",)))
        return build_admin(cast(Any, None), metrics, TOKEN, cast(Any, None), rights_routes(rights))

    with ServerThread(build, settings, metrics) as public:
        both = Both(public, tmp_path)
        with ServerThread(administration, HTTPSettings(), Metrics(process=False)) as admin:
            both.admin_url = admin.url
            yield both


def test_an_upload_by_hkp_is_told(server: Both) -> None:
    """202 with the reason, in JSON and on a page; 200 when something else of the upload was taken."""
    answer = upload(server.url, armor(ODD))
    assert answer.status == 202
    assert answer.json["quarantined"] == [{"version": 4, "fingerprint": ANN.fingerprint} | WHY]
    page = upload(server.url, armor(ODD), accept="text/html")
    assert page.status == 202
    assert "It &lt;is&gt; odd." in page.text
    assert f"/key/{ANN.fingerprint}" not in page.text
    both = upload(server.url, armor(ODD) + armor(FINE))
    assert both.status == 200
    assert (len(both.json["inserted"]), len(both.json["quarantined"])) == (1, 1)
    assert "quarantined" not in upload(server.url, armor(FINE)).json
    page_of_metrics = server.public.metrics.render().decode()
    assert 'wasmpuck_store_submitted_keys_total{origin="upload",outcome="quarantined"} 3.0' in page_of_metrics
    assert 'wasmpuck_store_quarantine_total{change="quarantined"} 1.0' in page_of_metrics


def test_an_upload_by_hkp2_is_told(server: Both) -> None:
    """In the same way."""
    answer = ask(server.url, "POST", "/pks/v2/certs", ODD, {"Content-Type": "application/pgp"})
    assert answer.status == 202
    assert answer.json["quarantined"] == [{"version": 4, "fingerprint": ANN.fingerprint} | WHY]


def test_an_upload_by_vks_is_told(server: Both) -> None:
    """202 without addresses and without a token for letters: nothing of it is published."""
    body = json.dumps({"keytext": armor(ODD)}).encode()
    answer = ask(server.url, "POST", "/vks/v1/upload", body, {"Content-Type": "application/json"})
    assert answer.status == 202
    assert answer.json == {"key_fpr": ANN.fingerprint.upper(), "status": {}, "token": "", "comment": "It <is> odd."}


def test_who_sends_what_was_rewritten_is_told(server: Both) -> None:
    """With a code and a sentence beside the certificate, on every way in."""
    answer = upload(server.url, armor(LONG))
    why = {"code": "shorter", "comment": "A name was too long."}
    assert answer.json["inserted"] == [{"version": 4, "fingerprint": BEN.fingerprint} | why]
    assert "A name was too long." in upload(server.url, armor(LONG), accept="text/html").text
    again = ask(server.url, "POST", "/pks/v2/certs", LONG, {"Content-Type": "application/pgp"})
    assert again.json["ignored"] == [{"version": 4, "fingerprint": BEN.fingerprint} | why]
    body = json.dumps({"keytext": base64.b64encode(LONG).decode()}).encode()
    vks = ask(server.url, "POST", "/vks/v1/upload", body, {"Content-Type": "application/json"})
    assert (vks.status, vks.json["comment"]) == (200, "A name was too long.")


def finds(url: str) -> dict[str, bool]:
    """Whether each way of looking finds Ann's certificate."""
    fingerprint, address = ANN.fingerprint, "ann@quarantine.example"
    digest = sks_digest(tuple(walk(ODD)))
    found = {
        f"{operation} {search}": lookup(url, operation, search, options="mr").status == 200
        for operation in ("get", "index", "vindex")
        for search in (f"0x{fingerprint}", f"0x{fingerprint[-16:]}", f"0x{fingerprint[-8:]}", address, "odd ann")
    }
    found["hget"] = lookup(url, "hget", digest).status == 200
    paths = {
        "key page": f"/key/{fingerprint}",
        "vks fingerprint": f"/vks/v1/by-fingerprint/{fingerprint}",
        "vks key id": f"/vks/v1/by-keyid/{fingerprint[-16:]}",
        "v2 get": f"/pks/v2/certs/by-vfingerprint/04{fingerprint}",
        "v2 identity": f"/pks/v2/certs/by-identity/{quote(address)}",
        "v2 index": f"/pks/v2/index/{quote(address)}",
        "wkd": f"/.well-known/openpgpkey/quarantine.example/hu/{hashed('ann')}?l=ann",
    }
    found |= {name: ask(url, "GET", path).status == 200 for name, path in paths.items()}
    query = struct.pack(">II", 1, 16) + bytes.fromhex(digest)
    found["hashquery"] = ask(url, "POST", "/pks/hashquery", query).body[:4] != bytes(4)
    found["stats"] = lookup(url, "stats", "x", options="json").json["total"] != 0
    return found


def test_nobody_finds_it_until_the_operator_releases_it(server: Both) -> None:
    """No protocol, no page and no counter shows it; afterwards every one does."""
    upload(server.url, armor(ODD))
    before = finds(server.url)
    assert not any(before.values()), before
    (row,) = server.administer("GET", "quarantine").json
    assert (row["fingerprint"], row["source"], row["reason"]) == (ANN.fingerprint, "guard", "It <is> odd.")
    assert row["size"] == len(b"".join(map(bytes, walk(ODD))))
    shown = server.administer("GET", f"{ANN.fingerprint.upper()}/quarantine").json
    assert "BEGIN PGP PUBLIC KEY BLOCK" in shown["certificate"]
    assert server.administer("POST", f"{ANN.fingerprint}/release").json == {"outcome": "inserted"}
    after = finds(server.url)
    assert all(after.values()), after
    assert server.administer("GET", "quarantine").json == []


def test_the_operator_takes_out_of_publication_and_discards(server: Both) -> None:
    """Each answer says what was done, and 404 that there was nothing to do it with."""
    upload(server.url, armor(FINE))
    path = f"{BEN.fingerprint}/quarantine"
    assert server.administer("POST", path, {"reason": "asked to"}).json == {"quarantined": True}
    assert lookup(server.url, "get", f"0x{BEN.fingerprint}").status == 404
    assert upload(server.url, armor(FINE)).status == 202
    assert server.administer("POST", f"{BEN.fingerprint}/discard").json == {"discarded": True}
    for act in ("quarantine", "release", "discard"):
        assert server.administer("POST", f"{BEN.fingerprint}/{act}").status == 404
    assert server.administer("GET", path).status == 404
    assert server.administer("POST", "xyz/release").status == 400
    assert server.administer("GET", "quarantine?after=xyz").status == 400
    assert upload(server.url, armor(FINE)).json["inserted"]
    kinds = [(act["kind"], act["actor"]) for act in server.administer("GET", "audit").json]
    assert kinds == [("quarantine", "operator"), ("discard", "operator")]


def test_the_list_is_read_in_pages(server: Both) -> None:
    """By ascending fingerprint behind any of them."""
    owners = [Owner(f"owner {number}") for number in range(3)]
    for owner in owners:
        upload(server.url, armor(owner.certificate(owner.user_id("Odd"))))
    wanted = sorted(owner.fingerprint for owner in owners)
    first = server.administer("GET", "quarantine?limit=2").json
    assert [row["fingerprint"] for row in first] == wanted[:2]
    rest = server.administer("GET", f"quarantine?after={wanted[1]}").json
    assert [row["fingerprint"] for row in rest] == wanted[2:]
