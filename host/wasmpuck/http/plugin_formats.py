"""Look-ups whose answers plugins render (WIT `formatter`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from wasmpuck.errors import CallFailed, ClientError, StorageUnavailable
from wasmpuck.http import formats
from wasmpuck.http.caching import entity_tag, not_modified
from wasmpuck.http.chain import text_for_guests
from wasmpuck.http.plugin_routes import plugin_failure
from wasmpuck.openpgp.armor import armor
from wasmpuck.worlds.admission import current_snapshot
from wasmpuck.worlds.formatter import OWN_OPTIONS, Certificate, Form, Formats, Request, formats_of

if TYPE_CHECKING:
    from wasmpuck.http.query import Lookup
    from wasmpuck.storage.protocol import Record

__all__ = ["NotAcceptable", "chosen_form", "forms_in_service", "rendered"]

_log = logging.getLogger("wasmpuck.http")
_RENDER: Final = "formatter.render"
_KEYS: Final = ("application/pgp-keys", "application/pgp", "application/octet-stream", "text/plain")
_LISTINGS: Final = ("text/html", "application/xhtml+xml", "application/json", "text/plain")
_IN_THREAD: Final = 256 * 1024
_LONGEST_SENTENCE: Final = 500


class NotAcceptable(ClientError):
    """The certificates have no such form."""

    status = HTTPStatus.NOT_ACCEPTABLE


def forms_in_service() -> Formats | None:
    """The forms that the request in progress meets; None when there are none."""
    snapshot = current_snapshot.get()
    if snapshot is None:
        return None
    return formats_of(snapshot) or None


def chosen_form(forms: Formats, lookup: Lookup, accept: str | None) -> Form | None:
    """The plugin's form that a look-up asks for by its options or, if they name no other, by `Accept`."""
    named = forms.named(lookup.options)
    if named is not None or not OWN_OPTIONS.isdisjoint(lookup.options):
        return named
    return forms.accepted(accept, _LISTINGS if lookup.operation in ("index", "vindex") else _KEYS)


async def rendered(
    request: web.Request,
    lookup: Lookup,
    form: Form,
    records: Sequence[Record],
    headers: Mapping[str, str],
    *,
    cut: bool,
) -> web.Response:
    """What was found in a plugin's form, or 304: what a plugin makes of the same certificates is taken to be the same
    until it or its settings change.

    Raises `NotAcceptable` with the plugin's sentence. A plugin that fails is answered for with 502 or 503.
    """
    operation = lookup.operation if lookup.operation in ("index", "vindex") else "get"
    tag = entity_tag(records, f"p{form.tag}.{operation[0]}.", cut=cut)
    fields = {**headers, "ETag": tag, "Vary": "Accept"}
    known = not_modified(request, tag, None)
    if known is not None:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=fields | {"ETag": known})
    if sum(len(record.data) for record in records) > _IN_THREAD:
        certificates = await asyncio.to_thread(_certificates, records)
    else:
        certificates = _certificates(records)
    asked = Request(form.name, operation, text_for_guests(lookup.search), certificates)
    try:
        outcome = await form.plugin.call(_RENDER, asked)
    except CallFailed as failure:
        return plugin_failure(request, form.plugin, failure)
    if outcome.tag == "unsuitable":
        sentence = " ".join(outcome.value[:_LONGEST_SENTENCE].split())
        raise NotAcceptable(sentence or f"these certificates have no form {form.name}")
    body = outcome.value.encode() if outcome.tag == "text" else outcome.value
    fields["Content-Type"] = form.media_type
    if form.extension:
        fields["Content-Disposition"] = f'attachment; filename="{records[0].fingerprint}.{form.extension}"'
    return web.Response(body=body, headers=fields)


def _certificates(records: Sequence[Record]) -> list[Certificate]:
    made = []
    for record in records:
        try:
            summary = formats.key_json(record.summary)
        except ValueError:
            _log.error("the stored summary of %s cannot be read: run wasmpuck reindex", record.fingerprint)
            continue
        made.append(Certificate(record.fingerprint, armor(record.data), summary))
    if not made:
        raise StorageUnavailable("The stored summaries cannot be read.", hint="Run wasmpuck reindex.")
    return made
