from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectors.gpg import Gpg
from wasmpuck.openpgp import BrokenArmor, armor, dearmor
from wasmpuck.openpgp.armor import looks_armored

BEGIN, END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"


@given(st.binary(min_size=1, max_size=500))
def test_armor_comes_off_again(data: bytes) -> None:
    """What was armored is what is dearmored."""
    assert dearmor(armor(data).encode()) == data


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_text_is_read_or_refused(before: bytes, inside: bytes) -> None:
    """Whatever stands around or in a block, nothing but the armor's own error is raised."""
    line = 1
    try:
        dearmor(before + f"\n{BEGIN}\n\n".encode() + inside + f"\n{END}\n".encode())
    except BrokenArmor as error:
        line = error.line
    assert line >= 1


def test_ours_has_no_headers() -> None:
    """Our armor says nothing about the server that wrote it."""
    assert armor(b"\x99").splitlines()[:2] == [BEGIN, ""]
    assert armor(b"\x99").endswith(f"{END}\n")


def test_gpg_and_we_read_each_other() -> None:
    """gpg's armor dearmors to gpg's bytes, and gpg dearmors ours."""
    with Gpg() as gpg:
        gpg.generate("Ann <ann@example.org>")
        plain = gpg.export()
        assert dearmor(gpg.export(armored=True)) == plain
        assert gpg.run("--dearmor", data=armor(plain).encode()) == plain


def test_several_blocks_with_text_around_them_are_joined() -> None:
    """A mail with two keys in it, with other line ends, gives both."""
    mail = "Dear all,\n\n" + armor(b"one") + "and my other key:\n> quoted\n" + armor(b"other") + "Yours\n"
    assert dearmor(mail.encode()) == b"oneother"
    assert dearmor(mail.replace("\n", "\r\n").encode()) == b"oneother"


def test_header_lines_are_read_over() -> None:
    """A comment or version line, or a header block without its empty line, is no obstacle."""
    block = armor(b"data")
    assert dearmor(block.replace("\n\n", "\nVersion: x\nComment: y\n\n", 1).encode()) == b"data"
    assert dearmor(block.replace("\n\n", "\n", 1).encode()) == b"data"


@pytest.mark.parametrize("line", ["", "=AAAA\n", "=!!!!\n"])
def test_the_checksum_decides_nothing(line: str) -> None:
    """A missing or wrong checksum must not be a reason to reject (RFC 9580 §6.1)."""
    lines = [text for text in armor(b"data").splitlines(keepends=True) if not (text.startswith("=") and len(text) == 6)]
    assert dearmor("".join([*lines[:-1], line, lines[-1]]).encode()) == b"data"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "there is no BEGIN"),
        (f"{BEGIN}\n\nAAAA\n", "the END line is missing"),
        (f"{BEGIN}\n\nAA?A\n{END}\n", "it is not base64"),
        (f"{BEGIN}\n\nAAAAA\n{END}\n", "the data before it is cut off"),
        (f"{BEGIN}\n\nAA==\nAAAA\n{END}\n", "data behind the end of the data"),
        (f"{BEGIN}\n\nAAAA\n=AAAA\nAAAA\n{END}\n", "data behind the end of the data"),
        (f"{BEGIN}\n\nAAAA\n-----END PGP SIGNATURE-----\n", "the END line does not match"),
        (f"{BEGIN}\n\nAAAA\n{BEGIN}\n\nAAAA\n{END}\n", "a line of dashes inside a block"),
        (f"{BEGIN}\n\n{'A' * 5000}\n{END}\n", "a line has more than 4096 bytes"),
        ("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n", "this kind of block holds no certificate"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    """Each way in which armor can be broken has its own sentence."""
    with pytest.raises(BrokenArmor) as caught:
        dearmor(text.encode())
    assert words in caught.value.message


def test_text_is_told_from_packets() -> None:
    """A packet's first octet has its high bit set; text does not, not even with a byte order mark."""
    assert looks_armored(b"\n-----BEGIN")
    assert looks_armored(b"\xef\xbb\xbf-----BEGIN")
    assert not looks_armored(b"\x99\x01")
    assert not looks_armored(b"")
