"""A fingerprint as a QR code that apps for OpenPGP keys scan: inline SVG, black on white in every colour scheme."""

from __future__ import annotations

from functools import lru_cache

import segno

from wasmpuck.http.markup import Markup, element

__all__ = ["fingerprint_uri", "qr_code"]

_QUIET = 4
"""Modules of white around a code (ISO/IEC 18004 §6.3.8)."""


def fingerprint_uri(fingerprint: str) -> str:
    """`OPENPGP4FPR:` and the digits in capitals: a QR code holds those in 5.5 bits each."""
    return f"OPENPGP4FPR:{fingerprint.upper()}"


@lru_cache(maxsize=512)
def _path(content: str) -> tuple[str, int]:
    """The dark modules as one path of rows, and the size with its margin. Costs about 3 ms."""
    code = segno.make(content, error="m", micro=False, boost_error=False)
    rows = []
    for y, row in enumerate(code.matrix):
        x = 0
        while x < len(row):
            if row[x]:
                start = x
                while x < len(row) and row[x]:
                    x += 1
                rows.append(f"M{start + _QUIET} {y + _QUIET}h{x - start}v1h-{x - start}z")
            else:
                x += 1
    return "".join(rows), len(code.matrix) + 2 * _QUIET


def qr_code(fingerprint: str, title: str) -> Markup:
    """The code; `title` is what a screen reader says."""
    path, size = _path(fingerprint_uri(fingerprint))
    return element(
        "svg",
        element("title", title),
        element("path", d=f"M0 0h{size}v{size}H0z", fill="#fff"),
        element("path", d=path, fill="#000"),
        viewBox=f"0 0 {size} {size}",
        shape_rendering="crispEdges",
        role="img",
        class_="qr",
    )
