"""`wasmpuck:plugin/formatter`: plugins that render certificates in forms that the server does not have."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from wasmpuck.errors import ArtifactRefused, Refusal
from wasmpuck.plugins import Plugin, Snapshot
from wasmpuck.weights import weighed

__all__ = ["OWN_OPTIONS", "Certificate", "Form", "Formats", "Request", "formats_of", "prepare", "vet"]

OWN_OPTIONS: Final = frozenset({"bin", "exact", "json", "mr", "nm"})
"""Options of a look-up that are the server's, or HKP's."""

_MOST: Final = 32
_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")
_TOKEN: Final = r"[a-z0-9!#$&^_.+-]{1,64}"
_TYPE: Final = re.compile(rf"{_TOKEN}/{_TOKEN}(;\s*[a-z0-9-]+=(\"[ -!#-\[\]-~]*\"|[A-Za-z0-9!#$&^_.+-]+))*")
_EXTENSION: Final = re.compile(r"([a-z0-9]{1,16}(\.[a-z0-9]{1,16})?)?")
_LONGEST_ACCEPT: Final = 1_024


class Certificate(NamedTuple):
    """WIT `formatter.certificate`."""

    fingerprint: str
    armored: str
    summary: str


class Request(NamedTuple):
    """WIT `formatter.request`."""

    format: str
    operation: str
    search: str
    certificates: Sequence[Certificate]


class Form(NamedTuple):
    """A form of a plugin. `tag` (hexadecimal) differs when the plugin or its settings do."""

    plugin: Plugin
    name: str
    media_type: str
    extension: str
    tag: str

    @property
    def essence(self) -> str:
        """The media type without parameters."""
        return self.media_type.partition(";")[0].strip()


class Formats:
    """The forms of one snapshot."""

    def __init__(self) -> None:
        self._by_name: dict[str, Form] = {}
        self._by_type: dict[str, Form] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, plugin: Plugin, formats: Iterable[Any]) -> None:
        """Takes a plugin's forms in; a name that is another's already stays that one's."""
        for each in formats:
            what = f"{plugin.artifact.digest}\n{plugin.settings.settings_json}\n{each.name}"
            tag = hashlib.blake2b(what.encode(), digest_size=6).hexdigest()
            form = Form(plugin, each.name, each.media_type, each.extension, tag)
            self._by_name.setdefault(form.name, form)
            self._by_type.setdefault(form.essence, form)

    def named(self, options: Iterable[str]) -> Form | None:
        """The form that one of these options names."""
        return next((self._by_name[option] for option in options if option in self._by_name), None)

    def accepted(self, accept: str | None, own: Iterable[str]) -> Form | None:
        """The form that a client prefers to the server's own forms, whose media types are `own`.

        Only a media type that is named counts for a plugin, a wildcard counts for the server; where both weigh the
        same, the server's own form is given.
        """
        if not accept or len(accept) > _LONGEST_ACCEPT:
            return None
        weights = _weights(accept)
        best, heaviest = None, max((weights.get(kind, 0.0) for kind in (*own, "*/*")), default=0.0)
        for essence, form in self._by_type.items():
            weight = weights.get(essence, 0.0)
            if weight > heaviest:
                best, heaviest = form, weight
        return best


@lru_cache(maxsize=256)
def _weights(accept: str) -> Mapping[str, float]:
    """Media types and their weights (RFC 9110 §12.5.1), without their parameters."""
    weights: dict[str, float] = {}
    for kind, weight in weighed(accept):
        weights[kind] = max(weight, weights.get(kind, 0.0))
    return weights


def vet(plugin: Plugin, others: Iterable[Plugin]) -> None:
    """Whether a plugin may have the forms that it offers.

    Raises:
        ArtifactRefused: `FORMAT_TAKEN`, or `INITIALIZATION_FAILED` for forms that make no sense.
    """
    if not plugin.exports("formatter"):
        return
    formats = plugin.scopes["formatter"]
    who = f"{plugin.name} {plugin.version}"
    problem = _problem(formats)
    if problem:
        raise ArtifactRefused(Refusal.INITIALIZATION_FAILED, f"{who}: {problem}")
    taken = dict.fromkeys(OWN_OPTIONS, "the server")
    for other in others:
        if other.exports("formatter"):
            taken |= {each.name: f"the plugin {other.name}" for each in other.scopes["formatter"]}
    for each in formats:
        if each.name in taken:
            raise ArtifactRefused(
                Refusal.FORMAT_TAKEN,
                f"{who} offers the form {each.name}, which {taken[each.name]} has",
                hint="a form has one owner: take the other out of service, or ask the author for another name",
            )


def _problem(formats: Sequence[Any]) -> str:
    """Why forms make no sense; empty when they do."""
    if len(formats) > _MOST:
        return f"it offers {len(formats)} forms, at most {_MOST} can be had"
    names = [each.name for each in formats]
    if len(set(names)) < len(names):
        return "it offers a form twice"
    for each in formats:
        if not _NAME.fullmatch(each.name):
            return f"{each.name[:64]!r} is not a form's name: lower case letters, digits and '-'"
        if not _TYPE.fullmatch(each.media_type) or len(each.media_type) > 256:
            return f"{each.media_type[:64]!r} is not a media type in lower case"
        if not _EXTENSION.fullmatch(each.extension):
            return f"{each.extension[:64]!r} is not the ending of a file's name"
    return ""


def prepare(snapshot: Snapshot) -> None:
    """Lists the snapshot's forms, once, before it is published."""
    formats = Formats()
    for plugin in snapshot.plugins.values():
        if plugin.exports("formatter"):
            formats.add(plugin, plugin.scopes["formatter"])
    snapshot.views["formatter"] = formats


_EMPTY: Final = Formats()


def formats_of(snapshot: Snapshot) -> Formats:
    """The forms of a published snapshot."""
    formats = snapshot.views.get("formatter")
    return formats if isinstance(formats, Formats) else _EMPTY
