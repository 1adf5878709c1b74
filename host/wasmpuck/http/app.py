"""The public application: its routes, readable at a glance."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Middleware

from wasmpuck import __version__
from wasmpuck.http import ui
from wasmpuck.http.answers import preflight
from wasmpuck.http.assets import serve_asset
from wasmpuck.http.body import expect_later
from wasmpuck.http.front import FRONT, Front
from wasmpuck.http.hashquery import HashQuery
from wasmpuck.http.health import Health
from wasmpuck.http.hkp import HKP
from wasmpuck.http.mailboxes import mailbox_routes
from wasmpuck.http.plugin_routes import PluginResource
from wasmpuck.http.rights import FORM_TYPE, OwnerRoutes
from wasmpuck.http.uploads import ACCEPTED
from wasmpuck.http.visit import SITE, Site, describe_language
from wasmpuck.keyserver.services import Services

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings, WKDSettings
    from wasmpuck.keyserver import Admission, Keyserver
    from wasmpuck.keyserver.rights import Rights
    from wasmpuck.metrics import Metrics
    from wasmpuck.plugins import Registry

__all__ = ["SERVER", "build_application"]

SERVER = f"Wasmpuck/{__version__}"
"""The `Server` header."""


def build_application(
    keyserver: Keyserver,
    settings: HTTPSettings,
    metrics: Metrics,
    *,
    middlewares: Sequence[Middleware] = (),
    idle: Callable[[], bool] = lambda: False,
    admission: Admission | None = None,
    services: Services | None = None,
    wkd: WKDSettings | None = None,
    site: Site | None = None,
    rights: Rights | None = None,
    plugins: Registry | None = None,
) -> web.Application:
    """The public application.

    `middlewares` is the plugin chain, outermost first; it finds the client's address in `request[CLIENT]` and the
    operation in `request[OPERATION]`. Requests pass it by while `idle` says so. `admission` is asked about every
    uploaded certificate.
    `site` is what pages say about this server; None says what `settings` do.
    `rights` obeys signed requests; without it there are no routes for them. `services` know mailboxes; without them no
    mail is sent and everything is shown. `wkd` names the domains of a Web Key Directory. `plugins` may answer paths
    that are not the server's.
    """
    services = services or Services.build(keyserver.store, limit=settings.max_results)
    disclosure = services.directory.disclosure
    hkp = HKP(keyserver, settings, metrics, admission, disclosure)
    hashes = HashQuery(keyserver, settings, metrics, disclosure)
    pages = ui.pages_of(keyserver, settings, disclosure)
    health = Health(keyserver, metrics)
    mailboxes = mailbox_routes(keyserver, services, wkd, settings, metrics, admission)
    routes = [
        web.get("/", pages.front),
        web.get("/submit", pages.submit),
        web.get("/help", pages.help),
        web.get("/key/{fingerprint}", pages.key),
        web.get("/static/{name}", serve_asset),
        web.get("/robots.txt", ui.robots),
        web.get("/pks/lookup", hkp.lookup),
        web.options("/pks/lookup", preflight("GET", "HEAD")),
        web.post("/pks/add", hkp.add, expect_handler=expect_later),
        web.options("/pks/add", preflight("POST", accept=ACCEPTED)),
        web.post("/pks/hashquery", hashes.answer, expect_handler=expect_later),
        web.options("/pks/hashquery", preflight("POST")),
        web.get("/pks/stats", hkp.stats),
        web.options("/pks/stats", preflight("GET", "HEAD")),
        web.get("/pks/health", health.check),
        web.options("/pks/health", preflight("GET", "HEAD")),
        *mailboxes,
    ]
    if rights is not None:
        owners = OwnerRoutes(rights, settings, metrics)
        routes += owners.routes()
        routes += [web.options(path, preflight("GET", "HEAD", "POST", accept=FORM_TYPE)) for path in owners.paths]
    application = web.Application()
    front = application[FRONT] = Front(settings, metrics, middlewares, idle)
    application.add_routes(front.routes(routes))
    if plugins is not None:
        application.router.register_resource(PluginResource(plugins, settings, metrics, front.wrap))
    application[SITE] = site or Site(hostname=settings.hostname, contact=settings.contact)
    application.on_response_prepare.append(_common_headers)
    application.cleanup_ctx.append(_counting(keyserver, metrics))
    return application


def _counting(keyserver: Keyserver, metrics: Metrics) -> Callable[[web.Application], AsyncIterator[None]]:
    """Keeps the gauge of stored certificates right while the application runs, without asking the database again."""

    async def count(application: web.Application) -> AsyncIterator[None]:
        metrics.store_counted((await keyserver.statistics()).total)
        forget = keyserver.observe(
            lambda event: metrics.store_changed(before=event.previous is not None, after=event.md5 is not None)
        )
        ignore = keyserver.watch(lambda event: metrics.quarantined(released=event.released))
        yield
        ignore()
        forget()

    return count


async def _common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer carries: keys are public, so any web page may read them, errors included."""
    headers = response.headers
    headers["Server"] = SERVER
    headers["Access-Control-Allow-Origin"] = "*"
    headers["X-Content-Type-Options"] = "nosniff"
    if headers.get("Content-Type", "").startswith("text/html"):
        describe_language(request, response)
