"""How long an idle request takes: a process of its own, because a busy one would measure itself.

Started as ``python -m soak.probe HOST PORT``. Asks the administration's /health, which costs the server nothing but a
turn of its event loop, every 20 ms over one connection. Writes the seconds of each round trip to standard output when
its standard input ends.
"""

from __future__ import annotations

import json
import select
import sys
import time
from http.client import HTTPConnection

__all__ = ["main"]

_PAUSE = 0.02


def main() -> None:
    """Asks until standard input ends."""
    connection = HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=60)
    took: list[float] = []
    while not select.select([sys.stdin], [], [], _PAUSE)[0]:
        began = time.perf_counter()
        connection.request("GET", "/health")
        connection.getresponse().read()
        took.append(time.perf_counter() - began)
    connection.close()
    sys.stdout.write(json.dumps(took))


if __name__ == "__main__":
    main()
