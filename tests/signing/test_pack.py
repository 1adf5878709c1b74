from __future__ import annotations

import pytest

from signing.publisher import ALICE, BOB, CORE_MODULE, EMPTY, SMALL, manifest, signed
from wasmpuck_signing import Manifest, pack, wasm, wasmsig
from wasmpuck_signing.errors import NotAComponent, Unsigned


def test_a_packed_component_holds_manifest_and_signature() -> None:
    """Packing puts the signature in front and the manifest at the end; what lies between is the component."""
    artifact = pack(SMALL, manifest(), ALICE)
    assert [one.name for one in wasm.sections(artifact)] == ["signature", "", "note", "wasmpuck-manifest"]
    assert wasm.without_custom(artifact, "signature", "wasmpuck-manifest") == SMALL
    assert Manifest.of(artifact) == manifest()


def test_packing_is_deterministic() -> None:
    """The same component, manifest and key give the same bytes."""
    assert pack(SMALL, manifest(), ALICE) == pack(SMALL, manifest(), ALICE)


def test_packing_again_replaces_manifest_and_signatures() -> None:
    """An artifact is as good a beginning as its component: nothing of the first packing is left."""
    first = wasm.append_custom(signed(BOB, name="other"), "signature_delimiter", b"x" * 16)
    assert pack(first, manifest(), ALICE) == pack(SMALL, manifest(), ALICE)


def test_packing_without_a_key_leaves_it_unsigned() -> None:
    """Without a key there is a manifest and no signature."""
    artifact = pack(EMPTY, manifest(), None)
    assert Manifest.of(artifact) == manifest()
    with pytest.raises(Unsigned):
        wasmsig.signatures(artifact)


def test_only_components_are_packed() -> None:
    """A core module is refused before anything is written into it."""
    with pytest.raises(NotAComponent):
        pack(CORE_MODULE, manifest(), ALICE)
