"""docs/cookbook.md: each plugin of the page is built as it stands there and does what its recipe says."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from house.documents import ROOT, Block, blocks
from kit.cli.test_run import Running
from kit.conftest import Kit
from wasmpuck.config import parse
from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.building import build
from wasmpuck.kit.circumstances import Circumstances
from wasmpuck.kit.neighbours import Neighbour
from wasmpuck.kit.peers import Peer
from wasmpuck.kit.samples import request
from wasmpuck.kit.stand import Stand
from wasmpuck.kit.testing import TestedPlugin as Tested
from wasmpuck.kit.toolchains import rust
from wasmpuck_signing import Manifest, pack

PAGE = ROOT / "docs" / "cookbook.md"
VECTORS = ROOT / "tests" / "vectors"
ALICE = "eb85bb5fa33a75e15e944e63f231550c4f47e38e"
SOURCES = {"python": "plugin.py", "js": "plugin.js", "rust": "src/lib.rs"}


@dataclass(frozen=True)
class Recipe:
    """A recipe of the page: the source, the manifest, and the plugin's table in the server's configuration."""

    source: Block
    manifest: str
    table: str

    @property
    def name(self) -> str:
        """The plugin's name."""
        return str(tomllib.loads(self.manifest)["plugin"]["name"])


def recipes() -> dict[str, Recipe]:
    """All of them, by the plugin's name."""
    found = blocks(PAGE)
    assert len(found) % 3 == 0
    parts = (found[start : start + 3] for start in range(0, len(found), 3))
    made = [Recipe(source, manifest.text, table.text) for source, manifest, table in parts]
    return {one.name: one for one in made}


RECIPES = recipes()


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Rust is compiled: one folder, so that the library is compiled once."""
    return tmp_path_factory.mktemp("kitchen")


@dataclass
class Cook:
    """Builds recipes and puts them onto a stand."""

    kit: Kit
    kitchen: Path

    def folder(self, name: str) -> Path:
        """The plugin's folder, with its source and its manifest."""
        recipe = RECIPES[name]
        folder = self.kit.folder / name
        (folder / "plugin.toml").parent.mkdir(exist_ok=True)
        (folder / "plugin.toml").write_text(recipe.manifest)
        (folder / SOURCES[recipe.source.language]).write_text(recipe.source.text)
        return folder

    def artifact(self, name: str) -> Path:
        """The built plugin."""
        if RECIPES[name].source.language == "rust":
            return self._rust(name)
        return build(self.folder(name)).path

    def _rust(self, name: str) -> Path:
        toolchain = rust.find()
        folder = self.kitchen / "plugin"
        if not folder.exists():
            self.kit.ok("new", "first", "--lang", "rust", "--type", "events", "--folder", folder)
            shutil.rmtree(folder / "src")
            (folder / "src").mkdir()
        recipe = RECIPES[name]
        manifest = tomllib.loads(recipe.manifest)["plugin"]
        cargo = (folder / "Cargo.toml").read_text()
        for key in ("name", "version", "description"):
            cargo = re.sub(rf'^{key} = ".*"$', f'{key} = "{manifest[key]}"', cargo, count=1, flags=re.MULTILINE)
        if "serde_json" in recipe.source.text and "serde_json" not in cargo:
            cargo = cargo.replace("[dependencies]\n", '[dependencies]\nserde_json = "1"\n')
        (folder / "Cargo.toml").write_text(cargo)
        (folder / "src" / "lib.rs").write_text(recipe.source.text)
        rust.lock(folder, toolchain)
        component = rust.build(folder, toolchain, self.kitchen / "target")
        path = self.kit.folder / f"{name}.wasm"
        path.write_bytes(pack(component, Manifest.from_toml(recipe.manifest), None))
        return path

    @contextmanager
    def served(self, name: str, **around: Any) -> Iterator[Tested]:
        """The plugin on a stand, with the grants of its recipe's table."""
        settings = parse(RECIPES[name].table).plugins
        (own,) = settings.tables
        given = {"grants": own.grants, "settings": own.settings, **around}
        stand = Stand(read_artifact(self.artifact(name)), Circumstances(**given))
        with asyncio.Runner() as runner:
            runner.run(stand.__aenter__())
            try:
                yield Tested(stand, runner)
            finally:
                runner.run(stand.__aexit__(None, None, None))


@pytest.fixture
def cook(kit: Kit, kitchen: Path) -> Cook:
    """The cook."""
    return Cook(kit, kitchen)


def visit(plugin: Tested, path: str) -> Any:
    """The JSON that a path answers with."""
    asked = {"client": "192.0.2.1", "method": "GET", "path": path, "rest": "", "query": [], "headers": []}
    answer = plugin.call("routes.handle", asked | {"body": "empty"})["respond"]
    assert answer["status"] == 200
    return json.loads(answer["body"]["text"])


def test_there_are_ten_in_three_languages_and_each_is_tried() -> None:
    """No recipe is without a test, and what the operator grants is what the manifest asks for."""
    assert len(RECIPES) == 10
    assert {one.source.language for one in RECIPES.values()} == set(SOURCES)
    tests = "".join(name for name in globals() if name.startswith("test_the_"))
    for name, recipe in RECIPES.items():
        assert f"test_the_{name}_" in tests
        (own,) = parse(recipe.table).plugins.tables
        assert own.name == name
        assert set(own.grants) == set(tomllib.loads(recipe.manifest)["plugin"]["imports"])


def test_the_blocklist_follows_its_file(cook: Cook, tmp_path: Path) -> None:
    """An address in the file is blocked; another file under the same name counts at once."""
    path = tmp_path / "blocked.txt"
    path.write_text("192.0.2.1\n")
    with cook.served("blocklist", table={"files": (("blocked", path),)}) as plugin:

        def judge(client: str) -> Any:
            return plugin.call("middleware.on-request", request(client=client))

        assert judge("192.0.2.1")["verdict"]["respond"]["status"] == 403
        assert judge("192.0.2.2")["verdict"] == {"next": []}
        other = tmp_path / "other.txt"
        other.write_text("192.0.2.2\n192.0.2.3")
        other.replace(path)
        for _ in range(100):
            plugin.advance(1)
            if "respond" in judge("192.0.2.2")["verdict"]:
                break
        assert "respond" in judge("192.0.2.2")["verdict"]
        assert judge("192.0.2.1")["verdict"] == {"next": []}


def test_the_words_are_counted_once(cook: Cook) -> None:
    """Two runs of the task count each certificate's words once."""
    with cook.served("words", keys=(VECTORS / "alice.asc",)) as plugin:
        plugin.advance(60)
        total = plugin.storage["total"]
        assert total == 3.0
        plugin.advance(60)
        assert plugin.storage["total"] == total


def test_the_border_asks_who_knows(cook: Cook) -> None:
    """The answer of another plugin decides; without one everybody goes on."""
    knows = Neighbour(name="geo", services=("location",), answers={"country": "AQ"})
    with cook.served("border", neighbours=(knows,)) as plugin:
        verdict = plugin.call("middleware.on-request", request(path="/pks/add"))["verdict"]
        assert verdict["respond"]["status"] == 451
        assert plugin.messages[0].payload == "192.0.2.1"
    with cook.served("border") as plugin:
        assert plugin.call("middleware.on-request", request(path="/pks/add"))["verdict"] == {"next": []}
        assert plugin.log[0].fields == {"case": "no-such-peer"}


def test_the_feed_is_fetched_with_its_secret(cook: Cook) -> None:
    """The server completes the header; what came is kept, and a failure is a line of the log."""
    peers = (Peer(url="https://feeds.example.org/*", body=b'{"bad":["192.0.2.1"]}'),)
    with cook.served("feed", peers=peers, secrets={"feed-token": "s3cret"}) as plugin:
        plugin.advance(3600)
        assert plugin.storage == {"feed": '{"bad":["192.0.2.1"]}'}
        assert ("authorization", "Bearer s3cret") in [(name.lower(), value) for name, value in plugin.asked[0].headers]
    with cook.served("feed", secrets={"feed-token": "s3cret"}) as plugin:
        plugin.advance(3600)
        assert plugin.log[-1].fields == {"code": "unreachable"}


def test_the_census_is_json(cook: Cook) -> None:
    """Numbers of the keyserver at a path."""
    with cook.served("census", keys=(VECTORS / "alice.asc",)) as plugin:
        assert visit(plugin, "/plugins/census/numbers")["certificates"] == 1


def test_the_listing_is_streamed_by_a_server(cook: Cook) -> None:
    """All fingerprints, in an answer of unknown length."""
    running = Running(cook.folder("listing"))
    try:
        ready = running.wait_for("ready")
        with urllib.request.urlopen(f"{ready['hkp']}/plugins/listing/fingerprints", timeout=60) as answer:
            assert answer.headers["content-length"] is None
            lines = answer.read().decode().splitlines()
        assert lines
        assert all(re.fullmatch("[0-9a-f]{40,64}", line) for line in lines)
    finally:
        running.end()


def test_the_flood_is_put_aside(cook: Cook) -> None:
    """One more upload than allowed waits, those of other clients do not, and an hour later it is allowed again."""
    primary = {"fingerprint": "ab" * 20, "version": 4, "algorithm": 22, "bits": 255, "created": 0}
    submission: dict[str, Any] = {"origin": "upload", "source": "", "primary": primary, "subkeys": [], "user-ids": []}
    submission |= {"size": 900, "signatures": 1, "known": False}
    with cook.served("flood") as plugin:

        def judge(client: str) -> Any:
            return plugin.call("admission.judge", submission | {"client": client})

        assert [judge("192.0.2.1") for _ in range(5)] == ["accept"] * 5
        assert judge("192.0.2.1")["quarantine"]["code"] == "too-many-uploads"
        assert judge("192.0.2.2") == "accept"
        plugin.advance(2 * 3600)
        assert judge("192.0.2.1") == "accept"


def test_the_markdown_has_a_line_for_each_certificate(cook: Cook) -> None:
    """Fingerprint and names; nothing found has no such form."""
    summary = json.dumps({"userIDs": [{"keywords": "Ada"}, {"keywords": "A. L."}]})
    asked: dict[str, Any] = {"format": "markdown", "operation": "get", "search": "ada"}
    with cook.served("markdown") as plugin:
        found = [{"fingerprint": "ab", "armored": "", "summary": summary}]
        assert plugin.call("formatter.render", asked | {"certificates": found}) == {"text": "- `ab`: Ada, A. L.\n"}
        assert "unsuitable" in plugin.call("formatter.render", asked | {"certificates": []})


def test_the_domains_of_new_certificates_are_shown(cook: Cook) -> None:
    """An event leads to the certificate, and its domain to the list."""
    with cook.served("domains", keys=(VECTORS / "alice.asc",)) as plugin:
        assert visit(plugin, "/plugins/domains/top") == {}
        for _ in range(2):
            plugin.deliver("key.inserted", json.dumps({"fingerprint": ALICE}))
        assert visit(plugin, "/plugins/domains/top") == {"openpgp.example": 2}


def test_the_tally_goes_on_after_an_update(cook: Cook) -> None:
    """What one generation prepared the next one has, before it serves."""
    with cook.served("tally") as plugin:
        for _ in range(3):
            verdict = plugin.call("middleware.on-request", request())["verdict"]
        assert verdict == {"next": [["x-tally", "3"]]}
        state = plugin.call("handover.prepare-swap")
    with cook.served("tally") as plugin:
        assert plugin.call("handover.restore", state) == {"ok": None}
        assert plugin.call("middleware.on-request", request())["verdict"] == {"next": [["x-tally", "4"]]}
        assert "err" in plugin.call("handover.restore", "no JSON")
