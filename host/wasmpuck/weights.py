"""Headers that list what a client would like, each with a weight: `Accept`, `Accept-Encoding` (RFC 9110 §12.4.2)."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["weighed"]


def weighed(header: str) -> Iterator[tuple[str, float]]:
    """The names in a header, lower case and without their parameters, with their weights, in order. A weight that is no
    number is 0.
    """
    for item in header.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        yield name, weight
