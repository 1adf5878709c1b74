"""Memory that was freed is the system's again."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import threading
from pathlib import Path
from wasmpuck.allocator import return_large_blocks

if sys.argv[1] == "told":
    assert return_large_blocks()
def work():
    for _ in range(3):
        bytes([1]) * 18_000_000
        kept.append(bytes(1_000))  # lies behind it, if both come from a heap
kept = []
for _ in range(4):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
status = Path("/proc/self/status").read_text()
print(int(status.partition("RssAnon:")[2].split()[0]) // 1024)
"""


def resident(how: str) -> int:
    """Megabytes of a process that has had large blocks in several threads, one at a time."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_large_blocks_go_back_when_they_are_freed() -> None:
    """After large blocks have come and gone in several threads, none of their memory is kept, as it is otherwise."""
    assert resident("told") < resident("not told") - 10
