"""What can be configured, but for plugins: one frozen dataclass per subsystem, one field per key.

Durations are seconds in Python and strings with a unit in TOML; every other unit is named here and in the key.
"""

# ruff: noqa: RUF009 - `setting` makes a dataclass field, it is not called once for all instances

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wasmpuck.config.addresses import Address, AddressKind, Network, NetworkKind
from wasmpuck.config.durations import Duration
from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import Choice, Flag, ListOf, Number, PathKind, Text
from wasmpuck.config.openpgp import OpenPGPSettings

__all__ = ["HTTPSettings", "OpenPGPSettings", "ServerSettings"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`[server]`: the process, its listeners and its logs."""

    bind: Address = setting(AddressKind(), Address("", 11371), "Where HKP is served; no host means every interface.")
    tls_bind: Address | None = setting(
        AddressKind(),
        None,
        "Where the same is served by HTTPS, as Web Key Directories need it (:443); needs the two files below.",
        shown="nowhere",
    )
    tls_certificate: Path | None = setting(
        PathKind(), None, "PEM file of the certificate and those that it rests on; read again on reload.", shown="none"
    )
    tls_key: Path | None = setting(PathKind(), None, "PEM file of its key, without a passphrase.", shown="none")
    admin_bind: Address = setting(
        AddressKind(),
        Address("127.0.0.1", 11372),
        "Where administration, health and `/metrics` are served; keep it away from the public.",
    )
    data_dir: Path = setting(
        PathKind(), Path("wasmpuck-data"), "Folder of everything that the server writes; made when it is missing."
    )
    hostname: str = setting(Text(253), "localhost", "The name under which people know this server.")
    contact: str = setting(
        Text(), "", "How to reach the operator (a fingerprint, an address or a link); empty shows nothing."
    )
    trusted_proxies: tuple[Network, ...] = setting(
        ListOf(NetworkKind(), "networks"),
        (),
        "Networks of reverse proxies whose `X-Forwarded-For` is believed; none believes nobody's.",
    )
    profile: str = setting(
        Choice("production", "demonstration", noun="profile"),
        "production",
        "`demonstration` permits demonstration keys; it must not face the internet.",
    )
    log_format: str = setting(
        Choice("text", "json", noun="log format"), "text", "Log lines for people, or one JSON object a line."
    )
    log_level: str = setting(
        Choice("debug", "info", "warning", "error", noun="log level"), "info", "The least urgent line that is logged."
    )
    drain_timeout: float = setting(
        Duration("0s", "10m"), 10.0, "How long requests in flight may take to end when the server stops."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPSettings:
    """`[http]`: what the public listener takes from its clients.

    The first five fields are not keys of `[http]`: they repeat what `[server]` says.
    """

    hostname: str = "localhost"
    """The name under which people know this server (`server.hostname`)."""

    contact: str = ""
    """How to reach the operator (`server.contact`)."""

    address: str = ":11371"
    """Where HKP is served (`server.bind`), as statistics say it."""

    trusted_proxies: tuple[Network, ...] = ()
    """Networks of reverse proxies whose `X-Forwarded-For` is believed (`server.trustedProxies`)."""

    shutdown_timeout: float = 10.0
    """Seconds that requests in flight are given when the server stops (`server.drainTimeout`)."""

    max_body_bytes: int = setting(
        Number(1024, 1024 * _MIB, "bytes"), 8 * _MIB, "Size of a request body; a longer one is answered 413, unread."
    )
    max_results: int = setting(
        Number(1, 10_000, "certificates"), 100, "Certificates in one answer; the others are on the next pages."
    )
    max_answer_bytes: int = setting(
        Number(_MIB, 1024 * _MIB, "bytes"),
        8 * _MIB,
        "Size of the certificates in one answer to a search or a hash query; the first is given whatever its size.",
    )
    max_search_characters: int = setting(
        Number(16, 8192, "characters"),
        512,
        "Length of a search; longer than any address that mail allows (RFC 5321 §4.5.3.1).",
    )
    cache_max_age: float = setting(
        Duration("0s", "30d"),
        60.0,
        "How long caches may give out an answer to a look-up without asking again; pages are always asked for again.",
    )
    armor_cache_bytes: int = setting(
        Number(0, 4096 * _MIB, "bytes"),
        16 * _MIB,
        "Armored certificates and listings for programs that are kept in memory, those asked for last, so as not to "
        "make them each time.",
    )
    compression: bool = setting(
        Flag(), True, "Compress text for clients that ask for it; certificates in binary form are sent as they are."
    )
    min_compressed_bytes: int = setting(
        Number(1, 1024 * _MIB, "bytes"),
        1400,
        "Size of an answer that is worth compressing: more than a network packet.",
    )
    max_header_bytes: int = setting(
        Number(1024, _MIB, "bytes"), 8190, "Size of the request line and of each header field."
    )
    max_headers: int = setting(Number(8, 10_000, "fields"), 100, "Header fields of one request.")
    header_timeout: float = setting(
        Duration("100ms", "1h"), 10.0, "From the first byte of a request to the end of its headers."
    )
    body_timeout: float = setting(
        Duration("100ms", "1h"), 20.0, "For a request body, prolonged by what `minimumBodyRate` earns."
    )
    minimum_body_rate: int = setting(
        Number(1, 1024 * _MIB, "bytes"), 16 * 1024, "Bytes that prolong the time for a request body by one second."
    )
    write_timeout: float = setting(
        Duration("100ms", "1h"), 30.0, "How long a client may leave an answer unread without taking a byte of it."
    )
    idle_timeout: float = setting(
        Duration("100ms", "1h"), 30.0, "How long a connection may stay open between requests, or before its first."
    )
    connections_per_client: int = setting(
        Number(0, 1_000_000, "connections"),
        64,
        "Open connections of one client (an IPv4 address or an IPv6 /64), trusted proxies aside; 0 is no limit.",
    )
    max_connections: int = setting(
        Number(0, 1_000_000, "connections"), 4096, "Open connections of the listener; 0 is no limit."
    )
