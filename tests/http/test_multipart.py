"""Forms in several parts: the wanted part comes back byte for byte, and nothing else passes for it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmpuck.errors import Unprocessable
from wasmpuck.http.multipart import form_part

BOUNDARY = "a-boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts: tuple[str, bytes]) -> bytes:
    """A body with these parts."""
    written = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"
        for name, content in parts
    ]
    return b"".join(written) + f"--{BOUNDARY}--\r\n".encode()


@given(
    st.binary(max_size=200).filter(lambda content: b"\r\n--a-boundary" not in b"\r\n" + content), st.binary(max_size=9)
)
def test_a_part_comes_back_as_it_was(content: bytes, other: bytes) -> None:
    """Any bytes, behind another part and before a second of the same name."""
    assert form_part(TYPE, form(("other", other), ("keytext", content), ("keytext", b"x")), "keytext") == content


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_bytes_make_it_fail(body: bytes, kind: str) -> None:
    """What is not framed so is the client's mistake."""
    for content_type in (TYPE, kind, f"multipart/form-data; boundary={kind}"):
        with suppress(Unprocessable):
            form_part(content_type, body, "keytext")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", form(("keytext", b"x"))),
        ("multipart/form-data; boundary=other", form(("keytext", b"x"))),
        (TYPE, b""),
        (TYPE, form()),
        (TYPE, form(("other", b"x"))),
        (TYPE, form(("keytext", b"x"))[:-8]),
        (TYPE, form(("x" * 8192, b""), ("keytext", b"x"))),
        (TYPE, f"--{BOUNDARY}\r\nno headers\r\n--{BOUNDARY}--\r\n".encode()),
    ],
)
def test_what_is_no_form_is_refused(kind: str, body: bytes) -> None:
    """Without boundary, end, headers of some size or the part there is nothing to take."""
    with pytest.raises(Unprocessable):
        form_part(kind, body, "keytext")


def test_boundaries_may_be_quoted() -> None:
    """As RFC 2046 has it."""
    assert form_part(f'multipart/form-data; boundary="{BOUNDARY}"', form(("keytext", b"x")), "keytext") == b"x"
