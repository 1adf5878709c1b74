"""Clients that look certificates up and upload some, and check every answer down to its packets."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count

import aiohttp
import pysequoia

from soak.inhabitants import BADLY_NAMED, LIMITS
from soak.tally import Tally
from wasmpuck.demo import CERTIFICATES
from wasmpuck.openpgp import Certificate
from wasmpuck.openpgp.packets import Packet, walk
from wasmpuck.openpgp.splitter import pieces_of_armor

__all__ = ["Crowd"]

_PAUSE = 0.02
"""Seconds between two requests of a client: the processor is shared with gpg."""


def _packets(data: bytes) -> Counter[Packet]:
    return Counter(walk(data))


def _dearmored(text: str) -> bytes:
    [piece] = pieces_of_armor(text.encode().splitlines(keepends=True), 1 << 22)
    return piece.data


def _served(packets: Counter[Packet]) -> Counter[Packet]:
    """What the server shows of a certificate: all of it, or of one that was revoked for good the revocation alone."""
    revocations = Counter({packet: count for packet, count in packets.items() if _revokes(packet)})
    return revocations or packets


def _revokes(packet: Packet) -> bool:
    """Whether it is a key revocation signature (RFC 9580 §5.2.1, type 0x20), version 4."""
    return packet.tag == 2 and packet.body[:2] == b"\x04\x20"


class Crowd:
    """Some clients, each with one request under way.

    `stop` ends them after the answers that they wait for. What they notice goes to the tally: a status, a body, a
    header of an honest plugin that is not what it should be.
    """

    def __init__(self, url: str, tally: Tally, clients: int = 6) -> None:
        self.url = url
        self.tally = tally
        self.stop = asyncio.Event()
        self.editions: Counter[str] = Counter()
        self._clients = clients
        self._number = count()
        lines = CERTIFICATES.read_bytes().splitlines(keepends=True)
        pieces = [piece.data for piece in pieces_of_armor(lines, 1 << 20)]
        self._known = [(Certificate.parse(data).fingerprint, _served(_packets(data))) for data in pieces]
        self._bad = [
            str(pysequoia.Tsk.generate(user_id=f"Nobody <n{number}@{BADLY_NAMED}>").extract_certificate())
            for number in range(5)
        ]

    async def run(self) -> None:
        """Until `stop` is set."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:
            await asyncio.gather(*(self._client(session) for _ in range(self._clients)))

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while not self.stop.is_set():
            number = next(self._number)
            kind = self._kind(number)
            try:
                self.tally.count(kind, await self._one(session, kind, number))
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                self.tally.count(kind, repr(error))
            await asyncio.sleep(_PAUSE)

    @staticmethod
    def _kind(number: int) -> str:
        if number % 40 == 7:
            return "upload and fetch"
        return {3: "refused upload", 5: "missing", 11: "statistics", 13: "health", 17: "index"}.get(number % 20, "get")

    async def _one(self, session: aiohttp.ClientSession, kind: str, number: int) -> str | None:
        """What is wrong with the answer; `None` when nothing is."""
        fingerprint, packets = self._known[number % len(self._known)]
        match kind:
            case "get":
                _, text, wrong = await self._lookup(session, 200, op="get", options="mr", search=f"0x{fingerprint}")
                return wrong or (None if _packets(_dearmored(text)) == packets else "other packets than were loaded")
            case "index":
                _, text, wrong = await self._lookup(session, 200, op="index", options="mr", search=f"0x{fingerprint}")
                return wrong or (None if fingerprint.upper() in text.upper() else f"not in the index: {text[:200]}")
            case "missing":
                return (await self._lookup(session, 404, op="get", search="0x" + "0" * 40))[2]
            case "statistics":
                # The zoo's guest answers everybody with 403 where its scope lets it.
                status, text = await self._ask(session.get(f"{self.url}/pks/stats"))
                return None if (status, text) == (403, "nobody may") else f"{status} {text[:200]}"
            case "health":
                status, text = await self._ask(session.get(f"{self.url}/pks/health"))
                return None if status == 200 else f"{status} {text[:200]}"
            case "refused upload":
                bad = self._bad[number % len(self._bad)]
                status, text, wrong = await self._judged(session.post(f"{self.url}/pks/add", data={"keytext": bad}))
                return wrong or (None if status == 403 and BADLY_NAMED in text else f"{status} {text[:200]}")
            case _:
                return await self._exchange(session, number)

    async def _exchange(self, session: aiohttp.ClientSession, number: int) -> str | None:
        fresh = pysequoia.Tsk.generate(user_id=f"Somebody <s{number}@example.org>").extract_certificate()
        status, text, wrong = await self._judged(session.post(f"{self.url}/pks/add", data={"keytext": str(fresh)}))
        if wrong or status != 200:
            return wrong or f"{status} {text[:200]}"
        _, text, wrong = await self._lookup(session, 200, op="get", options="mr", search=f"0x{fresh.fingerprint}")
        same = wrong or _packets(_dearmored(text)) == _packets(bytes(fresh))
        return wrong or (None if same else "other packets than were uploaded")

    async def _lookup(self, session: aiohttp.ClientSession, expected: int, **query: str) -> tuple[int, str, str | None]:
        status, text, wrong = await self._judged(session.get(f"{self.url}/pks/lookup", params=query))
        return status, text, wrong or (None if status == expected else f"{status} {text[:200]}")

    async def _ask(self, request: aiohttp.client._RequestContextManager) -> tuple[int, str]:
        async with request as answer:
            return answer.status, await answer.text()

    async def _judged(self, request: aiohttp.client._RequestContextManager) -> tuple[int, str, str | None]:
        """Status, body, and which honest plugin is missing from the answer, or mixed up with another generation."""
        async with request as answer:
            text = await answer.text()
            headers = answer.headers
            limit = int(headers.get("ratelimit-limit", "0"))
            asked, answered = headers.get("x-asked", ""), headers.get("x-answered", "")
            wrong = None
            if limit not in LIMITS or not headers.get("ratelimit-policy", "").startswith(f"{limit};"):
                wrong = f"{answer.status} {text[:200]!r} without the rate limiter's headers"
            elif not asked or asked != answered or "x-late" in headers:
                wrong = f"{answer.status} asked {asked!r}, answered {answered!r}, late {headers.get('x-late')!r}"
            self.editions[asked] += 1
            return answer.status, text, wrong
