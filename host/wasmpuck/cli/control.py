"""Talks to a running server through its administration listener.

A running server keeps two files in its data folder: `server.json` (pid and addresses) and `admin.token`, which only
its own user can read. Whoever can read the token may administer the server.
"""

from __future__ import annotations

import fcntl
import http
import http.client
import json
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wasmpuck.datafolder import LOCK_FILE, STATE_FILE, TOKEN_FILE
from wasmpuck.errors import OperatorError

__all__ = ["Control", "server_runs"]

_TIMEOUT = 300.0  # seconds; compiling a Python plugin takes tens of them
_LONGEST_ANSWER = 16 * 1024 * 1024


def server_runs(data_dir: Path) -> bool:
    """Whether a server has this data folder now; files that a killed one left behind do not count."""
    try:
        with (data_dir / LOCK_FILE).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return (data_dir / STATE_FILE).exists()
    return False


@dataclass(frozen=True, slots=True)
class Control:
    """The way to one running server: the URL of its administration listener, its token and its process id."""

    url: str
    token: str
    pid: int

    @classmethod
    def find(cls, data_dir: Path) -> Control:
        """The server that runs with this data folder. Raises OperatorError when there is none, or no access."""
        try:
            described = json.loads((data_dir / STATE_FILE).read_text())
            url, pid = str(described["admin"]), int(described["pid"])
            token = (data_dir / TOKEN_FILE).read_text().strip()
        except FileNotFoundError:
            raise OperatorError(
                f"no server runs with the data folder {data_dir}",
                hint="start one with `wasmpuck serve`, or name the folder of the running one with --data or --config",
            ) from None
        except OSError as error:
            raise OperatorError(
                f"{error.filename}: {error.strerror}", hint="run this as the user that runs the server"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise OperatorError(
                f"{data_dir / STATE_FILE} does not describe a server",
                hint="restart the server, which writes it anew",
            ) from None
        return cls(url, token, pid)

    def get(self, path: str) -> Any:
        """The JSON answer to a GET. Raises OperatorError."""
        return self._request("GET", path)

    def post(self, path: str, content: object = None) -> Any:
        """The JSON answer to a POST of `content`; None when there is none.

        Raises OperatorError with the server's own reason.

        A change that the server refused is an answer too: the outcome of each plugin says so.
        """
        return self._request("POST", path, content)

    def _request(self, method: str, path: str, content: object = None) -> Any:
        address = urllib.parse.urlsplit(self.url)
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        body = None if content is None else json.dumps(content).encode()
        try:
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT)
            try:
                connection.request(method, address.path.rstrip("/") + path, body, headers)
                response = connection.getresponse()
                answer = response.read(_LONGEST_ANSWER)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise OperatorError(
                f"the server (process {self.pid}) does not answer at {self.url}: {reason}",
                hint="is it still running? look at its log, or start it again",
            ) from None
        return self._decoded(response.status, answer)

    def _decoded(self, status: int, answer: bytes) -> Any:
        try:
            content = json.loads(answer) if answer.strip() else None
        except ValueError:
            content = None
            if status < 400:
                raise OperatorError(
                    f"{self.url} answered something else than JSON", hint="is it a Wasmpuck of this version?"
                ) from None
        if status in (401, 403):
            raise OperatorError(
                f"the server at {self.url} refused the token of its own data folder",
                hint="restart the server, which writes a new admin.token",
            )
        if status == http.HTTPStatus.CONFLICT and _is_outcome(content):
            return content
        if status >= 400:
            told = content if isinstance(content, dict) else {}
            message = str(told.get("message") or f"the server answered with status {status}")
            raise OperatorError(message, hint=str(told.get("hint") or ""))
        return content


def _is_outcome(content: Any) -> bool:
    items = content if isinstance(content, list) else [content]
    return all(isinstance(item, dict) and "what" in item for item in items)
