"""A signed text out of its envelope: a cleartext-signed message, or a text and a detached signature beside it.

What is signed and what is read is the same here: the lines that the signature covers are the only thing that leaves
this module, and whatever another program might read differently (unescaped dashes, unknown headers, text before or
after the message, control characters) is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from urllib.parse import parse_qsl

from wasmpuck.errors import BadRequest, Unprocessable
from wasmpuck.openpgp.armor import dearmor
from wasmpuck.openpgp.packets import Packet, Tag, walk

__all__ = ["MOST_SIGNATURES", "SignedText", "open_clear", "open_detached", "open_form"]

MOST_SIGNATURES = 8
"""Signatures that one text may carry."""

_BEGIN_MESSAGE = "-----BEGIN PGP SIGNED MESSAGE-----"
_BEGIN_SIGNATURE, _END_SIGNATURE = "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"
_HASH = re.compile(r"Hash: *[A-Za-z0-9-]+(?:, *[A-Za-z0-9-]+)*\Z")
_OTHER = re.compile(r"[^\x20-\x7e]")
_BLANKS = " \t"
_MOST_FIELDS = 32


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text and the signatures that shall be over it; nothing is verified yet.

    `lines` have no ends and no trailing blanks. `text` is what a signature of type 0x01 is over: lines that end with
    CR LF (RFC 9580 §5.2.4). `octets` are what one of type 0x00 may be over: the bytes as they came, and with either
    kind of line ends, since a form in a browser changes those; empty for a cleartext-signed message, which only has
    signatures of type 0x01. `signatures` are one or more packets.
    """

    lines: tuple[str, ...]
    text: bytes
    octets: tuple[bytes, ...]
    signatures: tuple[Packet, ...]


def open_form(form: bytes) -> SignedText:
    """Opens a form as browsers encode it (WHATWG URL §5.1).

    The field `keytext` is a cleartext-signed message; or a text, with an armored detached signature over it in the
    field `keysig`. Raises `BadRequest`, also for a form that lacks the one or has either twice. Takes up to 0.6 s for
    each MiB: for a worker process.
    """
    try:
        pairs = parse_qsl(form.decode("latin-1"), True, encoding="latin-1", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise BadRequest(f"the form has more than {_MOST_FIELDS} fields") from error
    counted = Counter(name for name, _ in pairs)
    if max(counted["keytext"], counted["keysig"]) > 1:
        raise BadRequest("the form has a field twice", hint="Send one request at a time.")
    fields = dict(pairs)
    text = fields.get("keytext", "").encode("latin-1")
    if not text.strip():
        raise BadRequest("the form has no field keytext", hint="Put the signed text into keytext.")
    signature = fields.get("keysig", "").encode("latin-1")
    return open_detached(text, signature) if signature.strip() else open_clear(text)


def open_clear(message: bytes) -> SignedText:
    """Opens a cleartext-signed message (RFC 9580 §7). Raises `BadRequest`."""
    lines = [line.rstrip(_BLANKS) for line in _plain(message).strip("\n").split("\n")]
    if lines[0] != _BEGIN_MESSAGE:
        raise BadRequest(
            "the request is not a cleartext-signed message",
            hint="Sign the text with: gpg --clearsign. Or send a detached signature beside it, in the field keysig.",
        )
    if "" not in lines:
        raise BadRequest("the signed message is cut off", hint="Send all of what gpg wrote.")
    start = lines.index("") + 1
    for line in lines[1 : start - 1]:
        if not _HASH.match(line):
            raise BadRequest(
                "the signed message has another header than Hash", hint="Send what gpg wrote, unchanged (RFC 9580 §7)."
            )
    if _BEGIN_SIGNATURE not in lines[start:]:
        raise BadRequest("the signed message has no signature", hint="Send all of what gpg wrote.")
    end = lines.index(_BEGIN_SIGNATURE, start)
    shown = [_unescaped(line) for line in lines[start:end]]
    return SignedText(
        lines=tuple(shown), text="\r\n".join(shown).encode(), octets=(), signatures=_signatures(lines[end:])
    )


def open_detached(text: bytes, signature: bytes) -> SignedText:
    """Opens a text with its armored detached signature. Raises `BadRequest`."""
    plain = _plain(text)
    canonical = plain.replace("\n", "\r\n").encode()
    armored = [line.rstrip(_BLANKS) for line in _plain(signature).strip("\n").split("\n")]
    return SignedText(
        lines=tuple(line.rstrip(_BLANKS) for line in plain.split("\n")),
        text=canonical,
        octets=tuple(dict.fromkeys((text, plain.encode(), canonical))),
        signatures=_signatures(armored),
    )


def _plain(data: bytes) -> str:
    """Text with line feeds. RFC 9580 §7 leaves room for what a lone CR or another alphabet means: refused."""
    text = data.decode("latin-1").replace("\r\n", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        if odd := _OTHER.search(line.rstrip(_BLANKS)):
            raise BadRequest(
                f"line {number} of the request has a character that is not plain ASCII (number {ord(odd[0])})",
                hint="Everything in a request can be written in ASCII; write armor without comment lines.",
            )
    return text


def _unescaped(line: str) -> str:
    """RFC 9580 §7.2: a line that starts with a hyphen must be escaped."""
    if line == "-":  # an escaped empty line whose blank was lost on the way
        return ""
    if line.startswith("-") and not line.startswith("- "):
        raise BadRequest(
            "a line of the signed message starts with a hyphen that is not escaped",
            hint="Send what gpg wrote, unchanged (RFC 9580 §7.2).",
        )
    return line.removeprefix("- ")


def _signatures(armored: list[str]) -> tuple[Packet, ...]:
    """The packets of exactly one block. Raises `BadRequest` for anything else, behind it as well."""
    if armored[0] != _BEGIN_SIGNATURE or armored[-1] != _END_SIGNATURE or _END_SIGNATURE in armored[:-1]:
        raise BadRequest(
            "there is not exactly one armored signature, with nothing before or after it",
            hint="Send what gpg --clearsign wrote, or what gpg --armor --detach-sign wrote, unchanged.",
        )
    try:
        packets = tuple(dict.fromkeys(walk(dearmor("\n".join(armored).encode()))))
    except Unprocessable as error:
        raise BadRequest(f"the signature cannot be read: {error.message}", hint="Sign and send it again.") from None
    if not packets or any(packet.tag != Tag.SIGNATURE for packet in packets):
        raise BadRequest("the block of the signature holds something else", hint="Sign and send it again.")
    if len(packets) > MOST_SIGNATURES:
        raise BadRequest(f"the text has more than {MOST_SIGNATURES} signatures", hint="Sign it once.")
    return packets
