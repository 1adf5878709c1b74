"""Which form of an answer a client wants when its query does not say so."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from wasmpuck.weights import weighed

__all__ = ["Form", "form_of"]


class Form(Enum):
    """The forms in which the server can say something."""

    JSON = "application/json"
    HTML = "text/html"
    TEXT = "text/plain"


def form_of(accept: str | None) -> Form:
    """The form that `accept`, the value of an `Accept` header, names first by quality; `Form.TEXT` when it names none.

    Media types that the server does not speak and wildcards are passed over (RFC 9110 §12.5.1): `*/*` is what clients
    send that do not care, and what they can all read is text.
    """
    return Form.TEXT if accept is None or len(accept) > 1024 else _form_of(accept)


@lru_cache(maxsize=256)
def _form_of(accept: str) -> Form:
    best, best_quality = Form.TEXT, 0.0
    for media_type, quality in weighed(accept):
        form = _FORMS.get(media_type)
        if form is not None and quality > best_quality:
            best, best_quality = form, quality
    return best


_FORMS = {
    "application/json": Form.JSON,
    "application/problem+json": Form.JSON,
    "text/html": Form.HTML,
    "application/xhtml+xml": Form.HTML,
    "text/plain": Form.TEXT,
}
