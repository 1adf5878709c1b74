"""Where a plugin's requests may go: scheme, host and port."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wasmpuck.config.kinds import BadValue, Kind, quoted

__all__ = ["Origin", "OriginKind"]

_PORTS: Final = {"http": 80, "https": 443}
_FORM: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """`host` is lower case, an IPv6 address without brackets, and may begin with `*.`: one name or more before it."""

    scheme: str
    host: str
    port: int

    def admits(self, scheme: str, host: str, port: int | None) -> bool:
        """Whether an address with these parts, the port being the real one, is of this origin."""
        host = host.lower().rstrip(".")
        if (scheme, port) != (self.scheme, self.port):
            return False
        return host == self.host or (self.host.startswith("*.") and host.endswith(self.host[1:]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != _PORTS[self.scheme] else "")


class OriginKind(Kind[Origin]):
    """`https://example.org`, `https://*.example.org`, `http://127.0.0.1:8080`."""

    @property
    def article(self) -> str:
        return "an origin"

    def read(self, value: object) -> Origin:
        if not isinstance(value, str):
            raise self._expected(value)
        found = _FORM.fullmatch(value)
        port = int(found["port"] or _PORTS[found["scheme"]]) if found is not None else 0
        if found is None or not 0 < port < 65_536:
            raise BadValue(
                f"{quoted(value)} is not an origin",
                "write scheme://host or scheme://host:port in lower case, with http or https and without a path",
            )
        return Origin(found["scheme"], found["host"].strip("[]"), port)
