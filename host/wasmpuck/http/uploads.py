"""The certificates in the body of an upload, in every form in which clients send them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from wasmpuck.errors import BadRequest
from wasmpuck.http.body import UnsupportedMediaType
from wasmpuck.http.multipart import form_part
from wasmpuck.http.query import parse_options

__all__ = ["ACCEPTED", "BINARY_TYPE", "FORM_TYPE", "KEYS_TYPE", "MULTIPART_TYPE", "uploaded_certificates"]

KEYS_TYPE = "application/pgp-keys"
"""Armored certificates (RFC 3156 §7)."""

BINARY_TYPE = "application/pgp"
"""Certificates as they are (draft-gallagher-openpgp-hkp §5)."""

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"

ACCEPTED = ", ".join((FORM_TYPE, MULTIPART_TYPE, KEYS_TYPE, BINARY_TYPE))
"""For the `Accept` field of the answer to `OPTIONS`."""

_MOST_FIELDS = 32
_HINT = "Put the armored certificates into keytext."


def uploaded_certificates(content_type: str, body: bytes) -> tuple[bytes, frozenset[str]]:
    """The certificates in an upload's body, armored or not, and the form's options.

    `content_type` is the whole value of the header; parameters count only for forms in several parts. A form's
    certificates are its field or part `keytext` (§6.2; a part may be a file); bodies of the types of OpenPGP data hold
    nothing but certificates. Raises `UnsupportedMediaType` for another type, `BadRequest` for a form without `keytext`
    or an empty body, `Unprocessable` for a form in several parts that is not framed so. A form whose every character
    is escaped takes 0.4 s for each MiB: for a worker process.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    options: frozenset[str] = frozenset()
    match media_type:
        case "application/x-www-form-urlencoded":
            body, options = _from_form(body)
        case "multipart/form-data":
            body = form_part(content_type, body, "keytext")
            if not body.strip():
                raise BadRequest("the part keytext is empty", hint=_HINT)
        case "application/pgp" | "application/pgp-keys":
            pass
        case _:
            raise UnsupportedMediaType(f"a body of type {media_type or 'none'} is not taken", hint=f"Send {ACCEPTED}.")
    if not body:
        raise BadRequest("the request has no body", hint="Send certificates.")
    return body, options


def _from_form(body: bytes) -> tuple[bytes, frozenset[str]]:
    try:
        # Latin-1 keeps every byte as it is: armor is ASCII, and binary data in a form is not lost either.
        fields = dict(
            reversed(parse_qsl(body.decode("latin-1"), True, encoding="latin-1", max_num_fields=_MOST_FIELDS))
        )
    except ValueError as error:
        raise BadRequest(f"the form has more than {_MOST_FIELDS} fields") from error
    if not fields.get("keytext", "").strip():
        raise BadRequest("the form has no field keytext", hint=_HINT)
    return fields["keytext"].encode("latin-1"), parse_options(fields.get("options", ""))
