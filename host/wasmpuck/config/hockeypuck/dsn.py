"""Data source names of PostgreSQL as Hockeypuck has them, and the URL of a database beside the named one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from wasmpuck.config.kinds import BadValue

__all__ = ["SourceName", "parse_dsn"]

_WORD = re.compile(r"\s*([A-Za-z_]+)\s*=\s*(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s'\\])*))(?=\s|$)", re.S)
_OURS = "wasmpuck"
_URL_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey")


@dataclass(frozen=True, slots=True)
class SourceName:
    """Where a database is: the parameters of libpq (§34.1.2), `database` as `dbname`."""

    parameters: Mapping[str, str]

    @property
    def secret(self) -> bool:
        """Whether it holds a password."""
        return bool(self.parameters.get("password"))

    @property
    def shown(self) -> str:
        """The name as `wasmpuck migrate hockeypuck` takes it, without the password."""
        named = {"database": self.parameters.get("dbname", "")} | {
            name: self.parameters[name] for name in ("host", "port", "user", "sslmode") if name in self.parameters
        }
        return " ".join(f"{name}={_quoted(value)}" for name, value in named.items() if value)

    @property
    def database(self) -> str:
        """The name for the new database, which is never that of the named one."""
        return _OURS if self.parameters.get("dbname") != _OURS else f"{_OURS}_keys"

    def url(self) -> str:
        """The URL of the new database, beside the named one: same server, same user."""
        found = self.parameters
        user = quote(found.get("user", ""), safe="")
        if found.get("password"):
            user += ":" + quote(found["password"], safe="")
        host, port = found.get("host", ""), found.get("port", "")
        query = {name: found[name] for name in _URL_OPTIONS if found.get(name)}
        if host.startswith("/"):
            query = {"host": host} | ({"port": port} if port else {}) | query
            place = ""
        else:
            place = (f"[{host}]" if ":" in host else quote(host, safe="")) + (f":{port}" if port else "")
        return f"postgresql://{user + '@' if user else ''}{place}/{self.database}" + (
            f"?{urlencode(query, safe='/')}" if query else ""
        )

    def left_out(self) -> list[str]:
        """Parameters that the URL does not have."""
        taken = ("dbname", "host", "port", "user", "password", *_URL_OPTIONS)
        return sorted(name for name in self.parameters if name not in taken)


def parse_dsn(text: str) -> SourceName:
    """Reads `name=value …` or a URL. Raises BadValue, whose text repeats nothing of a password."""
    found = _of_url(text) if re.match(r"\s*[A-Za-z]+://", text) else _of_words(text)
    if "database" in found:
        found.setdefault("dbname", found.pop("database"))
    port = found.get("port", "")
    if port and not re.fullmatch("[0-9]{1,5}", port):
        raise BadValue("the port in the data source name is no number")
    return SourceName({name: value for name, value in found.items() if value})


def _of_words(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        word = _WORD.match(text, at)
        if word is None:
            raise BadValue("the data source name is not of the form name=value …")
        if word[3] is not None and re.match(r"\w+=", word[3]):  # libpq would take the next pair for the value
            raise BadValue(f"the value of {word[1]} is missing in the data source name")
        found[word[1]] = re.sub(r"\\(.)", r"\1", word[2] if word[2] is not None else word[3], flags=re.S)
        at = word.end()
    return found


def _of_url(text: str) -> dict[str, str]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadValue("the data source name is not a URL") from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise BadValue("the data source name is not that of a PostgreSQL database")
    named = {
        "dbname": unquote(parts.path[1:]),
        "host": unquote(parts.hostname or ""),
        "port": str(port or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    return {name: value for name, value in named.items() if value} | dict(parse_qsl(parts.query))


def _quoted(value: str) -> str:
    if re.fullmatch(r"[^\s'\\=]+", value):
        return value
    return "'" + re.sub(r"(['\\])", r"\\\1", value) + "'"
