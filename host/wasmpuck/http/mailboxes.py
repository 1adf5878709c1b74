"""The routes of every protocol that answers by mailbox: HKP version 2, Web Key Directory, VKS, the page of letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from wasmpuck.http.confirming import Confirming
from wasmpuck.http.hkp2 import HKP2
from wasmpuck.http.hkp2_submissions import Bundles, Submissions
from wasmpuck.http.vks import VKS
from wasmpuck.http.wkd import WKD

if TYPE_CHECKING:
    from wasmpuck.config import HTTPSettings, WKDSettings
    from wasmpuck.keyserver import Admission, Keyserver
    from wasmpuck.keyserver.services import Services
    from wasmpuck.metrics import Metrics

__all__ = ["mailbox_routes"]


def mailbox_routes(
    keyserver: Keyserver,
    services: Services,
    wkd: WKDSettings | None,
    settings: HTTPSettings,
    metrics: Metrics,
    admission: Admission | None,
) -> list[web.RouteDef]:
    """All of them; without `wkd` or domains in it there is no Web Key Directory."""
    submissions = Submissions(keyserver, settings, metrics, admission)
    bundles = Bundles(services.canonical, submissions, settings) if services.canonical is not None else None
    hkp = HKP2(keyserver, services.directory, settings, submissions, bundles)
    vks = VKS(keyserver, services.directory, services.verification, settings, metrics, admission)
    routes = [*hkp.routes(), *vks.routes(), *Confirming(services.verification).routes()]
    if wkd is not None and wkd.domains:
        routes += WKD(services.directory, services.names, wkd, settings).routes()
    return routes
