"""The operator's routes: what they answer, and to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest
from aiohttp import web

from e2e.client import Answer, ask
from e2e.serving import ServerThread
from wasmpuck.config import HTTPSettings
from wasmpuck.http.admin import build_admin
from wasmpuck.http.rights_admin import rights_routes
from wasmpuck.keyserver import Keyserver
from wasmpuck.keyserver.administrators import RightsRules
from wasmpuck.keyserver.rights import Rights
from wasmpuck.metrics import Metrics
from wasmpuck.storage import SQLiteKeyStore

TOKEN = "correct horse"
FINGERPRINT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An administration listener over an empty database, without plugins."""
    folder = tmp_path_factory.mktemp("admin")
    metrics = Metrics(process=False)

    async def build(stack: AsyncExitStack) -> web.Application:
        store = SQLiteKeyStore(folder / "keys.sqlite")
        await store.open()
        stack.push_async_callback(store.close)
        rights = Rights(Keyserver(store), RightsRules(server_names=("a",)))
        return build_admin(cast(Any, None), metrics, TOKEN, cast(Any, None), rights_routes(rights))

    with ServerThread(build, HTTPSettings(), metrics) as server:
        yield server.url


def asked(url: str, method: str, path: str, body: bytes | None = None, token: str = TOKEN) -> Answer:
    """With a token."""
    return ask(url, method, f"/admin/keys/{path}", body, {"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "audit"), ("GET", "tombstones"), ("POST", f"{FINGERPRINT}/delete"), ("POST", f"{FINGERPRINT}/exhume")],
)
def test_everything_needs_the_token(url: str, method: str, path: str) -> None:
    """Without it nothing is told and nothing is done."""
    assert asked(url, method, path, token="wrong").status == 401
    assert ask(url, method, f"/admin/keys/{path}").status == 401
    assert asked(url, "GET", "audit").json == []


def test_bury_look_and_exhume(url: str) -> None:
    """Each act is a line of the record, which is read in parts by number."""
    body = json.dumps({"reason": "spam", "until": 4e9}).encode()
    assert asked(url, "POST", f"{FINGERPRINT.upper()}/delete", body).json == {"deleted": False}
    assert asked(url, "GET", "tombstones").json == [{"fingerprint": FINGERPRINT, "reason": "spam", "until": 4e9}]
    assert asked(url, "POST", f"{FINGERPRINT}/exhume").json == {"exhumed": True}
    assert asked(url, "POST", f"{FINGERPRINT}/exhume").json == {"exhumed": False}
    assert asked(url, "GET", "tombstones").json == []
    acts = asked(url, "GET", "audit").json
    assert [(act["kind"], act["actor"], act["detail"]) for act in acts] == [
        ("delete", "operator", "spam"),
        ("exhume", "operator", ""),
    ]
    assert asked(url, "GET", f"audit?after={acts[0]['number']}").json == acts[1:]
    assert asked(url, "GET", "audit?limit=1").json == acts[:1]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "0123456789abcdef/delete", None),
        ("POST", f"{FINGERPRINT}0/exhume", None),
        ("POST", f"{FINGERPRINT}/delete", b"{"),
        ("POST", f"{FINGERPRINT}/delete", b"[]"),
        ("POST", f"{FINGERPRINT}/delete", b'{"reason": 1}'),
        ("POST", f"{FINGERPRINT}/delete", b'{"until": "tomorrow"}'),
        ("POST", f"{FINGERPRINT}/delete", b'{"until": true}'),
        ("POST", f"{FINGERPRINT}/delete", b'{"until": NaN}'),
        ("POST", f"{FINGERPRINT}/delete", b'{"reason": "a\\nb"}'),
        ("POST", f"{FINGERPRINT}/delete", json.dumps({"reason": "a" * 501}).encode()),
        ("POST", f"{FINGERPRINT}/delete", b"[" * 100_000),
        ("GET", "audit?after=-1", None),
        ("GET", "audit?limit=many", None),
    ],
)
def test_what_makes_no_sense_is_refused(url: str, method: str, path: str, body: bytes | None) -> None:
    """400 with a message, and no tombstone."""
    answer = asked(url, method, path, body)
    assert answer.status == 400
    assert answer.json["message"]
    assert asked(url, "GET", "tombstones").json == []
