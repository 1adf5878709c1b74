"""New plugins' folders, from templates.

A template is a text with placeholders such as `@name@`. What a type of plugin is and needs is said once, in
`templates/types`; each language adds its sources, and the tests in the server's runtime are the same for all.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wasmpuck.config.kinds import nearest
from wasmpuck.errors import BadRequest
from wasmpuck.kit.artifacts import MANIFEST
from wasmpuck.kit.errors import UnusableFile
from wasmpuck.kit.resources import LANGUAGES, sdk_folder, templates_folder, wit_files
from wasmpuck_signing import Manifest, Version
from wasmpuck_signing.errors import BadManifest
from wasmpuck_signing.manifest import NeededRuntime

__all__ = ["LICENSE", "TYPES", "Plan", "plan", "scaffold"]

TYPES: Final = ("middleware", "admission", "routes", "formatter", "services", "tasks", "events")
"""What `--type` may say."""

LICENSE: Final = "Apache-2.0"
"""Of a new plugin whose author does not name one."""

#: Types of Hockeypuck's roadmap, and what they are here.
_ROADMAP: Final = {"core-extension": "routes", "security": "admission", "monitoring": "events"}
_NO_TYPE_YET: Final = {"storage": "key-store"}

_PLACEHOLDER: Final = re.compile(r"@([a-z][a-z-]*)@")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST_NAME: Final = 63
#: Names that cargo takes for something else.
_RUST_WORDS: Final = re.compile(
    r"""
    abstract|alloc|as|async|await|become|box|break|const|continue|core|crate|deps|do|dyn|else
    |enum|examples|extern|false|final|fn|for|gen|if|impl|in|incremental|let|loop|macro|match
    |mod|move|mut|override|priv|proc-macro|pub|ref|return|self|serde|static|std|struct|super
    |test|trait|true|try|type|typeof|unsafe|unsized|use|virtual|wasmpuck-plugin|wasmpuck-plugin
    |wasmpuck-plugin-macros|where|while|yield
    """,
    re.VERBOSE,
)

_KINDS: Final = {
    "rust": 'kind = "component"',
    "python": 'kind = "script"\nruntime = "python"',
    "js": 'kind = "script"\nruntime = "quickjs"',
}
_LIMITS: Final = {
    "rust": 'fuel = 10_000_000\ndeadline = "100ms"\nmemoryMB = 8',
    "python": 'fuel = 20_000_000\ndeadline = "500ms"\nmemoryMB = 64',
    "js": 'fuel = 50_000_000\ndeadline = "500ms"\nmemoryMB = 16',
}
_BUILDS: Final = {
    "rust": 'language = "rust"',
    "python": 'language = "python-script"\nentry = "plugin.py"',
    "js": 'language = "js-script"\nentry = "plugin.js"',
}
_SOURCES: Final = {"rust": "src/lib.rs", "python": "plugin.py", "js": "plugin.js"}
_UNITS: Final = {
    "rust": ("src/tests.rs", "unit tests, for `cargo test`."),
    "python": ("tests/test_unit.py", "unit tests, for pytest."),
    "js": ("tests/plugin.test.js", "unit tests, for `node --test`."),
}
_EDITORS: Final = {
    "rust": "The folder `wasmpuck-plugin` is the library that the plugin is built with, a copy that is its own.",
    "python": "Types for editors and mypy are in the folder that `hockeypuck-plugin sdk-path python` prints.",
    "js": "Types for editors come from the link `node_modules/wasmpuck`; after a fresh checkout it is made by "
    '`mkdir -p node_modules && ln -sfn "$(hockeypuck-plugin sdk-path js)" node_modules/wasmpuck`.',
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made: see `plan`."""

    name: str
    language: str
    type: str
    folder: Path
    license: str = LICENSE
    template: Path | None = None


def plan(
    name: str,
    *,
    language: str,
    type: str,
    folder: Path | None = None,
    license: str = LICENSE,
    template: Path | None = None,
) -> Plan:
    """Checks what an author asks for.

    Args:
        name: the plugin's.
        language: one of `resources.LANGUAGES`.
        type: one of `TYPES`, or a type of Hockeypuck's roadmap.
        folder: where it is made, by default a folder of the plugin's name.
        license: an SPDX expression.
        template: a folder of templates that takes the place of the type's own.

    Raises:
        BadRequest: something of it does not hold; the hint says what would.
        UnusableFile: there is something in the folder.
    """
    language = _one_of("--lang", language, LANGUAGES)
    _check_name(name, language)
    type = _type(type)
    folder = folder or Path(name)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UnusableFile(f"{folder} exists already", hint="name another folder: --folder DIR")
    return Plan(name, language, type, folder, license, template)


def scaffold(wanted: Plan) -> list[Path]:
    """Makes the plugin's folder; returns the files in it, relative to it, without those of a copied library.

    Raises:
        BadRequest: the licence is no SPDX expression.
        UnusableFile: a template does not hold, or the folder cannot be written.
    """
    values = _values(wanted)
    texts = {path: _filled(source, values) for path, source in _templates(wanted)}
    _check_manifest(wanted, texts)
    for path, text in texts.items():
        whole = wanted.folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text, encoding="utf-8")
    if wanted.language == "rust":
        _copy_crate(wanted.folder / "wasmpuck-plugin")
    if wanted.language == "js":
        link = wanted.folder / "node_modules" / "wasmpuck"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(sdk_folder("js"), target_is_directory=True)
    return sorted(texts)


# --- what may be asked for -----------------------------------------------------------------------


def _one_of(option: str, given: str, known: tuple[str, ...]) -> str:
    if given in known:
        return given
    near = nearest(given, known)
    raise BadRequest(f"{option}: there is no {given}", hint=f"did you mean {near}?" if near else ", ".join(known))


def _type(given: str) -> str:
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", given).lower().replace("_", "-").removesuffix("-plugin")
    if plain in _NO_TYPE_YET:
        raise BadRequest(
            f"--type: the server does not call {_NO_TYPE_YET[plain]} plugins yet",
            hint=f"there are: {', '.join(TYPES)}",
        )
    return _one_of("--type", _ROADMAP.get(plain, plain), TYPES)


def _check_name(name: str, language: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        better = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-0123456789")
        better = better[:_LONGEST_NAME].strip("-")
        words = f"a name is words of a to z and 0 to 9, joined by -, at most {_LONGEST_NAME} characters"
        raise BadRequest(f"{name} is no name for a plugin", hint=words + (f": {better}?" if better else ""))
    if language == "rust" and _RUST_WORDS.fullmatch(name):
        raise BadRequest(f"cargo takes no package named {name}", hint=f"such as {name}-plugin")


# --- templates -----------------------------------------------------------------------------------


def _values(wanted: Plan) -> dict[str, str]:
    facts = tomllib.loads((templates_folder("types") / f"{wanted.type}.toml").read_text(encoding="utf-8"))
    imports = set(facts["imports"])
    if wanted.language == "rust":  # a panic is logged, and every plugin has the types of its metrics
        imports |= {"log", "metrics"}
    services = facts.get("services")
    unit, words = _UNITS[wanted.language]
    return {
        "name": wanted.name,
        "pascal": "".join(word.capitalize() for word in wanted.name.split("-")),
        "license": wanted.license,
        "type": wanted.type,
        "description": facts["description"],
        "worlds": json.dumps(facts["worlds"]),
        "imports": json.dumps(sorted(imports)),
        "services": f"services = {json.dumps(services)}\n" if services else "",
        "configuration": facts["configuration"],
        "kind": _KINDS[wanted.language],
        "limits": _LIMITS[wanted.language],
        "build": _BUILDS[wanted.language],
        "source": _SOURCES[wanted.language],
        "unit": unit,
        "unit-words": words,
        "editor": _EDITORS[wanted.language],
        "sdk-version": _crate_version(),
    }


def _templates(wanted: Plan) -> Iterator[tuple[Path, Path]]:
    """Where each file goes, and its template."""
    if wanted.template is not None:
        yield from _below(wanted.template)
        return
    common = templates_folder("types").parent
    yield Path(MANIFEST), common / f"{MANIFEST}.in"
    yield Path("README.md"), common / "README.md.in"
    yield Path(".gitignore"), common / "gitignore.in"
    yield Path("tests", "test_plugin.py"), common / "types" / f"test_{wanted.type}.py.in"
    language = templates_folder(wanted.language)
    for path in sorted(language.glob("*.in")):
        yield Path(path.stem), path
    yield from _below(language / wanted.type)


def _below(folder: Path) -> Iterator[tuple[Path, Path]]:
    if not folder.is_dir():
        raise UnusableFile(f"there is no folder of templates {folder}", hint="see --template")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            relative = path.relative_to(folder)
            yield relative.with_suffix("") if path.suffix == ".in" else relative, path


def _filled(template: Path, values: Mapping[str, str]) -> str:
    try:
        text = template.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        hint = "a template is a text; put other files into the plugin's folder afterwards"
        raise UnusableFile(f"{template} is not UTF-8 (byte {problem.start:,})", hint=hint) from None
    for line, each in enumerate(text.splitlines(), 1):
        for name in _PLACEHOLDER.findall(each):
            if name not in values:
                near = nearest(name, values)
                hint = f"did you mean @{near}@?" if near else f"there are: {', '.join(f'@{one}@' for one in values)}"
                raise UnusableFile(f"{template}:{line}: there is no placeholder @{name}@", hint=hint)
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _check_manifest(wanted: Plan, texts: Mapping[Path, str]) -> None:
    """That the plugin's manifest can be read, whatever its template said."""
    text = texts.get(Path(MANIFEST))
    if text is None:
        raise UnusableFile(
            f"{wanted.template} has no {MANIFEST}.in", hint="a plugin without a manifest cannot be built"
        )
    any_runtime = NeededRuntime("python", Version(0, 1, 0), f"sha256:{'0' * 64}")
    try:
        Manifest.from_toml(text, runtime=lambda name: any_runtime)
    except BadManifest as problem:
        if problem.key == "license":
            raise BadRequest(f"--license: {wanted.license} is no licence", hint="such as Apache-2.0 OR MIT") from None
        raise UnusableFile(f"{wanted.template or 'the template'}: {problem.message}", hint=problem.hint) from None


# --- the crate -----------------------------------------------------------------------------------


def _crate_version() -> str:
    crate: dict[str, Any] = tomllib.loads((sdk_folder("rust") / "Cargo.toml").read_text(encoding="utf-8"))
    return str(crate["package"]["version"])


def _copy_crate(folder: Path) -> None:
    """The library for plugins in Rust with the contract in it, so that the plugin builds wherever it lies."""
    shutil.copytree(sdk_folder("rust"), folder, ignore=shutil.ignore_patterns("wit", "target"))
    for place in (folder / "wit", folder / "macros" / "wit"):
        place.mkdir()
        for path in wit_files():
            shutil.copyfile(path, place / path.name)
