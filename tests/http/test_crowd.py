"""Slow clients beside quick ones: everybody is served."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from e2e.certificates import armored, generate
from e2e.client import lookup, upload
from e2e.crowd import Crowd
from e2e.serving import keyserver_thread
from wasmpuck.config import HTTPSettings

EACH = 60


def test_slow_clients_do_not_keep_others_from_their_answers(tmp_path: Path) -> None:
    """While clients trickle heads and bodies or leave answers unread, look-ups go on; in the end all are answered."""
    patient = HTTPSettings(connections_per_client=0, header_timeout=300.0, body_timeout=300.0, write_timeout=300.0)
    with keyserver_thread(tmp_path, patient) as server:
        certificates = [
            generate(*(f"{name} <{name}{number}@example.org>" for number in range(100))).extract_certificate()
            for name in "abcdefghij"
        ]
        assert len(upload(server.url, armored(*certificates)).json["inserted"]) == len(certificates)
        everybody = "/pks/lookup?op=index&options=json&search=0x" + certificates[0].fingerprint

        async def crowded() -> Counter[int]:
            crowd = Crowd(server.address[1], everybody)
            await crowd.gather(EACH, EACH, EACH)
            try:
                for certificate in certificates:
                    answer = await asyncio.to_thread(lookup, server.url, "get", f"0x{certificate.fingerprint}")
                    assert answer.status == 200
                assert crowd.gone == 0
            finally:
                statuses = await crowd.disperse()
            return Counter(statuses)

        assert asyncio.run(crowded()) == {200: 2 * EACH, 400: EACH}
