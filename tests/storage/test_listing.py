from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectors.owner import Owner
from wasmpuck.openpgp import Policy, summarise, vet, walk
from wasmpuck.storage.listing import Context, pack, unpack

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES))
def test_a_summary_comes_back_as_it_was(summary: dict[str, object]) -> None:
    """Any JSON values survive packing."""
    context = Context("ab" * 20, "cd" * 16, b"some bytes" * 1000)
    assert unpack(pack(summary)) == unpack(pack(summary), context) == summary
    assert unpack(pack(summary, context), context) == summary


def test_a_usual_summary_is_smaller_than_its_certificate() -> None:
    """The summary of a small certificate takes less than a third of its JSON, and beside it less than a fifth."""
    ann = Owner("ann")
    data = ann.certificate(ann.user_id("Ann Example <ann@example.org>"), ann.subkey(Owner("sub")))
    certificate = vet(walk(data), Policy()).certificate
    summary = summarise(certificate)
    assert 3 * len(pack(summary)) < len(json.dumps(summary))
    context = Context(certificate.fingerprint, certificate.md5, certificate.bytes)
    assert 5 * len(pack(summary, context)) < len(json.dumps(summary))


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00garbage", b"\xffxxx", b"{}"])
def test_other_bytes_are_refused(data: bytes) -> None:
    """Bytes that are no packed summary raise ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011  # zlib's and json's words differ from case to case
        unpack(data)
