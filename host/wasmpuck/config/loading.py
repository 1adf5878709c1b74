"""From a file, the environment and the command line to one Configuration, or to every reason why not."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli

from wasmpuck.config.fields import environment_name, settings_of
from wasmpuck.config.kinds import BadValue, nearest
from wasmpuck.config.metrics import MetricsSettings
from wasmpuck.config.plugins import (
    RESERVED_NAMES,
    PluginDefaults,
    PluginSecuritySettings,
    PluginSettings,
    PluginsSettings,
)
from wasmpuck.config.positions import Positions, find_positions
from wasmpuck.config.reader import Fields, Reader, Table, absolute
from wasmpuck.config.rights import RightsSettings
from wasmpuck.config.search import SearchSettings
from wasmpuck.config.services import MailSettings, VKSSettings, WKDSettings
from wasmpuck.config.settings import HTTPSettings, OpenPGPSettings, ServerSettings
from wasmpuck.config.spellings import read_failures, read_plugin_tables
from wasmpuck.config.storage import StorageSettings
from wasmpuck.config.web import WebSettings
from wasmpuck.errors import ConfigurationError, ConfigurationProblem

__all__ = ["Configuration", "Source", "load", "parse", "read_text"]

SECTIONS: dict[str, type] = {
    "server": ServerSettings,
    "http": HTTPSettings,
    "storage": StorageSettings,
    "openpgp": OpenPGPSettings,
    "search": SearchSettings,
    "rights": RightsSettings,
    "mail": MailSettings,
    "vks": VKSSettings,
    "wkd": WKDSettings,
    "web": WebSettings,
    "metrics": MetricsSettings,
    "plugins": PluginsSettings,
}
"""The tables of the file, and the dataclass whose settings each holds."""

_HOCKEYPUCK = re.compile(r"^[ \t]*\[[ \t]*hockeypuck[ \t]*[].]", re.MULTILINE)
_LONGEST_FILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """Where a configuration came from, so that it can be read again."""

    path: Path | None
    overrides: Mapping[str, object]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that can be configured, checked, with absolute paths. Made by `load`."""

    server: ServerSettings
    http: HTTPSettings
    storage: StorageSettings
    openpgp: OpenPGPSettings
    plugins: PluginsSettings
    search: SearchSettings
    rights: RightsSettings
    mail: MailSettings
    vks: VKSSettings
    wkd: WKDSettings
    web: WebSettings
    metrics: MetricsSettings
    source: Source = field(compare=False, repr=False)

    def plugin(self, name: str) -> PluginSettings:
        """The settings of one plugin, defaults resolved; of a plugin without a table, the defaults alone."""
        return self.plugins.plugin(name)

    def reload(self) -> Configuration:
        """Reads the same sources again. Raises ConfigurationError; this configuration stays good."""
        return load(self.source.path, self.source.overrides, environment=self.source.environment)


def load(
    path: Path | str | None,
    overrides: Mapping[str, object] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Configuration:
    """Reads the configuration: defaults, then the TOML file, then `WASMPUCK_SERVER_…` variables, then `overrides`.

    `path` None means defaults alone. `overrides` maps dotted TOML keys (`server.bind`) to values, strings as on a
    command line or as TOML would give them. `environment` defaults to the process's own. Relative paths start from the
    file's folder, those of environment and overrides from the working folder. Raises ConfigurationError with every
    problem at once.
    """
    source = Source(
        path=None if path is None else Path(path).absolute(),
        overrides=dict(overrides or {}),
        environment=dict(os.environ if environment is None else environment),
    )
    if path is None:
        return _build("", "defaults", Path.cwd(), source)
    return _build(read_text(Path(path)), str(path), Path(path).absolute().parent, source)


def parse(text: str, *, file: str = "configuration", base: Path | None = None) -> Configuration:
    """The same from TOML text alone, without environment and overrides; `base` defaults to the working folder."""
    return _build(text, file, base or Path.cwd(), Source(None, {}, {}))


def _fail(file: str, line: int, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([ConfigurationProblem(file, line, "", message, hint)])


def read_text(path: Path) -> str:
    """The text of a file of UTF-8. Raises ConfigurationError when there is none, or too much of it."""
    try:
        with path.open("rb") as opened:
            raw = opened.read(_LONGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise _fail(str(path), 0, f"cannot be read: {reason}", "give an existing TOML file") from None
    if len(raw) > _LONGEST_FILE:
        raise _fail(str(path), 0, f"is longer than {_LONGEST_FILE:,} bytes", "is it a TOML file?")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _fail(str(path), line, f"byte {error.start} is not UTF-8", "TOML files are UTF-8 text") from None


def _build(text: str, file: str, base: Path, source: Source) -> Configuration:
    if (table := _HOCKEYPUCK.search(text)) is not None:
        line = text.count("\n", 0, table.start()) + 1
        hint = f"`wasmpuck config import {file}` makes one for Wasmpuck of it"
        raise _fail(file, line, "this is a configuration of Hockeypuck's", hint)
    document = _parse_toml(text, file)
    reader = Reader(file, find_positions(text) if text else Positions({}), base)
    reader.unknown(document, (), SECTIONS, elsewhere=_homes())
    tables = {name: reader.table(document, (name,)) for name in SECTIONS}
    given: dict[str, Fields] = {}
    for name, cls in SECTIONS.items():
        given[name] = reader.fields(cls, tables[name], (name,))
        if name != "plugins":
            known = [each.key for each in settings_of(cls)]
            reader.unknown(tables[name], (name,), known, elsewhere=_homes(but=name))
    plugins = _plugins(reader, tables["plugins"])
    problems = [*_from_environment(source.environment, given), *_from_overrides(source.overrides, given)]
    if "url" in given["storage"] and "path" in given["storage"]:
        hint = "remove path to use PostgreSQL, or url to use the SQLite file"
        reader.report(("storage", "path"), "certificates are kept in one place, and url names another", hint)
    configuration = _assemble(given, plugins, base, source)
    _check_whole(reader, configuration)
    reader.problems.sort(key=lambda problem: problem.line)
    if reader.problems or problems:
        raise ConfigurationError([*reader.problems, *problems])
    return configuration


def _parse_toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        hint = "strings need quotation marks" if error.msg == "Invalid value" else ""
        raise _fail(file, error.lineno, f"not valid TOML: {error.msg} (column {error.colno})", hint) from None
    except RecursionError:
        raise _fail(file, 0, "not usable: it is nested too deep") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise _fail(file, 0, f"not usable: {error}".split(";")[0]) from None


def _homes(but: str = "") -> dict[str, str]:
    """Each key that lives in exactly one table, with that table; keys of `but` are left out."""
    homes: dict[str, list[str]] = {}
    extra: dict[str, type] = {"plugins.security": PluginSecuritySettings, "plugins.defaults": PluginDefaults}
    for name, cls in {**SECTIONS, **extra}.items():
        for each in settings_of(cls):
            homes.setdefault(each.key, []).append(name)
    return {key: names[0] for key, names in homes.items() if len(names) == 1 and names[0] != but}


def _plugins(reader: Reader, table: Table) -> PluginsSettings:
    """The parts of `[plugins]` below its own keys: security, defaults and the plugins' tables."""
    own = {each.key for each in settings_of(PluginsSettings)}
    reader.unknown(
        {key: value for key, value in table.items() if not isinstance(value, Mapping)},
        ("plugins",),
        own | RESERVED_NAMES,
        elsewhere=_homes(but="plugins"),
    )
    parts: dict[str, Fields] = {}
    for name, cls in (("security", PluginSecuritySettings), ("defaults", PluginDefaults)):
        inner = reader.table(table, ("plugins", name))
        known = [each.key for each in settings_of(cls)] + (["failures", "breaker"] if name == "defaults" else [])
        reader.unknown(inner, ("plugins", name), known, elsewhere=_homes())
        parts[name] = reader.fields(cls, inner, ("plugins", name))
        if name == "defaults":
            parts[name] |= read_failures(reader, {("plugins", name): inner}, PluginDefaults())
    security = PluginSecuritySettings(**parts["security"])
    defaults = PluginDefaults(**parts["defaults"])
    if defaults.memory_mb > security.max_memory_mb:
        if "memory_mb" in parts["defaults"]:
            reader.report(
                ("plugins", "defaults", "memoryMB"),
                f"{defaults.memory_mb} MB is more than plugins.security.maxMemoryMB, {security.max_memory_mb} MB",
                "lower the one or raise the other",
            )
        defaults = replace(defaults, memory_mb=security.max_memory_mb)
    tables = read_plugin_tables(reader, table, own | RESERVED_NAMES, defaults, security)
    return PluginsSettings(security=security, defaults=defaults, tables=tables)


def _from_environment(environment: Mapping[str, str], given: dict[str, Fields]) -> list[ConfigurationProblem]:
    """Puts `WASMPUCK_SERVER_…` variables into `given`; returns what is wrong with them."""
    problems = []
    variables = {environment_name("server", each.field): each for each in settings_of(ServerSettings)}
    prefix = environment_name("server", "")
    for variable in sorted(environment):
        if not variable.startswith(prefix):
            continue
        if (declared := variables.get(variable)) is None:
            near = nearest(variable, variables)
            hint = f"did you mean {near}?" if near else "only keys of [server] can come from the environment"
            problems.append(ConfigurationProblem("environment", 0, variable, "unknown variable", hint))
            continue
        try:
            value = declared.kind.from_text(environment[variable])
        except BadValue as bad:
            problems.append(ConfigurationProblem("environment", 0, variable, bad.message, bad.hint))
        else:
            given["server"][declared.field] = absolute(value, Path.cwd())
    return problems


def _from_overrides(overrides: Mapping[str, object], given: dict[str, Fields]) -> list[ConfigurationProblem]:
    """Puts the command line's values into `given`; returns what is wrong with them."""
    problems = []
    valid = {f"{name}.{each.key}": (name, each) for name, cls in SECTIONS.items() for each in settings_of(cls)}
    for key, value in overrides.items():
        if key not in valid:
            near = nearest(key, valid)
            hint = f"did you mean {near}?" if near else ""
            problems.append(ConfigurationProblem("command line", 0, key, "unknown key", hint))
            continue
        table, declared = valid[key]
        try:
            read = declared.kind.from_text(value) if isinstance(value, str) else declared.kind.read(value)
        except BadValue as bad:
            problems.append(ConfigurationProblem("command line", 0, key, bad.message, bad.hint))
        else:
            given[table][declared.field] = absolute(read, Path.cwd())
    return problems


def _assemble(given: dict[str, Fields], plugins: PluginsSettings, base: Path, source: Source) -> Configuration:
    server = ServerSettings(**given["server"])
    server = replace(server, data_dir=base / server.data_dir)
    given["storage"].setdefault("path", server.data_dir / "keys.sqlite")
    plugins = replace(plugins, **given["plugins"])
    search = SearchSettings(**given["search"])
    mail = MailSettings(**given["mail"])
    mail = replace(mail, public_url=mail.public_url or f"https://{server.hostname}")
    return Configuration(
        server=server,
        http=HTTPSettings(
            hostname=server.hostname,
            contact=server.contact,
            address=str(server.bind),
            trusted_proxies=server.trusted_proxies,
            shutdown_timeout=server.drain_timeout,
            **given["http"],
        ),
        storage=StorageSettings(**given["storage"]),
        openpgp=OpenPGPSettings(**given["openpgp"]),
        plugins=replace(
            plugins,
            **{each: base / getattr(plugins, each) for each in ("directory", "keyring", "secrets_directory")},
            runtimes=base / plugins.runtimes if plugins.runtimes is not None else None,
        ),
        search=replace(search, domains=tuple(domain.lower().strip("@.") for domain in search.domains)),
        rights=RightsSettings(**given["rights"]),
        mail=mail,
        vks=VKSSettings(**given["vks"]),
        wkd=WKDSettings(**given["wkd"]),
        web=WebSettings(**given["web"]),
        metrics=MetricsSettings(**given["metrics"]),
        source=source,
    )


def _check_whole(reader: Reader, configuration: Configuration) -> None:
    """Rules that concern more than one key."""
    if configuration.plugins.security.allow_demonstration_keys and configuration.server.profile == "production":
        reader.report(
            ("plugins", "security", "allowDemonstrationKeys"),
            'demonstration keys are refused when server.profile is "production": their private halves are public',
            "remove it and trust a publisher's real key, or use the demonstration profile for a trial",
        )
    server = configuration.server
    if server.tls_bind is not None and (server.tls_certificate is None or server.tls_key is None):
        reader.report(("server", "tlsBind"), "HTTPS needs a certificate", "set server.tlsCertificate and server.tlsKey")
    _check_mail(reader, configuration)


def _check_mail(reader: Reader, configuration: Configuration) -> None:
    """Addresses are confirmed by letters, and letters have a sender."""
    mail = configuration.mail
    if mail.relay and not mail.sender:
        reader.report(("mail", "relay"), "letters need an address that they are from", "set mail.from")
    if mail.user and mail.password_file is None:
        reader.report(("mail", "user"), "logging in needs a password", "set mail.passwordFile")
    if mail.relay:
        return
    if configuration.vks.mode == "verified":
        reader.report(("vks", "mode"), "without mail no address can be confirmed", "set mail.relay and mail.from")
    if configuration.wkd.domains and configuration.wkd.publish == "verified":
        hint = 'set mail.relay and mail.from, or wkd.publish = "all" where you decide who may upload'
        reader.report(("wkd", "domains"), "without mail no address can be confirmed", hint)
