"""`/pks/delete` and `/pks/replace` over HTTP: forms, statuses, texts to sign."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from urllib.parse import urlencode

import pytest
from aiohttp import web
from pysequoia import SignatureMode, Tsk, sign

from e2e.client import Answer, ask, lookup, upload
from e2e.serving import ServerThread
from wasmpuck.config import HTTPSettings
from wasmpuck.http import build_application
from wasmpuck.keyserver import Keyserver
from wasmpuck.keyserver.administrators import RightsRules
from wasmpuck.keyserver.owner_request import OwnerAct, parse_request
from wasmpuck.keyserver.rights import Rights
from wasmpuck.metrics import Metrics
from wasmpuck.storage import SQLiteKeyStore

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """A keyserver called keys.example.org that obeys signed requests."""
    folder = tmp_path_factory.mktemp("rights")
    metrics, settings = Metrics(process=False), HTTPSettings()

    async def build(stack: AsyncExitStack) -> web.Application:
        store = SQLiteKeyStore(folder / "keys.sqlite")
        await store.open()
        stack.push_async_callback(store.close)
        keyserver = Keyserver(store)
        stack.push_async_callback(keyserver.close)
        rights = Rights(keyserver, RightsRules(server_names=("keys.example.org",)))
        return build_application(keyserver, settings, metrics, rights=rights)

    with ServerThread(build, settings, metrics) as server:
        yield server


@pytest.fixture
def url(running: ServerThread) -> str:
    """Where it listens."""
    return running.url


@pytest.fixture
def ada(url: str) -> Tsk:
    """A secret key whose certificate is stored."""
    key = Tsk.generate(user_ids=["Ada <ada@example.org>"])
    assert upload(url, str(key.extract_certificate())).status == 200
    return key


def name(key: Tsk) -> str:
    """The fingerprint."""
    return key.extract_certificate().fingerprint


def text_to_sign(url: str, act: OwnerAct, key: Tsk) -> str:
    """As the server offers it."""
    answer = ask(url, "GET", f"{act}?fingerprint={name(key).upper()}")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.text


def send(url: str, act: OwnerAct, **fields: str) -> Answer:
    """The form."""
    return ask(url, "POST", act.value, urlencode(fields).encode(), FORM)


def clear(text: str, key: Tsk) -> str:
    """Cleartext-signed."""
    return sign(key.signer(), text.encode(), mode=SignatureMode.CLEAR).decode()


def test_the_offered_text_is_signed_and_sent_back(url: str, ada: Tsk) -> None:
    """GET, sign, POST: the certificate is gone and is not taken again; the report has the form of an upload's."""
    text = text_to_sign(url, OwnerAct.DELETE, ada)
    answer = send(url, OwnerAct.DELETE, keytext=clear(text, ada))
    assert answer.status == 200
    assert answer.json == {"deleted": [{"version": 4, "fingerprint": name(ada)}]}
    assert answer.headers["Cache-Control"] == "no-store"
    assert lookup(url, "get", f"0x{name(ada)}").status == 404
    again = upload(url, str(ada.extract_certificate()), accept="application/json")
    assert again.status == 403
    assert "its owner asked for that" in again.text
    assert send(url, OwnerAct.DELETE, keytext=clear(text, ada)).status == 404


def test_no_way_in_brings_a_deleted_certificate_back(url: str, ada: Tsk) -> None:
    """Neither the form, nor a body, nor HKP v2, nor VKS, nor a revocation of the key."""
    certificate = ada.extract_certificate()
    assert send(url, OwnerAct.DELETE, keytext=clear(text_to_sign(url, OwnerAct.DELETE, ada), ada)).status == 200
    revoked = bytes(certificate) + bytes(certificate.revoke(ada.certifier()))
    ways = [
        ("/pks/add", urlencode({"keytext": str(certificate)}).encode(), FORM["Content-Type"]),
        ("/pks/add", str(certificate).encode(), "application/pgp-keys"),
        ("/pks/add", revoked, "application/pgp"),
        ("/pks/v2/certs", bytes(certificate), "application/pgp"),
        ("/vks/v1/upload", json.dumps({"keytext": str(certificate)}).encode(), "application/json"),
    ]
    for path, body, content_type in ways:
        answer = ask(url, "POST", path, body, {"Content-Type": content_type, "Accept": "application/json"})
        assert answer.status not in (404, 405, 415), path
        assert "its owner asked for that" in answer.text, path
        assert lookup(url, "get", f"0x{name(ada)}").status == 404, path


def test_a_detached_signature_comes_in_a_field_of_its_own(url: str, ada: Tsk) -> None:
    """As in Hockeypuck's form, with the text as it was signed or with the line ends of a browser's form."""
    for change in (str, lambda text: text.replace("\n", "\r\n")):
        text = text_to_sign(url, OwnerAct.REPLACE, ada) + str(ada.extract_certificate())
        signature = sign(ada.signer(), text.encode(), mode=SignatureMode.DETACHED).decode()
        answer = send(url, OwnerAct.REPLACE, keytext=change(text), keysig=signature)
        assert answer.status == 200, answer.text
        assert answer.json == {"updated": [{"version": 4, "fingerprint": name(ada)}]}


def test_a_request_sent_twice_conflicts(url: str, ada: Tsk) -> None:
    """The second time is 409, and says that the nonce is used up."""
    text = text_to_sign(url, OwnerAct.REPLACE, ada) + str(ada.extract_certificate())
    form = {"keytext": clear(text, ada)}
    assert send(url, OwnerAct.REPLACE, **form).status == 200
    answer = send(url, OwnerAct.REPLACE, **form)
    assert answer.status == 409
    assert "nonce" in answer.json["detail"]


def test_a_request_sent_many_times_at_once_is_obeyed_once(url: str, ada: Tsk) -> None:
    """Of eight threads with the same request one gets 200, the others 409 or 404."""
    message = clear(text_to_sign(url, OwnerAct.DELETE, ada), ada)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(send(url, OwnerAct.DELETE, keytext=message).status))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses)[0] == 200
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 404, 409}


@pytest.mark.parametrize("act", OwnerAct)
def test_a_stranger_is_refused(url: str, ada: Tsk, act: OwnerAct) -> None:
    """403, with the reason and a hint as a problem in JSON."""
    eve = Tsk.generate(user_ids=["Eve"])
    text = text_to_sign(url, act, ada) + (str(ada.extract_certificate()) if act is OwnerAct.REPLACE else "")
    answer = send(url, act, keytext=clear(text, eve))
    assert answer.status == 403
    assert "has no say here" in answer.json["detail"]
    assert lookup(url, "get", f"0x{name(ada)}").status == 200


def test_an_old_request_of_hockeypuck_is_refused_with_the_way_to_do_it(url: str, ada: Tsk) -> None:
    """The signed path and certificate alone are 400, and the hint names the address of a right text."""
    text = f"/pks/delete\n{ada.extract_certificate()}"
    signature = sign(ada.signer(), text.encode(), mode=SignatureMode.DETACHED).decode()
    answer = send(url, OwnerAct.DELETE, keytext=text, keysig=signature)
    assert answer.status == 400
    assert "could be sent again" in answer.json["detail"]
    assert "/pks/delete?fingerprint=" in answer.json["hint"]


def test_a_replacement_that_does_not_hold_is_unprocessable(url: str, ada: Tsk) -> None:
    """A secret key in the signed text is 422, and nothing of it is stored."""
    text = text_to_sign(url, OwnerAct.REPLACE, ada) + str(ada).replace("PRIVATE", "PUBLIC")
    answer = send(url, OwnerAct.REPLACE, keytext=clear(text, ada))
    assert answer.status == 422
    assert "secret key" in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/x-www-form-urlencoded", 400),
        (b"keytext=", "application/x-www-form-urlencoded", 400),
        (b"keytext=a&keytext=b", "application/x-www-form-urlencoded", 400),
        (b"keytext=a&keysig=b&keysig=c", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=b" for _ in range(40)), "application/x-www-form-urlencoded", 400),
        (b"keytext=%ff%00", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
        (b"keytext=a", "text/plain", 415),
    ],
)
def test_other_bodies_are_refused(url: str, body: bytes, content_type: str, status: int) -> None:
    """No field, an empty one, one twice, too many, rubbish, another type of body."""
    answer = ask(url, "POST", "/pks/delete", body, {"Content-Type": content_type, "Accept": "application/json"})
    assert answer.status == status
    assert answer.json["detail"]


@pytest.mark.parametrize("mebibytes", [3, 9])
def test_a_body_over_the_limit_is_refused(url: str, mebibytes: int) -> None:
    """413: unread above the server's limit, unopened above what a request with one certificate needs."""
    body = b"keytext=" + b"%0A" * (mebibytes * 1024 * 1024 // 3)
    assert ask(url, "POST", "/pks/replace", body, FORM).status == 413


@pytest.mark.parametrize("act", OwnerAct)
def test_the_way_to_ask_is_told(url: str, act: OwnerAct) -> None:
    """GET without a fingerprint shows the two commands; with one that is none, 400; OPTIONS lists the methods."""
    answer = ask(url, "GET", act.value)
    assert answer.status == 200
    assert f"curl --data-urlencode keytext@request.asc '{url}{act}'" in answer.text
    assert "--clearsign >request.asc" in answer.text
    assert ask(url, "GET", f"{act}?fingerprint=1234").status == 400
    options = ask(url, "OPTIONS", act.value)
    assert options.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert options.headers["Accept"] == "application/x-www-form-urlencoded"


def test_each_offered_text_is_for_this_server_and_for_an_hour(url: str, ada: Tsk) -> None:
    """The text names the server, the fingerprint and a nonce that is new each time."""
    one, other = (parse_request(text_to_sign(url, OwnerAct.DELETE, ada).split("\n")) for _ in range(2))
    assert one.server == "keys.example.org"
    assert one.fingerprint == name(ada)
    assert one.nonce != other.nonce


def test_the_gauge_of_certificates_goes_down(running: ServerThread, url: str, ada: Tsk) -> None:
    """A deletion is one certificate less in the metrics."""

    def gauge() -> float:
        line = next(
            line for line in running.metrics.render().decode().splitlines() if line.startswith("wasmpuck_store_keys")
        )
        return float(line.split()[-1])

    before = gauge()
    assert send(url, OwnerAct.DELETE, keytext=clear(text_to_sign(url, OwnerAct.DELETE, ada), ada)).status == 200
    assert gauge() == before - 1
