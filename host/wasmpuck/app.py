"""The composition root: every object of a running server, built in visible order on one exit stack."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from wasmpuck.allocator import return_large_blocks
from wasmpuck.config import Configuration, HTTPSettings
from wasmpuck.datafolder import STATE_FILE, TOKEN_FILE, claim, make_private, write_private
from wasmpuck.errors import OperatorError
from wasmpuck.events import Bus
from wasmpuck.http import HTTPServer, build_application
from wasmpuck.http import serve as serve_http
from wasmpuck.http.admin import build_admin
from wasmpuck.http.chain import Means, plugin_middleware
from wasmpuck.http.condition import condition_middleware
from wasmpuck.http.riddles import Riddles
from wasmpuck.http.rights_admin import rights_routes
from wasmpuck.http.tls import Identity
from wasmpuck.http.visit import site_of
from wasmpuck.keyserver import HeldEvent, KeyEvent, Keyserver, SearchRules
from wasmpuck.keyserver.administrators import rules_of
from wasmpuck.keyserver.rights import Rights
from wasmpuck.keyserver.services import disclosure_of, open_services
from wasmpuck.keyserver.tokens import Tokens
from wasmpuck.metrics import Metrics
from wasmpuck.openpgp.policy import Policy
from wasmpuck.plugins import Lifecycle, Outcome, Plugin, Registry, Snapshot
from wasmpuck.plugins.series import PluginCollector
from wasmpuck.plugins.tap import Tap
from wasmpuck.runtime.cache import CodeCache
from wasmpuck.runtime.capabilities import Facilities, Namespaces, Vault
from wasmpuck.runtime.compile import Compiler
from wasmpuck.runtime.engine import Engine
from wasmpuck.storage import Indexing, SQLitePluginStore, store_of
from wasmpuck.worlds import admission, formatter, middleware, routes, services
from wasmpuck.worlds.services import PluginExchange

__all__ = [
    "Ready",
    "Server",
    "open_keyserver",
    "open_loader",
    "open_plugins",
    "open_rights",
    "open_server",
    "tell_of_key",
    "tell_of_quarantine",
    "vet",
]

_log = logging.getLogger(__name__)

_UNTIL_RESTART = ("server", "http", "storage", "openpgp", "search", "rights", "mail", "vks", "wkd", "web", "metrics")
"""The tables of the configuration that are read at the start alone."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What is announced when all listeners accept: URLs without a trailing slash, and a row for each plugin.

    `https` is empty where HTTPS is not served.
    """

    hkp: str
    admin: str
    metrics: str
    plugins: list[dict[str, Any]] = field(default_factory=list)
    https: str = ""


def _build_views(snapshot: Snapshot) -> None:
    """Every world prepares what it needs of a snapshot before anybody sees it."""
    middleware.prepare(snapshot)
    admission.prepare(snapshot)
    routes.prepare(snapshot)
    formatter.prepare(snapshot)


def vet(plugin: Plugin, others: Iterable[Plugin]) -> None:
    """Whether a generation wants nothing that the server or another plugin has; raises `ArtifactRefused`."""
    others = list(others)
    routes.vet(plugin, others)
    formatter.vet(plugin, others)
    services.vet(plugin)


def tell_of_key(bus: Bus, event: KeyEvent) -> None:
    """What happened to a certificate, as news for plugins (WIT `events`)."""
    what = "deleted" if event.md5 is None else "inserted" if event.previous is None else "updated"
    bus.tell(f"key.{what}", **asdict(event))


def tell_of_quarantine(bus: Bus, event: HeldEvent) -> None:
    """What happened in quarantine, likewise."""
    news = asdict(event)
    bus.tell("key.released" if news.pop("released") else "key.quarantined", **news)


@contextlib.asynccontextmanager
async def open_keyserver(
    configuration: Configuration, chosen: admission.PluginAdmission | None = None
) -> AsyncIterator[Keyserver]:
    """A keyserver on the configured store, without listeners and, unless one is given, without plugins."""
    make_private(configuration.server.data_dir)
    search = configuration.search
    store = store_of(configuration.storage, Indexing(words=search.words, domains=bool(search.domains)))
    await store.open()
    try:
        keyserver = Keyserver(
            store,
            Policy(**asdict(configuration.openpgp)),
            chosen,
            search=SearchRules(**asdict(search)),
            search_limit=configuration.http.max_results,
            search_bytes=configuration.http.max_answer_bytes,
        )
        try:
            yield keyserver
        finally:
            await keyserver.close()
    finally:
        await store.close()


def open_rights(configuration: Configuration, keyserver: Keyserver) -> Rights:
    """Owners' rights over a keyserver, by `[rights]`. Raises OperatorError for an administrator's file that fails."""
    return Rights(keyserver, rules_of(configuration.rights, configuration.server.hostname, keyserver.policy))


@contextlib.asynccontextmanager
async def open_plugins(
    configuration: Configuration,
    registry: Registry,
    *,
    progress: Callable[[str, float], None] | None = None,
    background: bool = True,
    bus: Bus | None = None,
    tap: Tap | None = None,
    keyserver: Keyserver | None = None,
    compiler: Compiler | None = None,
) -> AsyncIterator[Lifecycle]:
    """The configured plugins, loaded into the registry but for those that are refused; retired at the end.

    Args:
        background: whether plugins' tasks run, their storage is written and their folder is watched. A command that
            works beside a server does none of that.
        bus: the server's news; without one, plugins hear only each other.
        tap: given to each generation of a plugin.
        keyserver: what plugins may ask about certificates; without one they are told that it is unavailable.
        compiler: makes code; by default one that keeps it in the data folder.

    Raises:
        StartRefused: a plugin that must be there cannot be loaded.
    """
    data = configuration.server.data_dir
    async with contextlib.AsyncExitStack() as stack:
        store = SQLitePluginStore(data / "plugins.sqlite")
        await store.open()
        stack.push_async_callback(store.close)
        namespaces = Namespaces(store, wall=time.time)
        if background:
            namespaces.start()
            stack.push_async_callback(namespaces.close)
        if compiler is None:
            engine = Engine()
            cache = CodeCache(data / "code", data / "code.key", engine.fingerprint())
            compiler = Compiler(engine, cache, progress=progress)
        bus = bus or Bus()
        stack.callback(middleware.heed(bus, registry))
        lifecycle = Lifecycle(
            configuration,
            compiler,
            store,
            namespaces,
            registry,
            _build_views,
            background=background,
            bus=bus,
            facilities=Facilities(
                exchange=PluginExchange(registry),
                vault=Vault(configuration.plugins.secrets_directory, time.monotonic),
                keyserver=keyserver,
                disclosure=disclosure_of(configuration.vks, keyserver.store) if keyserver is not None else None,
            ),
            vet=vet,
            tap=tap,
        )
        stack.push_async_callback(lifecycle.stop)
        await lifecycle.start()
        yield lifecycle


@contextlib.asynccontextmanager
async def open_loader(
    configuration: Configuration, *, progress: Callable[[str, float], None] | None = None
) -> AsyncIterator[Keyserver]:
    """A keyserver for loading files: the same store, policy and admission plugins as the server's, no listeners."""
    make_private(configuration.server.data_dir)
    registry = Registry()
    async with (
        open_keyserver(configuration, admission.PluginAdmission(registry)) as keyserver,
        open_plugins(configuration, registry, progress=progress, background=False, keyserver=keyserver),
    ):
        yield keyserver


@dataclass(slots=True)
class Server:
    """A running server and its parts."""

    configuration: Configuration
    keyserver: Keyserver
    lifecycle: Lifecycle
    metrics: Metrics
    ready: Ready
    identity: Identity | None = None

    async def reload(self) -> list[Outcome]:
        """Reads the configuration again and replaces the plugins that it changes. Listeners and storage stay as they
        are.

        Raises:
            ConfigurationError: the file does not hold; nothing has changed.
            OperatorError: the certificate for HTTPS cannot be used; nothing has changed.
        """
        fresh = self.configuration.reload()
        for part in _UNTIL_RESTART:
            if getattr(fresh, part) != getattr(self.configuration, part):
                _log.warning("the changed settings in [%s] take effect at the next start", part)
        if self.identity is not None:
            self.identity.renew()
        outcomes = await self.lifecycle.reload(fresh)
        self.configuration = fresh
        return outcomes


@contextlib.asynccontextmanager
async def open_server(
    configuration: Configuration,
    *,
    progress: Callable[[str, float], None] | None = None,
    tap: Tap | None = None,
    compiler: Compiler | None = None,
) -> AsyncIterator[Server]:
    """Starts a server; leaving the block drains and stops it in the reverse order. `tap` and `compiler` as in
    `open_plugins`.

    Raises:
        StartRefused: a plugin that must be there cannot be loaded.
        OperatorError: an address or a file cannot be had.
    """
    server_settings = configuration.server
    data = server_settings.data_dir
    return_large_blocks()
    registry = Registry()
    metrics = Metrics(hockeypuck_names=configuration.metrics.hockeypuck_names)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(claim(data).close)
        keyserver = await stack.enter_async_context(open_keyserver(configuration, admission.PluginAdmission(registry)))
        bus = Bus()
        stack.callback(keyserver.observe(lambda event: tell_of_key(bus, event)))
        stack.callback(keyserver.watch(lambda event: tell_of_quarantine(bus, event)))
        lifecycle = await stack.enter_async_context(
            open_plugins(
                configuration, registry, progress=progress, bus=bus, tap=tap, keyserver=keyserver, compiler=compiler
            )
        )
        metrics.registry.register(PluginCollector(lifecycle))
        await _seed(keyserver, configuration)
        rights = open_rights(configuration, keyserver)
        if configuration.search.short_key_ids:
            _log.warning("search.shortKeyIds is on: anybody can make a key with the 8-digit id of another in seconds")
        identity = _identity(configuration)
        services = await stack.enter_async_context(
            open_services(
                keyserver.store,
                configuration.mail,
                configuration.vks,
                folder=data,
                server=server_settings.hostname,
                limit=configuration.http.max_results,
                counted=metrics.letter,
            )
        )

        server: Server

        async def reload() -> list[Outcome]:
            return await server.reload()

        means = Means(Riddles(Tokens.stored(data / "riddles.key")), configuration.http)
        token = secrets.token_urlsafe(32)
        application = build_application(
            keyserver,
            configuration.http,
            metrics,
            middlewares=[condition_middleware(registry), plugin_middleware(registry, means)],
            idle=lambda: registry.current.idle,
            rights=rights,
            plugins=registry,
            services=services,
            wkd=configuration.wkd,
            site=site_of(configuration.http, configuration.web, lifecycle.report),
        )
        admin = build_admin(lifecycle, metrics, token, reload, rights_routes(rights))
        admin_http = await stack.enter_async_context(serve_http(admin, HTTPSettings()))
        hkp_http = await stack.enter_async_context(serve_http(application, configuration.http, metrics))
        stack.callback(means.close)
        metrics.watch_slow(lambda: len(means.patience), lambda: len(means.drips))
        admin_url = await _bind(admin_http, server_settings.admin_bind.host, server_settings.admin_bind.port)
        hkp_url = await _bind(hkp_http, server_settings.bind.host, server_settings.bind.port)
        https_url = ""
        if identity is not None and server_settings.tls_bind is not None:
            place = server_settings.tls_bind
            https_url = await _bind(hkp_http, place.host, place.port, identity)
            _log.info("HTTPS at %s", https_url)

        ready = Ready(hkp_url, admin_url, f"{admin_url}/metrics", lifecycle.report(), https_url)
        write_private(data / TOKEN_FILE, token)
        state = {"pid": os.getpid(), "hkp": ready.hkp, "admin": ready.admin, "metrics": ready.metrics}
        write_private(data / STATE_FILE, json.dumps(state))
        stack.callback((data / STATE_FILE).unlink, missing_ok=True)
        stack.callback((data / TOKEN_FILE).unlink, missing_ok=True)
        server = Server(configuration, keyserver, lifecycle, metrics, ready, identity)
        # What is there now stays: the collector need not look at it again for each few requests.
        gc.collect()
        gc.freeze()
        stack.callback(gc.unfreeze)
        yield server


def _identity(configuration: Configuration) -> Identity | None:
    settings = configuration.server
    if settings.tls_bind is None or settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Identity(settings.tls_certificate, settings.tls_key)


async def _bind(http: HTTPServer, host: str, port: int, identity: Identity | None = None) -> str:
    try:
        return await http.bind(host, port, ssl_context=identity.context if identity is not None else None)
    except OSError as error:
        raise OperatorError(
            f"cannot listen on {host or '*'}:{port}: {os.strerror(error.errno) if error.errno else error}",
            hint="another server may use the address: choose another with --bind or --admin-bind",
        ) from None


async def _seed(keyserver: Keyserver, configuration: Configuration) -> None:
    """Loads the configured key set into an empty database."""
    if configuration.storage.seed and await keyserver.store.count() == 0:
        for path in configuration.storage.seed:
            report = await keyserver.load([path])
            for failure in report.failures:
                _log.error("%s", failure.message)
            _log.info("loaded %d certificates from %s", report.inserted, path.name)
