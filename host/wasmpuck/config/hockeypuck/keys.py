"""Every key of Hockeypuck's configuration, with its type and what becomes of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from wasmpuck.config.hockeypuck.draft import Draft, toml_value
from wasmpuck.config.hockeypuck.rules import (
    Fate,
    Rule,
    Verdict,
    becomes,
    database,
    fingerprints,
    log_level,
    needless,
    only,
    self_signed_only,
    size,
    tls,
    unsupported,
)
from wasmpuck.config.kinds import BadValue

__all__ = ["KEYS", "KeyRule"]


@dataclass(frozen=True, slots=True)
class KeyRule:
    """One key: the type that Hockeypuck expects (`list` is one of strings), the rule, and whether it is a secret.

    `kept` keys stay in the new file as comments.
    """

    kind: type
    rule: Rule
    kept: bool = False


_RECON = "synchronization (recon) is not there yet; it is kept as a comment"
_PUSH = "pushing to other servers is not there yet; it is kept as a comment"
_REINDEX = "the index is kept up to date with each write; `wasmpuck reindex` makes it anew when you want that"


def _page(shipped: str) -> Rule:
    def rule(draft: Draft, value: object) -> Verdict:
        if value == "" or str(value).rstrip("/").endswith(shipped):
            return Verdict(Fate.NOT_NEEDED, (), "the pages are built in; [web] says what they are called and show")
        instead = (
            "the pages are built in: own files are best served by the reverse proxy; see [web] for title and language"
        )
        return Verdict(Fate.NOT_SUPPORTED, (), instead)

    return rule


def _metrics_address(draft: Draft, value: object) -> Verdict:
    """Only a loopback address is taken: administration is served there too."""
    host, _, port = str(value).rpartition(":")
    try:
        near = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        near = False
    if near:
        if draft.put("server.adminBind", f"{host}:{port}"):
            becomes = (f"server.adminBind = {toml_value(f'{host}:{port}')}",)
            return Verdict(Fate.TRANSLATED, becomes, "administration is at this address too")
        return Verdict(Fate.SAME)
    instead = (
        "metrics are at server.adminBind (127.0.0.1:11372), where administration is too: let Prometheus ask there, or "
        "set it to an address that only your network reaches"
    )
    return Verdict(Fate.NOT_SUPPORTED, (), instead)


def _driver(draft: Draft, value: object) -> Verdict:
    if value == "postgres-jsonb":
        return Verdict(Fate.NOT_NEEDED, (), "storage.url says what kind of database it is")
    raise BadValue("Hockeypuck has no such driver", 'it is "postgres-jsonb"')


def _limiting(draft: Draft) -> bool:
    return draft.given.get("rateLimit.enabled") is True


_OFF = Verdict(Fate.NOT_NEEDED, (), "rateLimit.enabled is not true")


def _when_limiting(rule: Rule) -> Rule:
    return lambda draft, value: rule(draft, value) if _limiting(draft) else _OFF


def _limiter(draft: Draft, value: object) -> Verdict:
    if value is not True:
        return Verdict(Fate.SAME, (), "requests are limited by a plugin, or not at all")
    draft.plugin.setdefault("window", 10)
    draft.plugin.setdefault("limits", {"default": 100})
    draft.next.append("Sign and install the plugin ratelimit-window: docs/operators.md#plugins")
    return Verdict(Fate.TRANSLATED, ("[plugins.ratelimit-window]",), "the plugin has to be installed")


def _request_rate(draft: Draft, value: object) -> Verdict:
    rate = int(str(value))
    if not 1 <= rate <= 1_000_000:
        raise BadValue("the plugin takes 1 to 1000000 requests")
    draft.plugin["limits"] = {"default": rate}
    shown = (
        "plugins.ratelimit-window.config.window = 10",
        f"plugins.ratelimit-window.config.limits.default = {rate}",
    )
    return Verdict(Fate.TRANSLATED, shown, "requests in 10 seconds; each operation is counted apart")


def _exempt(draft: Draft, value: object) -> Verdict:
    good, bad = [], []
    for item in value if isinstance(value, list) else []:
        try:
            ipaddress.ip_network(str(item))
        except ValueError:
            bad.append(str(item)[:50])
        else:
            good.append(str(item))
    note = f"left out, because they are no networks: {', '.join(bad)}" if bad else ""
    if not good:
        return Verdict(Fate.WRONG_VALUE, (), note) if bad else Verdict(Fate.SAME, (), "empty here too")
    draft.plugin["exempt"] = good
    return Verdict(Fate.TRANSLATED, (f"plugins.ratelimit-window.config.exempt = {toml_value(good)}",), note)


def _recon(kind: type) -> KeyRule:
    return KeyRule(kind, unsupported(_RECON), kept=True)


def _no_limit(kind: type, instead: str) -> KeyRule:
    return KeyRule(kind, _when_limiting(unsupported(instead)))


_PROXY = "the reverse proxy can do it, as Hockeypuck's HAProxy files do"
_TOR = "there is no list of Tor exits; a plugin can be written for it (docs/plugin-authors.md)"
_BACKEND = "counts are in the plugin's own storage"

KEYS: dict[str, KeyRule] = {
    "loglevel": KeyRule(str, log_level),
    "logfile": KeyRule(
        str, unsupported("logs go to standard error: let systemd or the shell (`2>>FILE`) put them there")
    ),
    "indexTemplate": KeyRule(str, _page("index.html.tmpl")),
    "vindexTemplate": KeyRule(str, _page("index.html.tmpl")),
    "statsTemplate": KeyRule(str, _page("stats.html.tmpl")),
    "responseTemplate": KeyRule(str, _page("response.html.tmpl")),
    "webroot": KeyRule(str, _page("/www")),
    "contact": KeyRule(str, becomes("server.contact")),
    "hostname": KeyRule(str, becomes("server.hostname")),
    "nodename": KeyRule(str, unsupported("statistics name the server by server.hostname alone")),
    "enableVHosts": KeyRule(
        bool,
        only(
            False,
            "pages and statistics name server.hostname",
            "pages and statistics name server.hostname, whatever name was asked for",
        ),
    ),
    "reconStaleSecs": _recon(int),
    "maxResponseLen": KeyRule(int, size("http.maxAnswerBytes", unlimited=True)),
    "adminKeys": KeyRule(list, fingerprints("rights.adminKeys", "their certificates must be in the database")),
    "software": KeyRule(str, needless("statistics say what runs")),
    "version": KeyRule(str, needless("statistics say what runs")),
    "hkp.bind": KeyRule(str, becomes("server.bind")),
    "hkp.advertisedBind": KeyRule(str, unsupported("statistics give server.bind")),
    "hkp.logRequestDetails": KeyRule(
        bool,
        only(
            False,
            "requests are not logged",
            'server.logLevel = "debug" logs each request, never what was searched for; or let the proxy log',
        ),
    ),
    "hkp.queries.selfSignedOnly": KeyRule(bool, self_signed_only),
    "hkp.queries.keywordSearchDisabled": KeyRule(
        bool,
        only(
            False,
            "addresses can be searched for",
            'vks.mode = "verified" answers searches for those addresses only whose readers confirmed them',
        ),
    ),
    "hkp.queries.enableInexact": KeyRule(bool, becomes("search.words")),
    "hkps.bind": KeyRule(str, tls("hkps.bind")),
    "hkps.cert": KeyRule(str, tls("hkps.cert")),
    "hkps.key": KeyRule(str, tls("hkps.key")),
    "hkps.logRequestDetails": KeyRule(bool, needless("hkp.logRequestDetails is for both")),
    "pks.from": KeyRule(str, unsupported(_PUSH), kept=True),
    "pks.to": KeyRule(list, unsupported(_PUSH), kept=True),
    "pks.smtp.host": KeyRule(str, unsupported(_PUSH + "; [mail] names the relay for letters to users"), kept=True),
    "pks.smtp.id": KeyRule(str, unsupported(_PUSH), kept=True),
    "pks.smtp.user": KeyRule(str, unsupported(_PUSH), kept=True),
    "pks.smtp.pass": KeyRule(str, unsupported("pushing to other servers is not there yet; the password is not kept")),
    "metrics.metricsAddr": KeyRule(str, _metrics_address),
    "metrics.metricsPath": KeyRule(str, only("/metrics", "metrics are there", "metrics are always at /metrics")),
    "openpgp.nworkers": KeyRule(int, needless("neither server uses it")),
    "openpgp.maxKeyLength": KeyRule(int, size("openpgp.maxCertificateBytes", unlimited=True)),
    "openpgp.maxPacketLength": KeyRule(int, size("openpgp.maxPacketBytes", unlimited=True)),
    "openpgp.maxSigPacketLength": KeyRule(int, size("openpgp.maxSignatureBytes", unlimited=True)),
    "openpgp.blacklist": KeyRule(list, fingerprints("openpgp.blacklist", "they are not given out either")),
    "openpgp.enumerableDomains": KeyRule(list, becomes("search.domains")),
    "openpgp.headers.comment": KeyRule(
        str, unsupported("armor is written without headers, as RFC 9580 §6.2.2.1 advises")
    ),
    "openpgp.headers.version": KeyRule(
        str, unsupported("armor is written without headers, as RFC 9580 §6.2.2.1 advises")
    ),
    "openpgp.db.driver": KeyRule(str, _driver),
    "openpgp.db.dsn": KeyRule(str, database),
    "openpgp.db.reindexOnStartup": KeyRule(bool, needless(_REINDEX)),
    "openpgp.db.reindexStartupDelaySecs": KeyRule(int, needless(_REINDEX)),
    "openpgp.db.reindexLoadDelaySecs": KeyRule(int, needless(_REINDEX)),
    "openpgp.db.reindexIntervalSecs": KeyRule(int, needless(_REINDEX)),
    "openpgp.db.requestQueryLimit": KeyRule(int, size("http.maxResults")),
    **{
        f"conflux.recon.{name}": _recon(kind)
        for kind, names in {
            str: "version logname httpAddr httpNet reconAddr reconNet leveldb.path proxyProtocol.reconAddr "
            "partner.*.httpAddr partner.*.reconAddr partner.*.httpNet partner.*.reconNet partner.*.webAddr "
            "partner.*.statsPath",
            int: "threshMult bitQuantum mBar seenCacheSize gossipIntervalSecs maxOutstandingReconRequests httpPort "
            "reconPort partner.*.weight proxyProtocol.headerTimeoutSecs",
            list: "allowCIDRs filters partners proxyProtocol.trustedProxies",
            bool: "gossip proxyProtocol.enabled partner.*.mask partner.*.pksFailover",
        }.items()
        for name in names.split()
    },
    "rateLimit.enabled": KeyRule(bool, _limiter),
    "rateLimit.maxConcurrentConnections": KeyRule(int, _when_limiting(size("http.connectionsPerClient"))),
    "rateLimit.httpRequestRate": KeyRule(int, _when_limiting(_request_rate)),
    "rateLimit.whitelist.ips": KeyRule(list, _when_limiting(_exempt)),
    "rateLimit.connectionRate": _no_limit(int, f"connections are limited in number, not in rate; {_PROXY}"),
    "rateLimit.httpErrorRate": _no_limit(int, f"errors are not counted apart; {_PROXY}"),
    "rateLimit.crawlerBlockDuration": _no_limit(str, f"clients wait until the window has moved on; {_PROXY}"),
    "rateLimit.trustProxyHeaders": KeyRule(
        bool,
        only(
            False,
            "X-Forwarded-For is not believed",
            "name the proxies' networks in server.trustedProxies: the header is believed from them alone",
        ),
    ),
    **{
        f"rateLimit.backend.{name}": KeyRule(kind, needless(_BACKEND))
        for kind, names in {
            str: "type redis.addr redis.password redis.keyPrefix redis.ttl redis.dialTimeout redis.readTimeout "
            "redis.writeTimeout",
            int: "redis.db redis.poolSize redis.maxRetries",
        }.items()
        for name in names.split()
    },
    **{
        f"rateLimit.tor.{name}": _no_limit(kind, _TOR)
        for kind, names in {
            bool: "enabled globalRateLimit",
            int: "maxRequestsPerConnection maxConcurrentConnections connectionRate globalRequestRate",
            str: "connectionRateWindow banDuration repeatOffenderBanDuration exitNodeListURL updateInterval "
            "cacheFilePath globalRateWindow globalBanDuration userAgent",
        }.items()
        for name in names.split()
    },
    "rateLimit.keyserverSync.enabled": _no_limit(bool, "name the partners' networks in rateLimit.whitelist.ips"),
    "rateLimit.headers.enabled": _no_limit(bool, "answers carry RateLimit-… headers"),
    "rateLimit.headers.torHeader": _no_limit(str, "answers carry RateLimit-… headers"),
    "rateLimit.headers.banHeader": _no_limit(str, "answers carry RateLimit-… headers"),
}
"""By the name below `[hockeypuck]`; `*` stands for a name that the operator chose."""
