"""The text of a request and its envelopes: what is read is what was signed, and nothing else is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import SignatureMode, Tsk, sign

from wasmpuck.errors import BadRequest
from wasmpuck.keyserver.owner_request import OwnerAct, OwnerRequest, parse_request, request_text
from wasmpuck.keyserver.signed_text import SignedText, open_clear, open_detached

FINGERPRINT = "0123456789abcdef0123456789abcdef01234567"
BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjME\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----"
ARMOR = "-----BEGIN PGP SIGNATURE-----\n\nwgEE\n-----END PGP SIGNATURE-----"  # a packet of one byte
DELETE = request_text(OwnerAct.DELETE, "keys.example.org", FINGERPRINT, expires=1_800_000_000)
REPLACE = request_text(OwnerAct.REPLACE, "keys.example.org", FINGERPRINT, expires=1_800_000_000, certificate=BLOCK)

printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)


def clear(text: str, *, hash_: str = "Hash: SHA512\n") -> bytes:
    """A cleartext-signed message with a signature that is none."""
    escaped = "\n".join(f"- {line}" if line.startswith("-") else line for line in text.split("\n"))
    return f"-----BEGIN PGP SIGNED MESSAGE-----\n{hash_}\n{escaped}\n{ARMOR}\n".encode()


@given(
    st.sampled_from(OwnerAct),
    st.from_regex(r"[a-z0-9][a-z0-9.-]{0,60}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[0-9a-f]{40}|[0-9a-f]{64}", fullmatch=True),
    st.integers(0, 4_000_000_000),
    st.from_regex(r"[A-Za-z0-9_-]{22,128}", fullmatch=True),
)
def test_a_text_reads_back(act: OwnerAct, server: str, fingerprint: str, expires: int, nonce: str) -> None:
    """What `request_text` writes, `parse_request` reads, whatever it is about."""
    certificate = BLOCK if act is OwnerAct.REPLACE else ""
    text = request_text(act, server, fingerprint, expires=expires, nonce=nonce, certificate=certificate)
    assert parse_request(text.split("\n")) == OwnerRequest(act, server, fingerprint, nonce, expires, certificate)


def test_a_fresh_text_has_a_fresh_nonce() -> None:
    """Two texts for the same thing differ in 192 random bits."""
    one, other = (parse_request(request_text(OwnerAct.DELETE, "a", FINGERPRINT, expires=1).split("\n")) for _ in "ab")
    assert one.nonce != other.nonce
    assert len(one.nonce) == 32


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither"),
        ("/pks/add\n" + DELETE, "neither"),
        (" " + DELETE, "neither"),
        ("/pks/delete\n", "could be sent again"),
        (f"/pks/delete\n{BLOCK}\n", "could be sent again"),
        (f"/pks/replace\n{BLOCK}\n", "could be sent again"),
        (DELETE + DELETE, "line 6"),
        (DELETE + "\n" + DELETE, "something follows"),
        (DELETE + "\n" + BLOCK, "something follows"),
        (DELETE + "nonce: " + "b" * 30 + "\n", "nonce twice"),
        (DELETE + f"fingerprint: {'ab' * 20}\n", "one certificate"),
        (DELETE + "comment: hello\n", "line 6"),
        (DELETE.replace("nonce: ", "nonce"), "line 4"),
        (DELETE.replace("nonce: ", "Nonce: "), "line 4"),
        (DELETE.replace(FINGERPRINT, FINGERPRINT[-16:]), "not a fingerprint"),
        (DELETE.replace(FINGERPRINT, FINGERPRINT[:-1] + "g"), "not a fingerprint"),
        (DELETE.replace("keys.example.org", "keys example"), "name of a server"),
        (DELETE.replace("keys.example.org", ""), "name of a server"),
        (DELETE.replace("2027-01-15T08:00:00Z", "2027-01-15T08:00:00+01:00"), "time in UTC"),
        (DELETE.replace("2027-01-15T08:00:00Z", "2027-02-30T08:00:00Z"), "time in UTC"),
        ("\n".join(line for line in DELETE.split("\n") if not line.startswith("expires")), "does not say: expires"),
        (REPLACE.replace(BLOCK, ""), "does not end with one armored"),
        (REPLACE + BLOCK, "does not end with one armored"),
        (REPLACE + "/pks/delete\n", "no armored certificate"),
        (REPLACE.replace(BLOCK, "hello\n" + BLOCK), "no armored certificate"),
        (REPLACE.replace(BLOCK, BLOCK.rpartition("\n")[0]), "does not end with one armored"),
    ],
)
def test_a_text_that_is_not_exactly_one_request_is_refused(text: str, said: str) -> None:
    """Every deviation, two commands in one text among them, is a `BadRequest` that says how to make a right text."""
    with pytest.raises(BadRequest, match=said) as refused:
        parse_request(text.split("\n"))
    assert "fingerprint=…" in refused.value.hint


def test_an_old_request_of_hockeypuck_is_told_what_is_missing() -> None:
    """A text without nonce, expiry and server could be replayed: the answer says so and how to do better."""
    with pytest.raises(BadRequest) as refused:
        parse_request(f"/pks/delete\n{BLOCK}".split("\n"))
    assert "Hockeypuck's old form" in refused.value.hint
    assert "/pks/delete?fingerprint=" in refused.value.hint


@given(st.lists(st.one_of(printable, st.sampled_from(REPLACE.split("\n") + DELETE.split("\n"))), max_size=12))
def test_lines_of_any_kind_are_a_request_or_refused(lines: list[str]) -> None:
    """No text makes the parser fail in another way, and what it takes names everything once."""
    try:
        request = parse_request([line.rstrip() for line in lines])
    except BadRequest:
        return
    for name in ("server: ", "nonce: ", "expires: ", "fingerprint: "):
        assert sum(line.startswith(name) for line in lines) == 1
    assert lines[0] == request.act


# --- envelopes -----------------------------------------------------------------------------------


@given(st.lists(printable, max_size=10))
def test_a_cleartext_message_gives_its_lines(lines: list[str]) -> None:
    """Dashes are unescaped, trailing blanks are gone; what is signed has CR LF between lines and none at the end."""
    opened = open_clear(clear("\n".join(lines)))
    assert list(opened.lines) == [line.rstrip() for line in lines or [""]]
    assert opened.text == "\r\n".join(opened.lines).encode()
    assert opened.octets == ()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    """Rubbish is a `BadRequest`, as a message, as a text, as a signature, and in the middle of something right."""
    right = clear(DELETE)
    for trial in (data, right + data, data + right, right[:120] + data + right[120:], right[:-60] + data + right[-60:]):
        try:
            opened = open_clear(trial)
        except BadRequest:
            continue
        assert all(line.isascii() and line.isprintable() for line in opened.lines)
    for text, signature in ((data, ARMOR.encode()), (DELETE.encode(), data)):
        try:
            open_detached(text, signature)
        except BadRequest:
            continue


def test_line_ends_and_trailing_blanks_do_not_matter() -> None:
    """A message that went through a form (CR LF) or a mail program (blanks at the ends) is the same text."""
    message = clear(DELETE)
    plain = open_clear(message)
    assert open_clear(message.replace(b"\n", b"\r\n")) == plain
    assert open_clear(message.replace(b"\n", b" \t\n")) == plain
    assert open_clear(b"\n\n" + message + b"\n\n") == plain


@pytest.mark.parametrize(
    "message",
    [
        clear(DELETE).replace(b"/pks/delete", b"-pks/delete"),
        clear(DELETE).replace(b"server:", b"-----BEGIN PGP MESSAGE-----\nserver:"),
        clear(DELETE, hash_="Hash: SHA512\nserver: other.example\n"),
        clear(DELETE, hash_="Charset: utf-8\n"),
        clear(DELETE, hash_="Hash: SHA512\n/pks/delete\n"),
        b"/pks/delete\n" + clear(DELETE),
        clear(DELETE) + b"/pks/delete\n",
        clear(DELETE) + clear(DELETE),
        clear(DELETE).replace(ARMOR.encode(), b""),
        clear(DELETE).replace(b"server:", b"ser\rver:"),
        clear(DELETE).replace(b"server:", b"ser\x00ver:"),
        clear(DELETE).replace(b"server:", b"ser\xc2\xa0ver:"),
        clear(DELETE).replace(b"server:", b"ser\x0cver:"),
        clear(DELETE).replace(b"server:", b"ser\xe2\x80\xa8ver:"),
        clear(DELETE).replace(b"wgEE", b"xgEE"),
        clear(DELETE).replace(b"wgEE", b"!!!!"),
        clear(DELETE).replace(ARMOR.encode(), ARMOR.encode() + b"\n" + ARMOR.encode()),
        clear(DELETE).replace(b"SIGNATURE", b"MESSAGE"),
        clear(DELETE).partition(b"\n\n")[0],
        DELETE.encode(),
    ],
)
def test_an_ambiguous_message_is_refused(message: bytes) -> None:
    """Unescaped hyphens, unknown headers, text around the message, odd characters, a second signature block."""
    with pytest.raises(BadRequest):
        open_clear(message)


def test_a_signature_block_of_many_packets_is_refused() -> None:
    """More signatures than anybody needs are not worth checking."""
    key = Tsk.generate(user_ids=["Ada"])
    from pysequoia import ArmorKind, armor

    from wasmpuck.openpgp.armor import dearmor

    one = dearmor(sign(key.signer(), b"a", mode=SignatureMode.DETACHED))
    many = b"".join(dearmor(sign(key.signer(), bytes([item]), mode=SignatureMode.DETACHED)) for item in range(9))
    with pytest.raises(BadRequest, match="more than 8"):
        open_detached(b"text", armor(many, ArmorKind.Signature).encode())
    same = open_detached(b"text", armor(one * 9, ArmorKind.Signature).encode())
    assert len(same.signatures) == 1


def test_a_detached_signature_may_be_over_any_line_ends() -> None:
    """A form turns LF into CR LF: the bytes as they came and both forms are tried; the lines are the same."""
    sent = DELETE.replace("\n", "\r\n").encode()
    opened = open_detached(sent, ARMOR.encode())
    assert opened.octets == (sent, DELETE.encode())
    assert opened.lines == tuple(DELETE.split("\n"))
    assert isinstance(opened, SignedText)
