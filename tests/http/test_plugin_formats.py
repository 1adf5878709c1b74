"""Look-ups that plugins render."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from e2e.client import Answer, ask, lookup, upload
from e2e.plugged import Plugged
from runtime.abi import Image
from runtime.guests import Body, Guest
from wasmpuck.runtime.contract import load_contract
from wasmpuck.runtime.values import Case

ALICE = (Path(__file__).parents[1] / "vectors" / "alice.asc").read_text()
KIND = "application/x-demo;version=1"
RENDER = "formatter.render"


def rendering(outcome: Case | None = None, render: Body | None = None, **form: str) -> Guest:
    """A plugin with the form `demo`, and a constant rendering or what the text of `render` does."""
    described = {"name": "demo", "media-type": KIND, "extension": "demo", "description": "A form."} | form
    return Guest(
        name="forms",
        worlds=("lifecycle", "formatter"),
        results={"formatter.describe-formats": [described], RENDER: outcome or Case("text", "rendered")},
        bodies={RENDER: render} if render is not None else {},
    )


def parameter(place: int) -> Body:
    """Renders the text that lies in these parameters: 0 format, 2 operation, 4 search."""
    return _text(lambda image: (f"(local.get {place})", f"(local.get {place + 1})"))


def of_first(field: int) -> Body:
    """Renders a field of the first certificate: 0 fingerprint, 1 armor, 2 summary."""
    at = 8 * field
    place, length = (f"(i32.load (i32.add (local.get 6) (i32.const {where})))" for where in (at, at + 4))
    return _text(lambda image: (place, length))


def _text(where: Any) -> Body:
    def body(image: Image) -> str:
        kind = load_contract()["formatter"].functions["render"].result
        assert kind is not None
        at = image.value(kind, Case("text", ""))
        place, length = where(image)
        return f"(i32.store (i32.const {at + 4}) {place}) (i32.store (i32.const {at + 8}) {length}) i32.const {at}"

    return body


def find(
    server: Plugged, operation: str = "get", headers: Mapping[str, str] | None = None, options: str = ""
) -> Answer:
    """Alice, looked up."""
    chosen = f"&options={options}" if options else ""
    return ask(
        server.url, "GET", f"/pks/lookup?op={operation}&search=alice@openpgp.example{chosen}", headers=headers or {}
    )


@pytest.mark.parametrize("operation", ["get", "index", "vindex"])
def test_a_form_is_asked_for_by_name_or_type(tmp_path: Path, operation: str) -> None:
    """The answer has the plugin's type and a file name, and says on what it depends."""
    with Plugged(tmp_path, rendering(render=parameter(2))) as server:
        fingerprint = upload(server.url, ALICE).json["inserted"][0]
        for answer in (
            find(server, operation, options="demo"),
            find(server, operation, {"Accept": "application/x-demo, */*;q=0.1"}),
        ):
            assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, operation, KIND)
            assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
            assert answer.headers["Content-Disposition"].endswith('.demo"')
            assert answer.headers["Vary"] == "Accept"
            assert answer.headers["Cache-Control"].startswith("public")
        assert fingerprint


def test_the_plugin_gets_armor_and_json(tmp_path: Path) -> None:
    """And what was searched for."""
    with Plugged(tmp_path, rendering(render=of_first(1))) as server:
        upload(server.url, ALICE)
        assert find(server, options="demo").text.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    with Plugged(tmp_path, rendering(render=of_first(2))) as server:
        listed = find(server, "index", options="json").json
        assert find(server, options="demo").json == listed[0]
    with Plugged(tmp_path, rendering(render=of_first(0))) as server:
        assert find(server, options="demo").text == listed[0]["fingerprint"]
    with Plugged(tmp_path, rendering(render=parameter(4))) as server:
        assert find(server, options="demo").text == "alice@openpgp.example"


def test_the_server_s_own_forms_stay(tmp_path: Path) -> None:
    """Who asks for nothing special gets what he always got, and caches learn that it depends on `Accept`."""
    with Plugged(tmp_path, rendering()) as server:
        upload(server.url, ALICE)
        keys = find(server)
        assert keys.headers["Content-Type"] == "application/pgp-keys"
        assert keys.headers["Vary"] == "Accept, Accept-Encoding"
        assert find(server, "index", options="mr").text.startswith("info:1:1")
        assert find(server, "index", {"Accept": "application/x-demo"}, "json").json
        assert find(server, "index", {"Accept": "application/json, application/x-demo"}).json
        assert server.plugins[0].data.account.of(RENDER).calls == 0


def test_a_client_keeps_a_rendering(tmp_path: Path) -> None:
    """304 for who has it, without asking the plugin; another version of the plugin renders anew."""
    guest = rendering(Case("bytes", b"\x00\xff"))
    with Plugged(tmp_path, guest) as server:
        upload(server.url, ALICE)
        first = find(server, options="demo")
        assert first.body == b"\x00\xff"
        again = find(server, headers={"If-None-Match": first.headers["ETag"]}, options="demo")
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert server.plugins[0].data.account.of(RENDER).calls == 1
    guest.version = "1.0.1"
    with Plugged(tmp_path, guest) as server:
        fresh = find(server, headers={"If-None-Match": first.headers["ETag"]}, options="demo")
        assert fresh.status == 200
        assert fresh.headers["ETag"] != first.headers["ETag"]


def test_what_has_no_such_form(tmp_path: Path) -> None:
    """406 with the plugin's sentence; 404 where nothing was found, and then the plugin is not asked."""
    with Plugged(tmp_path, rendering(Case("unsuitable", "Only RSA keys\nhave it."))) as server:
        assert lookup(server.url, "get", "nobody@example.org", options="demo").status == 404
        upload(server.url, ALICE)
        answer = find(server, options="demo")
        assert (answer.status, answer.text) == (406, "Only RSA keys have it.\n")


@pytest.mark.parametrize(("failure", "status"), [("open", 502), ("closed", 503)])
def test_a_plugin_that_cannot_render(tmp_path: Path, failure: str, status: int) -> None:
    """Is answered for."""
    with Plugged(tmp_path, rendering(render="unreachable"), failure=failure) as server:
        upload(server.url, ALICE)
        answer = find(server, options="demo")
        assert answer.status == status
        assert answer.text.startswith("the plugin forms could not answer this request (unreachable)")
