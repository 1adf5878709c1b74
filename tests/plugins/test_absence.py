"""Plugins without which no request may pass, and that never came into service."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from plugins.house import FAILING, House, in_house, what
from runtime.guests import Guest
from wasmpuck.http.condition import condition_middleware
from wasmpuck.plugins.health import Condition

CLOSED = '[plugins.probe]\nfailure = "closed"\n'


async def ask(house: House, path: str = "/") -> tuple[int, str]:
    """Status and text of an answer of a server that answers everything with OK."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="OK\n")

    application = web.Application(middlewares=[condition_middleware(house.registry)])
    application.router.add_get("/{any:.*}", answer)
    async with TestClient(TestServer(application)) as client, client.get(path) as got:
        return got.status, await got.text()


@in_house
async def test_requests_are_refused_without_a_new_closed_plugin(house: House) -> None:
    """A reload that names a plugin as `closed` and cannot load it closes the server until it loads or is removed."""
    house.put(Guest(name="good"))
    async with house.open() as lifecycle:
        await lifecycle.start()
        assert await ask(house) == (200, "OK\n")
        house.put(FAILING)
        assert what(await house.reload(CLOSED)) == {"good": "unchanged", "probe": "refused"}
        status, text = await ask(house)
        assert status == 503
        assert "probe (self-test-failed)" in text
        assert "it does not work here" not in text
        assert "it does not work here" in house.row("probe")["reason"]
        assert (await ask(house, "/pks/health"))[0] == 503
        assert what(await house.reload('[plugins.probe]\nfailure = "open"\n'))["probe"] == "refused"
        assert (await ask(house))[0] == 200
        await house.reload(CLOSED)
        assert (await ask(house))[0] == 503
        house.put(Guest(name="probe"))
        assert (await lifecycle.swap("probe")).what == "published"
        assert (await ask(house))[0] == 200


@in_house
async def test_a_closed_plugin_without_a_file(house: House) -> None:
    """It closes the server as well, and opens it again when it is disabled or its table is removed."""
    async with house.open() as lifecycle:
        await lifecycle.start()
        await house.reload(CLOSED)
        assert (await ask(house))[0] == 503
        await house.reload(CLOSED + "enabled = false\n")
        assert (await ask(house))[0] == 200
        await house.reload(CLOSED)
        assert (await ask(house))[0] == 503
        await house.reload()
        assert (await ask(house))[0] == 200


@in_house
async def test_an_older_generation_is_enough(house: House) -> None:
    """When a successor is refused the old generation judges on, and nothing is closed."""
    house.put(Guest())
    async with house.open(CLOSED) as lifecycle:
        await lifecycle.start()
        house.put(FAILING)
        assert (await lifecycle.swap("probe")).what == "refused"
        assert (await ask(house))[0] == 200


@in_house
async def test_health_names_plugins_that_are_not_well(house: House) -> None:
    """A line for each of them, without what they say about themselves."""
    house.put(Guest())
    async with house.open() as lifecycle:
        await lifecycle.start()
        assert await ask(house, "/pks/health") == (200, "OK\n")
        house["probe"].health = Condition("degraded", "secret")
        assert await ask(house, "/pks/health") == (200, "OK\nplugin probe is degraded\n")
        assert await ask(house, "/pks/other") == (200, "OK\n")
