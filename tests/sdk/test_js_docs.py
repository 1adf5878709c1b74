"""The examples of docs/sdk-js.md are plugins that load and start, and what it says of the module is all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runtime.guests import run
from sdk.fakes import fake
from sdk.javascript import EVERYTHING, evaluate, open_script
from wasmpuck.runtime.values import Ok

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "sdk-js.md").read_text()
EXAMPLES = re.findall(r"^```js\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_is_a_plugin(number: int) -> None:
    """It is loaded, configured and started, and implements more than the lifecycle or hands something over."""

    async def main() -> None:
        fakes = {"responder": fake("responder", {"begin": Ok()}, [])}
        async with open_script(EXAMPLES[number], {}, imports=EVERYTHING, fakes=fakes) as stage:
            assert len(stage.worlds) > 1
            assert await stage.call("lifecycle.validate-config", "{}") == []
            await stage.call("lifecycle.health")
            assert not stage.told("")

    run(main())


def test_there_are_examples() -> None:
    """Every section with hooks has one."""
    assert len(EXAMPLES) >= 8


def test_the_tables_name_what_exists() -> None:
    """Every function that a table gives to an object of the module is one, and every class is exported."""
    rows = re.findall(r"^\| `([a-z]\w+)` \| (.*) \|$", TEXT, re.MULTILINE)
    assert {name for name, _ in rows} >= {"log", "storage", "shared", "keys", "httpClient"}
    wanted = {
        name: re.findall(r"`([a-z]\w*)[(`]", cells.split(";")[0].replace("(`{ttl}`)", "")) for name, cells in rows
    }
    assert all(wanted.values())
    classes = re.findall(r"`([A-Z]\w+Error)`", TEXT)

    async def main() -> list[str]:
        listed = ", ".join(f"{name}: {words!r}" for name, words in wanted.items())
        missing: list[str] = await evaluate(
            f"const all = require('wasmpuck'); const wanted = {{ {listed} }};"
            "const missing = Object.entries(wanted).flatMap(([name, words]) =>"
            " words.filter((word) => typeof all[name]?.[word] !== 'function').map((word) => `${name}.${word}`));"
            f"const classes = {classes!r}.filter((name) => name !== 'TypeError');"
            "return [...missing, ...classes.filter((name) => typeof all[name] !== 'function')];"
        )
        return missing

    assert run(main()) == []
