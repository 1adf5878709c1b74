"""`hockeypuck-plugin check`: every finding can be brought about, and a good plugin has none."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.conftest import Kit
from kit.guests import diligent
from wasmpuck.kit.checking import CODES, check, checks
from wasmpuck.kit.checking.usage import usage
from wasmpuck.trust import DEFAULT_MAX_BYTES

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "plugins-src" / "samples"


@pytest.fixture
def project(kit: Kit) -> Path:
    """A copy of a sample with a README and described settings, so that nothing is found."""
    folder = kit.folder / "greeting"
    shutil.copytree(SAMPLES / "js" / "greeting", folder, ignore=shutil.ignore_patterns("dist"))
    (folder / "README.md").write_text("# Greeting\n")
    manifest = (folder / "plugin.toml").read_text()
    manifest = re.sub(r"(?m)^description = (?!\"Greets).*\n", "", manifest)
    manifest = re.sub(r"(?m)^(\[configuration\.properties\.\w+\])$", r"\1" + '\ndescription = "What it is."', manifest)
    (folder / "plugin.toml").write_text(manifest)
    return folder


def codes(folder: Path) -> set[str]:
    return {finding.code for finding in check(folder)} - {"P504"}


def edit(folder: Path, name: str, *changes: tuple[str, str]) -> None:
    path = folder / name
    text = path.read_text()
    for old, new in changes:
        assert re.search(old, text, re.MULTILINE), old
        text = re.sub(old, new, text, count=1, flags=re.MULTILINE)
    path.write_text(text)


def test_nothing_is_found_about_a_good_plugin(project: Path, kit: Kit) -> None:
    """But what preparing it takes, which is a note; the command ends with 0."""
    found = kit.json("check", project, "--json")
    assert (found["errors"], found["warnings"]) == (0, 0), found
    (note,) = found["findings"]
    assert note["code"] == "P504"
    assert re.search(r"lifecycle\.describe [\d,]+ \(\d+\.\d\d %\), .*lifecycle\.init [\d,]+ \(", note["message"])
    assert "0 errors, 0 warnings" in kit.ok("check", project / "dist" / "greeting.wasm")


Change = tuple[str, str]


@pytest.mark.parametrize(
    ("code", "name", "changes"),
    [
        ("P001", "plugin.toml", [("^version = .*", 'version = "one"')]),
        ("P002", "plugin.js", [(r"\A", "const (\n")]),
        ("P003", "plugin.toml", [("additionalProperties", 'required = ["text", "needed"]\nadditionalProperties')]),
        ("P101", "plugin.js", [("import { ", "import { clock, ")]),
        ("P102", "plugin.toml", [("^imports = .", 'imports = ["keys", ')]),
        ("P112", "plugin.toml", [("^imports = .", 'imports = ["tasks", ')]),
        ("P201", "plugin.js", [(r"\Z", "//" + "x" * (1 << 20) + "\n")]),
        ("P301", "plugin.toml", [('^type = "string"', 'type = "text"')]),
        ("P302", "plugin.toml", [('^description = "What it is."\n', "")]),
        ("P303", "plugin.toml", [('^default = "hello"', "default = 7")]),
        ("P304", "plugin.toml", [("^additionalProperties = false\n", "")]),
        ("P401", "plugin.toml", [("plugin@0.1.0", "plugin@9.1.0")]),
        ("P501", "plugin.toml", [("^fuel = .*", "fuel = 50_000_000_000")]),
        ("P601", "plugin.toml", [("Apache-2.0", "Apache 2")]),
        ("P602", "plugin.toml", [("^description = .*", 'description = "greets"')]),
        ("P603", "plugin.toml", [("^expires = .*", "expires = 2020-01-01")]),
    ],
)
def test_what_is_wrong_is_found(project: Path, code: str, name: str, changes: list[Change]) -> None:
    """One thing at a time is broken, and its number is among what is found."""
    edit(project, name, *changes)
    assert code in codes(project)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("P403", lambda folder: (folder / "package.json").write_text('{"version": "9.9.9"}')),
        ("P403", lambda folder: (folder / "pyproject.toml").write_text('[project]\nversion = "9.9.9"\n')),
        ("P502", lambda folder: edit(folder, "plugin.toml", (r"^\[limits\]\n(.*\n)+?\n", ""))),
        ("P701", lambda folder: shutil.rmtree(folder / "tests")),
        ("P702", lambda folder: (folder / "README.md").unlink()),
    ],
)
def test_what_is_missing_beside_it_is_found(project: Path, code: str, change: Callable[[Path], Any]) -> None:
    """Files of the folder that are not part of the artifact are looked at too."""
    change(project)
    assert codes(project) == {code}


def test_a_date_that_is_near_is_found(project: Path) -> None:
    """Before servers refuse it."""
    soon = datetime.now(UTC) + timedelta(days=10)
    edit(project, "plugin.toml", ("^expires = .*", f"expires = {soon:%Y-%m-%d}"))
    assert codes(project) == {"P604"}


def test_a_language_runtime_that_is_not_there_is_found(project: Path, kit: Kit) -> None:
    """The artifact alone is as good as its runtime."""
    kit.ok("build", project)
    empty = kit.folder / "empty"
    empty.mkdir()
    assert {one.code for one in check(project / "dist" / "greeting.wasm", empty)} == {"P402"}


def test_much_work_before_service_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against what is much here: nothing at all."""
    monkeypatch.setattr(checks, "_MUCH", 0)
    assert codes(project) == {"P503"}


def test_an_artifact_that_is_too_large_or_exports_more_is_found(kit: Kit) -> None:
    """An artifact alone is checked without its sources."""
    large = kit.folder / "large.wasm"
    with large.open("wb") as file:
        file.truncate(DEFAULT_MAX_BYTES + 1)
    assert codes(large) == {"P202"}
    assert "P002" in codes(kit.put(diligent(), worlds=("lifecycle", "middleware")))


def test_an_error_ends_with_1_and_a_warning_with_0(project: Path, kit: Kit) -> None:
    """The lines have number, level and what to do."""
    (project / "README.md").unlink()
    done = kit("check", project)
    assert done.exit_code == 0
    assert "P702 warning there is no README.md\n" in done.stdout
    assert "hint: say what the plugin is for" in done.stdout
    edit(project, "plugin.js", (r"\A", 'import { keyAdmin } from "wasmpuck";\n'))
    done = kit("check", project)
    assert done.exit_code == 1
    assert "P101 error   plugin.js:1 uses key-admin, which the manifest does not ask for" in done.stdout


def test_the_samples_ask_for_what_they_use(kit: Kit) -> None:
    """Static analysis agrees with what the authors of the samples wrote down."""
    for folder in sorted(path.parent for path in SAMPLES.glob("[jp]*/*/plugin.toml")):
        copy = kit.folder / folder.parent.name / folder.name
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("dist"))
        assert not {"P101", "P102"} & codes(copy), folder


@pytest.mark.parametrize(
    ("path", "text", "direct", "implied"),
    [
        ("a.py", "from wasmpuck_plugin import storage as s, log\ns.get('x')", {"storage"}, set()),
        ("a.py", "import wasmpuck_plugin\nwasmpuck_plugin.key_admin.delete('x')", {"key-admin"}, set()),
        ("a.py", "import wasmpuck_plugin as w\nw.http_client.get('x')", {"http-client"}, set()),
        ("a.py", "from wasmpuck_plugin.storage import get", {"storage"}, set()),
        ("a.py", "from wasmpuck_plugin import settings\nsettings.typed(int)", set(), set()),
        ("a.py", "from wasmpuck_plugin import settings\nsettings.get('x')", {"settings"}, set()),
        ("a.py", "import time, random\nprint(time.time())", set(), {"clock", "random", "log"}),
        ("a.py", "from .storage import get\nclock = 1\nclock.now", set(), set()),
        ("a.py", "def (", set(), set()),
        ("a.js", 'import {\n  httpClient as h,\n  routes,\n} from "wasmpuck";', {"http-client"}, set()),
        ("a.js", 'const { storage: s } = require("wasmpuck");', {"storage"}, set()),
        ("a.js", "import * as w from 'wasmpuck';\nw.keys.count()", {"keys"}, set()),
        ("a.js", 'const w = require("wasmpuck"); w.settings.all()', {"settings"}, set()),
        ("a.js", 'import { settings } from "wasmpuck"; f(settings)', set(), set()),
        ("a.js", '// import { keys } from "wasmpuck"\n/* require("wasmpuck") */', set(), set()),
        ("a.js", "console.log(Date.now(), Math.random())", set(), {"clock", "random", "log"}),
        ("a.txt", "from wasmpuck_plugin import storage", set(), set()),
    ],
)
def test_uses_are_found_in_the_source(path: str, text: str, direct: set[str], implied: set[str]) -> None:
    """By import and by attribute, under whatever name; the language's own library counts as a use, not as a demand."""
    found = usage({path: text})
    assert set(found.direct) == direct
    assert found.implied == implied


def test_every_finding_is_documented() -> None:
    """The page's table is the code's."""
    text = (ROOT / "docs" / "kit.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(P\d{3})` \| (\w+) \| (.+) \|$", text, re.MULTILINE)
    assert {code: (level, words) for code, level, words in rows} == CODES
