"""What a look-up costs at the least: an aiohttp handler that reads the row and sends it, and does nothing else.

Started as ``python -m bench.bare DATABASE``. It knows no limits, no other forms, no armor, and no other clients while
SQLite reads: it asks the same database for the same row, on the event loop. Says `ready hkp=URL` when it listens.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys

from aiohttp import web

from wasmpuck.storage.terms import term

__all__ = ["main"]

_BY_FINGERPRINT = "SELECT data FROM certificates WHERE fingerprint = ?"
_BY_ADDRESS = "SELECT summary FROM certificates WHERE id = (SELECT certificate FROM terms WHERE term = ?)"


async def main(path: str) -> None:
    """Serves until it is ended."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    async def lookup(request: web.Request) -> web.Response:
        query = request.query
        search = query["search"]
        if query["op"] == "get":
            row = database.execute(_BY_FINGERPRINT, (bytes.fromhex(search[2:]),)).fetchone()
        else:
            row = database.execute(_BY_ADDRESS, (term("identity", search),)).fetchone()
        if row is None:
            return web.Response(status=404)
        return web.Response(body=row[0], content_type="application/pgp-keys")

    application = web.Application()
    application.router.add_get("/pks/lookup", lookup)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"ready hkp=http://127.0.0.1:{runner.addresses[0][1]} metrics=", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
