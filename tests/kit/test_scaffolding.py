"""New plugins: what `hockeypuck-plugin new` makes builds and passes its own tests as it is."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from kit.conftest import Kit
from wasmpuck.kit.artifacts import read_artifact
from wasmpuck.kit.cli import generate
from wasmpuck.kit.compiling import runtimes_folder
from wasmpuck.kit.resources import sdk_folder
from wasmpuck.kit.scaffolding import TYPES
from wasmpuck.kit.toolchains import rust
from wasmpuck_signing import Manifest, pack


def own_tests(folder: Path, artifact: Path) -> str:
    """What pytest says in a plugin's folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", f"--plugin-artifact={artifact}", "tests"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("language", ["python", "js"])
def test_a_new_script_builds_and_passes_its_tests(kit: Kit, language: str, kind: str) -> None:
    """Each type in each script language, with unit tests and tests in the server's runtime."""
    kit.ok("new", "first-steps", "--lang", language, "--type", kind)
    folder = kit.folder / "first-steps"
    told = kit.json("test", folder, "--json")
    assert told["passed"], told
    steps = [step["name"] for step in told["steps"]]
    assert steps[-2:] == (["unit tests", "pytest"] if language == "js" else ["lifecycle.health", "pytest"])
    manifest = Manifest.of((folder / "dist" / "first-steps.wasm").read_bytes())
    assert manifest.configuration is not None
    assert len(manifest.configuration["properties"]) == 1


def test_new_rust_plugins_build_and_pass_their_tests(kit: Kit, cache: Path) -> None:
    """Each type in Rust, compiled together so that the library is compiled once."""
    toolchain = rust.find()
    for kind in TYPES:
        kit.ok("new", f"first-{kind}", "--lang", "rust", "--type", kind)
    together = kit.folder / "together"
    shutil.copytree(kit.folder / "first-routes" / "wasmpuck-plugin", together / "wasmpuck-plugin")
    for kind in TYPES:
        folder = together / f"first-{kind}"
        shutil.move(kit.folder / folder.name, folder)
        cargo = folder / "Cargo.toml"
        alone = cargo.read_text()
        settled = alone.replace("[workspace]\n\n", "").split("[profile.release]")[0]
        cargo.write_text(settled.replace('path = "wasmpuck-plugin"', 'path = "../wasmpuck-plugin"'))
    profile = alone.split("[profile.release]")[1]
    members = '[workspace]\nresolver = "3"\nmembers = ["first-*"]\n\n[profile.release]'
    (together / "Cargo.toml").write_text(members + profile)
    target = cache / "target"
    rust.lock(together, toolchain)
    rust.test(together, toolchain, target)
    for kind in TYPES:
        folder = together / f"first-{kind}"
        manifest = Manifest.from_toml((folder / "plugin.toml").read_text())
        artifact = folder / f"{folder.name}.wasm"
        artifact.write_bytes(pack(rust.build(folder, toolchain, target), manifest, None))
        assert "passed" in own_tests(folder, artifact)
        smoke = kit.json("test", artifact, "--json")
        assert smoke["passed"], smoke


def test_a_rust_plugin_has_the_library_in_it(kit: Kit) -> None:
    """The copy has the contract, no links and nothing that was built."""
    kit.ok("new", "first", "--lang", "rust", "--type", "events")
    copy = kit.folder / "first" / "wasmpuck-plugin"
    for wit in (copy / "wit", copy / "macros" / "wit"):
        assert (wit / "worlds.wit").is_file()
    assert not [path for path in copy.rglob("*") if path.is_symlink() or path.name == "target"]
    crate = tomllib.loads((sdk_folder("rust") / "Cargo.toml").read_text())["package"]["version"]
    wanted = tomllib.loads((kit.folder / "first" / "Cargo.toml").read_text())["dependencies"]["wasmpuck-plugin"]
    assert wanted == {"version": crate, "path": "wasmpuck-plugin"}


def test_what_was_asked_for_is_in_the_manifest(kit: Kit) -> None:
    """Name, licence and folder are the author's; a plugin that offers a service says so."""
    made = kit.json(
        *("new", "home-made", "--lang", "js", "--type", "services", "--license", "MIT", "--folder", "here", "--json")
    )
    assert (made["folder"], made["language"], made["type"]) == ("here", "js", "services")
    for path in made["files"]:
        text = (kit.folder / "here" / path).read_text()
        assert not re.search(r"@[a-z-]+@", text), path
    table = tomllib.loads((kit.folder / "here" / "plugin.toml").read_text())
    assert (table["plugin"]["name"], table["plugin"]["license"]) == ("home-made", "MIT")
    assert table["plugin"]["services"] == ["address-list"]
    assert (kit.folder / "here" / "node_modules" / "wasmpuck" / "index.d.ts").is_file()


def test_without_a_terminal_nothing_is_asked(kit: Kit) -> None:
    """What is missing is the usual: Python, middleware."""
    made = kit.ok("new", "plain")
    assert made.splitlines()[0] == "plain: middleware in Python"
    assert made.splitlines()[-1].startswith("next: cd plain, then")


def test_on_a_terminal_it_asks_for_what_is_missing(kit: Kit) -> None:
    """A wrong answer is asked for again; what was given is not asked."""
    own, theirs = pty.openpty()
    command = [sys.executable, "-c", "from wasmpuck.kit.cli import main; main()", "new", "asked", "--type", "tasks"]
    with subprocess.Popen(command, cwd=kit.folder, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(own, b"cobol\njs\n")
        shown = b""
        with contextlib.suppress(OSError):  # the end of a terminal on Linux
            while part := os.read(own, 4096):
                shown += part
    os.close(own)
    text = shown.decode()
    assert process.returncode == 0, text
    assert text.count("Language (rust, python, js) [python]:") == 2
    assert "Type (" not in text
    assert "asked: tasks in JavaScript" in text


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("middleware", "middleware"),
        ("MiddlewarePlugin", "middleware"),
        ("security", "admission"),
        ("core-extension", "routes"),
        ("CoreExtensionPlugin", "routes"),
        ("monitoring", "events"),
    ],
)
def test_the_roadmaps_generator_is_an_alias(
    kit: Kit, given: str, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`hockeypuck-plugin-gen --name --type` makes the same, by the roadmap's names of types too."""
    with pytest.raises(SystemExit) as ended:
        generate([f"--name=made-{found}", f"--type={given}", "--lang=python"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"made-{found}: {found} in Python")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("My_Plugin",), 2, ("My_Plugin is no name", "my-plugin?")),
        (("9lives",), 2, ("9lives is no name", "lives?")),
        (("x" * 64,), 2, ("is no name", "at most 63")),
        (("..",), 2, ("is no name",)),
        (("ok", "--lang", "pyton"), 2, ("--lang: there is no pyton", "did you mean python?")),
        (("ok", "--lang", "cobol"), 2, ("there is no cobol", "rust, python, js")),
        (("ok", "--type", "midleware"), 2, ("--type: there is no midleware", "did you mean middleware?")),
        (("ok", "--type", "storage"), 2, ("does not call key-store plugins yet", "admission")),
        (("ok", "--license", "all mine!"), 2, ("all mine! is no licence", "Apache-2.0 OR MIT")),
        (("test", "--lang", "rust"), 2, ("cargo takes no package named test", "test-plugin")),
        (("full",), 3, ("full exists already", "--folder DIR")),
        (("file",), 3, ("file exists already", "--folder DIR")),
        (("ok", "--template", "nowhere"), 3, ("no folder of templates nowhere",)),
    ],
)
def test_what_cannot_be_made_is_said(kit: Kit, arguments: tuple[str, ...], code: int, words: tuple[str, ...]) -> None:
    """Names, types and folders that do not do are refused with what would, and nothing is written."""
    (kit.folder / "full").mkdir()
    (kit.folder / "full" / "thing").write_text("")
    (kit.folder / "file").write_text("")
    done = kit("new", *arguments)
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    for each in words:
        assert each in done.stderr
    assert sorted(path.name for path in kit.folder.iterdir()) == ["file", "full"]


def test_templates_of_ones_own(kit: Kit) -> None:
    """A folder of templates takes the place of the type's; its placeholders are filled in."""
    house = kit.folder / "house"
    (house / "src").mkdir(parents=True)
    (house / "src" / "plugin.js.in").write_text("// @name@, by the house\n")
    (house / "plugin.toml.in").write_text(
        '[plugin]\nname = "@name@"\nversion = "1.0.0"\ndescription = "@description@"\nlicense = "@license@"\n@kind@\n'
        'worlds = ["lifecycle"]\n[build]\nlanguage = "js-script"\nentry = "src/plugin.js"\n'
    )
    kit.ok("new", "mine", "--lang", "js", "--template", "house")
    assert (kit.folder / "mine" / "src" / "plugin.js").read_text() == "// mine, by the house\n"
    if runtimes_folder().is_dir():
        kit.ok("build", "mine")
        assert read_artifact(kit.folder / "mine" / "dist" / "mine.wasm").name == "mine"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"plugin.py": b""}, "has no plugin.toml.in"),
        ({"plugin.toml.in": b"[plugin]\nname = '@nam@'\n"}, "plugin.toml.in:2: there is no placeholder @nam@"),
        ({"plugin.toml.in": b"[plugin\n"}, "house: "),
        ({"plugin.toml.in": b"[plugin]\nname = '@name@'\n"}, "house: "),
        ({"plugin.toml.in": b"", "logo": b"\xff\xfe"}, "logo is not UTF-8 (byte 0)"),
    ],
)
def test_malformed_templates_are_refused(kit: Kit, files: dict[str, bytes], words: str) -> None:
    """The message names the template and the line, and no folder is made."""
    (kit.folder / "house").mkdir()
    for name, content in files.items():
        (kit.folder / "house" / name).write_bytes(content)
    done = kit("new", "mine", "--template", "house")
    assert (done.exit_code, done.stdout) == (3, ""), done.output
    assert words in done.stderr
    assert not (kit.folder / "mine").exists()


def test_the_libraries_are_where_it_says(kit: Kit) -> None:
    """`sdk-path` prints a folder that editors and type checkers can be pointed to."""
    assert (Path(kit.ok("sdk-path", "python").strip()) / "wasmpuck_plugin" / "py.typed").is_file()
    assert (Path(kit.ok("sdk-path", "js").strip()) / "index.d.ts").is_file()
    assert (Path(kit.ok("sdk-path", "rust").strip()) / "Cargo.toml").is_file()
    assert kit.ok("sdk-path", "runtimes").strip() == str(runtimes_folder())
