"""A page about a plugin for those who run it: what its manifest, the schema of its settings, the contract and its
README say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from wasmpuck.kit.resources import wit_files
from wasmpuck_signing import Manifest

__all__ = ["page", "sentences"]

_LIMITS: Final = {
    "fuel": ("Fuel", "for one call; about one instruction each"),
    "deadline-ms": ("Deadline", "milliseconds for one call"),
    "memory-mb": ("Memory", "MB of an instance"),
    "instances": ("Instances", "that work at the same time"),
    "storage-bytes": ("Storage", "bytes, keys and values together"),
    "log-rate": ("Log", "lines a second"),
}
_KINDS: Final = {
    "component": "a WebAssembly component",
    "script": "a script for the language runtime",
    "runtime": "a language runtime",
}
_DOCUMENTED = re.compile(r"((?:^[ \t]*///[^\n]*\n)+)interface ([a-z0-9-]+) \{", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,5}) ", re.MULTILINE)
_FENCED = re.compile(r"(^```.*?^```[^\n]*$)", re.MULTILINE | re.DOTALL)


@lru_cache(maxsize=1)
def sentences() -> dict[str, tuple[str, ...]]:
    """The paragraphs of the contract about each of its interfaces, by name."""
    found = {}
    for path in wit_files():
        for comment, name in _DOCUMENTED.findall(path.read_text(encoding="utf-8")):
            lines = [line.strip().removeprefix("///").strip() for line in comment.splitlines()]
            found[name] = tuple(" ".join(part.split()) for part in "\n".join(lines).split("\n\n") if part.strip())
    return found


def page(manifest: Manifest, readme: str = "") -> str:
    """Markdown, for a file of its own. Texts of the manifest are escaped; the README is taken as it is, its headings
    one level lower and without its title.
    """
    parts = [
        [f"# {manifest.name} {manifest.version}", "", _text(manifest.description), ""],
        _facts(manifest),
        _settings(manifest),
        _interfaces("What it may use", _MAY, manifest.imports),
        _interfaces("When it is called", _CALLED, (name for name in manifest.worlds if name != "lifecycle")),
        _limits(manifest),
        _readme(readme),
    ]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


_MAY: Final = "The operator has to grant each of these in the plugin's table (`grants`)."
_CALLED: Final = "The server calls what it exports:"


def _facts(manifest: Manifest) -> Iterator[str]:
    kind = _KINDS[manifest.kind]
    if manifest.runtime is not None:
        kind += f" {manifest.runtime.name} {manifest.runtime.version}"
    rows = {"Licence": _text(manifest.license), "Kind": kind, "Contract": f"`{manifest.contract}`"}
    if manifest.homepage:
        rows["Homepage"] = f"<{manifest.homepage}>"
    if manifest.expires is not None:
        rows["Expires"] = f"{manifest.expires:%Y-%m-%d %H:%M} UTC"
    if manifest.dependencies:
        rows["Needs"] = ", ".join(f"`{name}` {_text(str(one))}" for name, one in manifest.dependencies.items())
    if manifest.services:
        rows["Offers the services"] = ", ".join(f"`{name}`" for name in manifest.services)
    yield from ("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items()), "")


# --- settings ------------------------------------------------------------------------------------


def _settings(manifest: Manifest) -> Iterator[str]:
    yield from ("## Settings", "")
    schema = manifest.configuration
    rows = list(_rows(schema, "")) if schema is not None else []
    if not rows:
        yield from ("It has none." if schema is not None else "Its manifest does not describe any.", "")
    else:
        yield from ("| setting | type | default | what it does |", "|---|---|---|---|", *rows, "")
    defaults = {name: entry["default"] for name, entry in _properties(schema or {}) if "default" in entry}
    lines = [f"[plugins.{manifest.name}]", f"grants = {json.dumps(list(manifest.imports))}"]
    lines += [f"config.{_key(name)} = {value}" for name, value in _shown_in_toml(defaults)]
    yield from ("In the server's configuration:", "", "```toml", *lines, "```", "")


def _properties(schema: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return []
    return [(name, entry) for name, entry in properties.items() if isinstance(entry, Mapping)]


def _rows(schema: Mapping[str, Any], above: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, entry in _properties(schema):
        path = f"{above}{name}"
        default = _code(_json(entry["default"])) if "default" in entry else ""
        if not default and name in required:
            default = "must be given"
        words = _text(str(entry.get("description", "")))
        yield f"| {_code(path)} | {_text(_kind(entry))} | {default} | {words} |"
        yield from _rows(entry, f"{path}.")


def _kind(entry: Mapping[str, Any]) -> str:
    """The type of a setting in words, with its bounds."""
    if "enum" in entry:
        return "one of " + ", ".join(map(_json, entry["enum"]))
    if "const" in entry:
        return _json(entry["const"])
    named = entry.get("type", "any")
    kind = " or ".join(map(str, named)) if isinstance(named, list) else str(named)
    if kind == "array" and isinstance(entry.get("items"), Mapping):
        kind = f"array of {_kind(entry['items'])}"
    bounds = {
        "minimum": "at least {}",
        "exclusiveMinimum": "more than {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "less than {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "minItems": "at least {} entries",
        "maxItems": "at most {} entries",
        "pattern": "matching {}",
    }
    return ", ".join([kind, *(words.format(entry[key]) for key, words in bounds.items() if key in entry)])


def _shown_in_toml(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Values that JSON and TOML write alike; tables are left out, for the table above has what is in them."""
    for name, value in values.items():
        if not _holds_a_table(value):
            yield name, _json(value)


def _holds_a_table(value: Any) -> bool:
    return value is None or isinstance(value, dict) or (isinstance(value, list) and any(map(_holds_a_table, value)))


def _json(value: Any) -> str:
    """JSON in which every character can be seen, and that TOML takes too."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(
        character
        if character.isprintable()
        else f"\\u{ord(character):04x}"
        if ord(character) < 0x10000
        else f"\\U{ord(character):08x}"
        for character in text
    )


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _json(name)


# --- the contract --------------------------------------------------------------------------------


def _interfaces(title: str, lead: str, names: Iterable[str]) -> Iterator[str]:
    names = sorted(names)
    yield from (f"## {title}", "")
    if not names:
        yield from ("Nothing.", "")
        return
    yield from (lead, "")
    for name in names:
        first, *rest = sentences().get(name, ("An interface that this version of the contract does not know.",))
        yield f"- `{name}`: {first}"
        for part in rest:
            yield from ("", f"  {part}")
        yield ""


def _limits(manifest: Manifest) -> Iterator[str]:
    yield from ("## Limits", "")
    if not manifest.limits:
        yield from ("It asks for no limits of its own: the server's defaults hold.", "")
        return
    yield from ("What it asks for; the server gives that or less, unless its table says more.", "")
    yield from ("| | | |", "|---|---|---|")
    for name, number in manifest.limits.items():
        words, unit = _LIMITS[name]
        yield f"| {words} | {number:,} | {unit} |"
    yield ""


def _readme(text: str) -> Iterator[str]:
    text = re.sub(r"\A\s*# [^\n]*\n", "", text).strip()
    if not text:
        return
    # Between fences a `#` is no heading.
    parts = _FENCED.split(text)
    lower = "".join(part if index % 2 else _HEADING.sub(r"#\1 ", part) for index, part in enumerate(parts))
    yield from ("## From its README", "", lower)


def _text(text: str) -> str:
    """A text in which nothing is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """A text as code in a cell of a table."""
    text = text.replace("|", "\\|").replace("\n", " ")
    return f"`` {text} ``" if "`" in text else f"`{text}`"
