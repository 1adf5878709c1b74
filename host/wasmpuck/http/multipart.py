"""`multipart/form-data` (RFC 7578) from bytes that were read with all limits already."""

from __future__ import annotations

import re

from wasmpuck.errors import Unprocessable

__all__ = ["form_part"]

_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"\\]{1,70})"|([^\s;"]{1,70}))""", re.IGNORECASE)
_NAME = re.compile(rb"""^content-disposition\s*:\s*form-data\b[^\r\n]*?;\s*name\s*=\s*(?:"([^"\r\n]*)"|([^\s;"]+))""",
                   re.IGNORECASE | re.MULTILINE)  # fmt: skip
_MOST_PARTS = 32
_LONGEST_HEAD = 8192  # bytes of a part's headers


def form_part(content_type: str, body: bytes, name: str) -> bytes:
    """The bytes of the first part called `name`; `content_type` is the header's whole value.

    Raises `Unprocessable` for a body that is not framed so, or that has no such part.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Unprocessable("the multipart body has no boundary", hint="Name it in Content-Type: boundary=….")
    try:
        delimiter = b"\r\n--" + (found[1] or found[2]).encode("ascii")
    except UnicodeEncodeError:
        raise Unprocessable("the boundary of the multipart body is not ASCII") from None
    parts = (b"\r\n" + body).split(delimiter, _MOST_PARTS)
    if len(parts) < 3 or not any(part.startswith(b"--") for part in parts[1:]):
        raise Unprocessable("the multipart body does not end", hint="Send all of it.")
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        end = part.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
        if end < 0:
            raise Unprocessable(
                "a part of the multipart body has no headers",
                hint=f"At most {_LONGEST_HEAD:,} bytes, then an empty line.",
            )
        called = _NAME.search(part, 0, end)
        if called is not None and (called[1] or called[2] or b"") == name.encode():
            return part[end + 4 :]
    raise Unprocessable(f"the multipart body has no part called {name}", hint=f"Put the certificates into {name}.")
