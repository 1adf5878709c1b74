"""Answering piece by piece, while a function of `routes` runs (import `responder`).

with responder.begin(200, {"content-type": "text/plain"}) as out:
    for line in lines:
        out.write(line)
return routes.STREAMED
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, ClassVar

from . import _seam
from ._headers import Headers, pairs
from .errors import HostError

__all__ = ["Outgoing", "ResponderError", "begin"]


class ResponderError(HostError):
    """Why a piece was not sent."""

    NotNow: ClassVar[type[ResponderError]]
    Gone: ClassVar[type[ResponderError]]
    TooLarge: ClassVar[type[ResponderError]]
    BadStatus: ClassVar[type[ResponderError]]
    Other: ClassVar[type[ResponderError]]

    cases: ClassVar = {
        "not-now": "No request is being answered, or it has been answered already.",
        "gone": "The client has gone.",
        "too-large": "More bytes than granted.",
        "bad-status": "The status is not 200 to 599.",
        "other": "The piece was not sent.",
    }


class Outgoing:
    """An answer under way. Leaving its `with` block ends it."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def _do(self, function: str, *arguments: object) -> None:
        _seam.call(ResponderError, f"responder.outgoing.{function}", self._handle, *arguments)

    def write(self, data: str | bytes) -> None:
        """Sends text, or bytes at about 45 ns each. Waits while the client has not taken what was written before."""
        self._do("write" if isinstance(data, str) else "write-bytes", data)

    def close(self) -> None:
        """Ends the answer."""
        self._do("close")

    def __enter__(self) -> Outgoing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def begin(status: int = 200, headers: Headers = ()) -> Outgoing:
    """Sends status and headers. The function of `routes` then returns `routes.STREAMED`."""
    return Outgoing(_seam.call(ResponderError, "responder.begin", status, pairs(headers)))
