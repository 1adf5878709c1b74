"""gpg and sq find keys through a Web Key Directory, over DNS and HTTPS as in the world."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.island import on_island


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `e2e.wkd_island` saw."""
    folder = tmp_path_factory.mktemp("island")
    on_island("e2e.wkd_island", folder)
    results: dict[str, Any] = json.loads((folder / "seen.json").read_text())
    return results


def test_nobody_is_found_before_the_letter_is_answered(seen: dict[str, Any]) -> None:
    """An uploaded key is not in the directory until its reader confirmed the address."""
    assert seen["before"]["status"] != 0
    assert seen["before"]["keys"] == []


@pytest.mark.parametrize(
    ("method", "user_id"),
    [("advanced", "Ann <Ann.Lee@advanced.example>"), ("direct", "Ann <ann@direct.example>")],
)
def test_gpg_locates_a_key(seen: dict[str, Any], method: str, user_id: str) -> None:
    """`gpg --locate-keys` gets the key by either method, with the user id of the address alone."""
    assert seen[f"gpg {method}"] == {"status": 0, "keys": [seen["fingerprint"]], "user_ids": [user_id]}


@pytest.mark.parametrize("method", ["advanced", "direct"])
def test_sq_gets_a_key(seen: dict[str, Any], method: str) -> None:
    """`sq wkd get` gets the same."""
    found = seen[f"sq {method}"]
    assert found["status"] == 0, found["error"]
    assert f"Fingerprint: {seen['fingerprint']}" in found["shown"]
    assert method in found["shown"]


def test_sq_asks_the_keyserver_by_https(seen: dict[str, Any]) -> None:
    """`sq keyserver get` finds it by address over HKPS."""
    found = seen["sq keyserver"]
    assert found["status"] == 0, found["error"]
    assert f"Fingerprint: {seen['fingerprint']}" in found["shown"]


def test_who_is_not_there_is_not_found(seen: dict[str, Any]) -> None:
    """An address without a key is an error for gpg, not an empty key."""
    assert seen["stranger"]["status"] != 0
    assert seen["stranger"]["keys"] == []


def test_clients_chose_the_method_by_name(seen: dict[str, Any]) -> None:
    """The host `openpgpkey` was asked for, and the domain itself where that does not exist."""
    assert {"openpgpkey.advanced.example", "openpgpkey.direct.example", "direct.example"} <= set(seen["asked"])
    assert "advanced.example" not in seen["asked"]
    assert seen["policy"] == "protocol-version: 21\nmailbox-only\n"


def test_a_renewed_certificate_is_shown_after_a_signal(seen: dict[str, Any]) -> None:
    """New files are read when the server is told to, by SIGHUP, and not before."""
    before, meanwhile, afterwards, renewed = seen["renewed"]
    assert meanwhile == before
    assert afterwards == renewed
