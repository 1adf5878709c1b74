"""`kill -9` at any moment: nothing that was acknowledged is lost, and nothing is there in part.

`just kill 50` kills that often; by itself this does it a few times on each backend.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.killing import Victim, canonical
from keyserver.stores import Place
from postgres import PostgresServer, postgres
from vectors.population import people
from wasmpuck.keyserver import Workers

__all__ = ["postgres"]

KILLS = int(os.environ.get("WASMPUCK_KILLS", "8"))
"""In all; each backend and each way in gets its part."""

EACH = -(-KILLS // 4)
SIZE = 6_000
"""Certificates in a keyring that is loaded."""


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """For looking at what is left."""
    shared = Workers(2)
    yield shared
    asyncio.run(shared.close())


@pytest.fixture(params=["sqlite", "postgres"])
def victim(request: pytest.FixtureRequest, tmp_path: Path, workers: Workers) -> Victim:
    """On either backend; what is drawn by lot is the same in every run, the moment of death is not."""
    server: PostgresServer | None = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made = Victim(Place(tmp_path, server), random.Random(request.param), workers)
    made.configure()
    return made


def test_no_acknowledged_upload_is_lost(victim: Victim) -> None:
    """After each kill everything that a client was told is stored is there, whole, and nothing else is wrong."""
    for _ in range(EACH):
        assert victim.upload_and_kill() > 0
        stored, findings = victim.examine()
        assert findings == []
        assert victim.acknowledged.items() <= stored.items()
    assert victim.kills == EACH


def test_a_loading_that_is_killed_goes_on_to_completeness(victim: Victim) -> None:
    """After each kill what is there is whole, nothing that was there is gone, and in the end nothing is missing."""
    wanted: dict[str, bytes] = {}
    before: dict[str, bytes] = {}
    for number in range(1_000):
        certificates = list(people(SIZE, seed=f"keyring {number}"))
        path = victim.place.folder / f"keyring-{number}.pgp"
        path.write_bytes(b"".join(certificates))
        wanted |= canonical(certificates)
        while victim.kills < EACH and not victim.load(path, kill=True):
            stored, findings = victim.examine()
            assert findings == []
            assert before.items() <= stored.items() <= wanted.items()
            before = stored
        if victim.kills == EACH:
            break
    assert victim.load(path, kill=False)
    stored, findings = victim.examine()
    assert findings == []
    assert stored == wanted
