"""The commands in docs/hkp.md, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.command import wasmpuck_serve
from vectors.packages import install
from wasmpuck.demo import CERTIFICATES

PAGE = Path(__file__).parents[2] / "docs" / "hkp.md"
BLOCK = re.compile(r"```sh\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
EXAMPLES = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
CONFIGURATION = f"""\
[storage]
seed = ["{CERTIFICATES}"]

[plugins]
enabled = false

[search]
domains = ["example.org"]
"""


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with the demonstration certificates."""
    for tool in ("curl", "jq"):
        install(tool, Path(f"/usr/bin/{tool}"))
    with wasmpuck_serve(tmp_path_factory.mktemp("page"), CONFIGURATION) as running:
        yield running.url


def test_there_are_examples() -> None:
    """Every block of commands stands before what it prints."""
    assert len(EXAMPLES) == PAGE.read_text(encoding="utf-8").count("```sh") > 5


@pytest.mark.parametrize(("commands", "printed"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_commands_print_what_the_page_says(demonstration: str, tmp_path: Path, commands: str, printed: str) -> None:
    """Line by line, but for what stands as an ellipsis."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands],
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"SERVER": demonstration},
        timeout=120,
    )
    pattern = ".*".join(re.escape(part) for part in printed.split("…"))
    said = done.stdout.decode().replace("\r\n", "\n")
    assert re.fullmatch(pattern, said), said + done.stderr.decode()
