"""Writes the pages under `docs/reference/` from the code that they describe: `python docs/generate.py`.

With `--check` nothing is written; the exit code is 1 when a page is not what it should be.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
from prometheus_client.core import Metric

from wasmpuck.cli import commands
from wasmpuck.config import PluginLimits, reference
from wasmpuck.config.fields import settings_of
from wasmpuck.config.hockeypuck import KEYS, import_hockeypuck
from wasmpuck.config.hockeypuck.draft import toml_value
from wasmpuck.kit.cli import commands as kit
from wasmpuck.metrics import Metrics
from wasmpuck.metrics.hockeypuck import NAMES
from wasmpuck.openpgp.policy import REFUSALS, RULES
from wasmpuck.plugins.breaker import EVENTS
from wasmpuck.plugins.breaker import TRANSITIONS as BREAKER
from wasmpuck.plugins.series import PluginCollector
from wasmpuck.plugins.states import TRANSITIONS, State
from wasmpuck.runtime.capabilities import CAPABILITIES

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
_NOTE = "<!-- Made by docs/generate.py: change the source, then run `./do docs`. -->\n\n"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    made = {
        "certificates.md": certificates(),
        "commands.md": command_line(),
        "configuration.md": reference(),
        "contract.md": contract("The plugin contract", ROOT / "wit"),
        "contract-unstable.md": contract("What the plugin contract may become", ROOT / "wit" / "unstable"),
        "hockeypuck.md": hockeypuck(),
        "imports.md": imports(),
        "metrics.md": metrics(),
        "states.md": states(),
    }
    return {name: _NOTE + text.strip() + "\n" for name, text in made.items()}


# --- certificates --------------------------------------------------------------------------------


def certificates() -> str:
    """What is dropped from a certificate and what refuses it, from the policy's own sentences."""
    lines = [
        "# What is kept of a certificate",
        "",
        "A certificate is parsed once, when it comes in. What the rules below do not name is kept and served packet",
        "for packet.",
        "",
        "## What is dropped",
        "",
        "The rest of the certificate is taken.",
        "",
        "| name | what is dropped |",
        "|---|---|",
        *(f"| `{rule}` | {sentence} |" for rule, sentence in RULES.items()),
        "",
        "## What refuses a certificate",
        "",
        "Nothing of it is taken, and the uploader is told why. Admission plugins add codes of their own.",
        "",
        "| code | why |",
        "|---|---|",
        *(f"| `{code}` | {sentence} |" for code, sentence in REFUSALS.items()),
    ]
    return "\n".join(lines)


# --- the command line ----------------------------------------------------------------------------


def command_line() -> str:
    """The help of every command of both programs."""
    lines = ["# Commands", "", "What `--help` prints."]
    for name, command in (("wasmpuck", commands), ("hockeypuck-plugin", kit)):
        for path, text in _help(command, click.Context(command, info_name=name, **_context(command))):
            lines += ["", f"## {path}", "", "```text", *(line.rstrip() for line in text.splitlines()), "```"]
    return "\n".join(lines)


def _context(command: click.Command) -> dict[str, Any]:
    return {**command.context_settings, "terminal_width": 100}


def _help(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _help(child, click.Context(child, info_name=name, parent=context, **_context(child)))


# --- Hockeypuck's configuration ----------------------------------------------------------------------

_EXAMPLES: dict[str, object] = {
    "loglevel": "WARN",
    "indexTemplate": "/var/lib/hockeypuck/templates/index.html.tmpl",
    "vindexTemplate": "/var/lib/hockeypuck/templates/index.html.tmpl",
    "statsTemplate": "/var/lib/hockeypuck/templates/stats.html.tmpl",
    "responseTemplate": "/var/lib/hockeypuck/templates/response.html.tmpl",
    "webroot": "/var/lib/hockeypuck/www",
    "adminKeys": ["0123456789abcdef0123456789abcdef01234567"],
    "openpgp.blacklist": ["0123456789abcdef0123456789abcdef01234567"],
    "hkp.bind": "127.0.0.1:11371",
    "hkps.bind": ":443",
    "metrics.metricsAddr": "127.0.0.1:9626",
    "metrics.metricsPath": "/prometheus",
    "openpgp.db.driver": "postgres-jsonb",
    "openpgp.db.dsn": "database=hkp host=/var/run/postgresql port=5432",
    "maxResponseLen": 268435456,
    "openpgp.maxKeyLength": 2097152,
    "openpgp.maxPacketLength": 16384,
    "openpgp.maxSigPacketLength": 16384,
    "rateLimit.whitelist.ips": ["10.0.0.0/8"],
}
_USUAL: dict[type, object] = {str: "x", int: 80, bool: True, list: ["x.example"]}
_AROUND: dict[str, dict[str, object]] = {
    "hkps": {"bind": ":443", "cert": "x", "key": "x"},
    "rateLimit": {"enabled": True},
}
"""What has to stand beside a key so that it counts."""


def hockeypuck() -> str:
    """The fate of every key of Hockeypuck's configuration, as an import of an example has it."""
    lines = [
        "# Keys of Hockeypuck's configuration",
        "",
        "What `wasmpuck config import` makes of each key below `[hockeypuck]`; [how to use it](../migrating.md). The",
        "values are examples. `*` stands for a name of your choice.",
        "",
        "| key | example | fate | what becomes of it |",
        "|---|---|---|---|",
    ]
    for name, key in KEYS.items():
        value = _EXAMPLES.get(name, _USUAL[key.kind])
        around = {
            f"hockeypuck.{name.split('.')[0]}.{other}": it for other, it in _AROUND.get(name.split(".")[0], {}).items()
        }
        whole = around | {f"hockeypuck.{name.replace('*', 'NAME')}": value}
        text = "".join(f"{each} = {toml_value(it)}\n" for each, it in whole.items())
        fates = {each.key: each for each in import_hockeypuck(text, "hockeypuck.conf", {}).fates}
        found = fates[f"hockeypuck.{name.replace('*', 'NAME')}"]
        becomes = "; ".join([*(f"`{line}`" for line in found.becomes), *([found.note] if found.note else [])])
        lines.append(f"| `{name}` | `{toml_value(value)}` | {found.fate} | {becomes} |")
    return "\n".join(lines)


# --- metrics -------------------------------------------------------------------------------------


def metrics() -> str:
    """Every series of the server's own, from the collectors."""
    registry = Metrics(process=False).registry
    rows = []
    for collector in dict.fromkeys(registry._collector_to_names):  # the only place that knows the label names
        rows += [_row(family, _labels_of(collector) or _labels_of(family)) for family in collector.collect()]
    nothing = SimpleNamespace(current=SimpleNamespace(plugins={}))
    idle = SimpleNamespace(data={}, report=list, registry=nothing, refusals={})  # a lifecycle without plugins
    rows += [_row(family, _labels_of(family)) for family in PluginCollector(cast(Any, idle)).collect()]
    lines = [
        "# Metrics",
        "",
        "The series at `/metrics` on the administration address. Beside them stand the usual ones of the interpreter",
        "and the process (`python_…`, `process_…`) and those that plugins declare (`wasmpuck_plugin_<plugin>_<name>`).",
        "",
        "| name | kind | labels | what it says |",
        "|---|---|---|---|",
        *sorted(rows),
        "",
        "## Hockeypuck's names",
        "",
        "The same numbers under the names, kinds and labels of Hockeypuck, so that its dashboards and alerts keep",
        "working; `metrics.hockeypuckNames = false` leaves them out. Counters begin at 0 with each start, as there.",
        "`hockeypuck_keys_ignored`, which stays 0 there, counts uploads of what was known. What is about",
        "reconciliation is left out (`conflux_reconciliation_…`, `hockeypuck_keys_added_jitter`,",
        "`hockeypuck_keys_removed_jitter`), and what is about Go (`go_…`).",
        "",
        "| name | kind | labels | what it says |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels) or 'none'} | {meaning} |"
            for name, (kind, labels, meaning) in sorted(NAMES.items())
        ),
    ]
    return "\n".join(lines)


def _labels_of(thing: object) -> tuple[str, ...]:
    return tuple(getattr(thing, "_labelnames", ()))


def _row(family: Metric, labels: Iterable[str]) -> str:
    name = family.name + ("_total" if family.type == "counter" else "")
    shown = ", ".join(f"`{label}`" for label in labels) or "none"
    return f"| `{name}` | {family.type} | {shown} | {family.documentation} |"


# --- the states of a plugin ----------------------------------------------------------------------


def states() -> str:
    """The states of a generation and what may follow each, from the table that the server obeys."""
    lines = [
        "# The states of a plugin's generation",
        "",
        "No other step is possible. `wasmpuck plugins list` shows the state; what ends in `failed` keeps its reason.",
        "",
        "| state | what may follow |",
        "|---|---|",
    ]
    for state in State:
        following = ", ".join(f"`{each}`" for each in State if each in TRANSITIONS[state])
        lines.append(f"| `{state}` | {following or 'nothing'} |")
    lines += [
        "",
        "## The breaker",
        "",
        "A generation in service has a breaker. While it is `closed` all calls are made, while it is `open` none, and",
        "while it is `half-open` one at a time.",
        "",
        "| state | event | state that follows |",
        "|---|---|---|",
        *(f"| `{phase}` | {EVENTS[event]} | `{following}` |" for (phase, event), following in BREAKER.items()),
    ]
    return "\n".join(lines)


# --- the contract --------------------------------------------------------------------------------


@dataclass
class Item:
    """One thing in a WIT file: its text without braces, its documentation, what it holds."""

    text: str
    documentation: list[str]
    children: list[Item] = field(default_factory=list)

    @property
    def keyword(self) -> str:
        """`interface`, `record`, `use`, …; the first word of the text."""
        return re.split(r"[\s:;{(]", self.text, maxsplit=1)[0]

    @property
    def needs_documentation(self) -> bool:
        """Whether a reader needs a sentence about it: what is only brought in from elsewhere explains itself there."""
        return self.keyword not in {"package", "use", "import", "export", "include"}


def read_wit(text: str) -> list[Item]:
    """The items of one WIT file, nested as their braces are. Raises ValueError for braces that do not match."""
    top = Item("", [])
    open_items = [top]
    documentation: list[str] = []
    pending = ""
    for line in (raw.strip() for raw in text.splitlines()):
        if line.startswith("///"):
            documentation.append(line[3:].strip())
        elif line == "}":
            if len(open_items) == 1 or pending:
                raise ValueError("a closing brace too many")
            open_items.pop()
        elif line and not line.startswith("//"):
            pending = f"{pending} {line}".strip()
            closing = pending.replace("->", "")
            unfinished = closing.count("(") > closing.count(")") or closing.count("<") > closing.count(">")
            if unfinished or not pending.endswith((";", ",", "{")):
                continue
            item = Item(pending.rstrip(";,{ "), documentation)
            open_items[-1].children.append(item)
            if pending.endswith("{") and not pending.startswith("use "):
                open_items.append(item)
            documentation, pending = [], ""
    if len(open_items) > 1 or pending:
        raise ValueError("a closing brace is missing")
    return top.children


def contract(title: str, folder: Path) -> str:
    """The WIT files of a folder as one page: the worlds, then interfaces by name."""
    interfaces: list[Item] = []
    worlds: list[Item] = []
    package = ""
    for path in sorted(folder.glob("*.wit")):
        for item in read_wit(path.read_text(encoding="utf-8")):
            if item.keyword == "interface":
                interfaces.append(item)
            elif item.keyword == "world":
                worlds.append(item)
            elif item.keyword == "package":
                package = item.text.removeprefix("package ")
    lines = [f"# {title}", "", f"From the files in `{folder.relative_to(ROOT)}/`, package `{package}`.", ""]
    about = folder / "README.md"
    if about.exists():
        lines += [*about.read_text(encoding="utf-8").splitlines()[2:], ""]
    for item in [*worlds, *interfaces]:
        lines += [f"## {item.text}", "", *item.documentation, "", *_body(item)]
    return "\n".join(lines)


def _body(item: Item) -> Iterator[str]:
    brought = [child for child in item.children if not child.needs_documentation]
    if brought:
        yield from ("```wit", *(f"{child.text};" for child in brought), "```", "")
    for child in item.children:
        if not child.needs_documentation:
            continue
        yield from (f"### `{child.text}`", "", *child.documentation, "")
        if child.children:
            yield from ("| | |", "|---|---|")
            for part in child.children:
                yield f"| `{part.text}` | {' '.join(part.documentation)} |"
            yield ""


# --- the imports and their tests ------------------------------------------------------------------

_MAPPED = "{}.error.*"
_GENERAL = frozenset({"host_deadline", "instances"})
"""Limits that are no import's own."""

_RESERVED = frozenset(f"{name}.error.other" for name in ("metrics", "messaging", "shared", "secrets", "responder"))
"""Errors of the contract that the host answers to nothing yet."""


def imports() -> str:
    """Every import with its quotas and the tests that show it. Raises ValueError when something has no test."""
    tests = _covered(ROOT / "tests")
    interfaces = {}
    for path in sorted((ROOT / "wit").glob("*.wit")):
        for item in read_wit(path.read_text(encoding="utf-8")):
            if item.text.removeprefix("interface ") in CAPABILITIES:
                interfaces[item.text.removeprefix("interface ")] = item
    missing: list[str] = []
    known: set[str] = set()
    rows, details = [], []

    def shown(mark: str) -> str:
        known.add(mark)
        if not tests[mark]:
            missing.append(mark)
        return "<br>".join(f"`{test}`" for test in tests[mark])

    for name in CAPABILITIES:
        item = interfaces[name]
        about = re.split(r"(?<=\.)\s", " ".join(item.documentation), maxsplit=1)[0]
        rows.append(f"| `{name}` | {about} | {shown(f'{name}.use')} | {shown(f'{name}.refusal')} |")
        details += [f"| `{name}` | quota `{each}` | {shown(f'{name}.quota.{each}')} |" for each in _quotas(name)]
        if f"{name}.quota.fixed" in tests:
            details.append(f"| `{name}` | a quota that no setting changes | {shown(f'{name}.quota.fixed')} |")
        for case in _errors(item):
            mark = f"{name}.error.{case}"
            found = (
                f"the host has no reason for it yet; {shown(_MAPPED.format(name))}"
                if mark in _RESERVED
                else shown(mark)
            )
            details.append(f"| `{name}` | error `{case}` | {found} |")
        if _errors(item):
            details.append(f"| `{name}` | each error in the types of each SDK | {shown(_MAPPED.format(name))} |")
    if missing:
        raise ValueError(f"no test is marked as covering {', '.join(missing)}")
    if unknown := sorted(set(tests) - known):
        raise ValueError(f"tests are marked as covering what there is not: {', '.join(unknown)}")
    lines = [
        "# Imports and their tests",
        "",
        "Every import of [the contract](contract.md) that a plugin can be granted, with the tests that show what it",
        "does. Those of `tests/sdk/test_imports.py` run with a plugin in each SDK (`plugins-src/samples/*/probe`) on",
        "the host itself. `./do test NAME` runs one.",
        "",
        "| import | what it is | used by a plugin in each SDK | refused without the grant |",
        "|---|---|---|---|",
        *rows,
        "",
        "## Quotas and errors",
        "",
        "The names of quotas are keys of a plugin's `limits` ([configuration](configuration.md)).",
        "",
        "| import | what | tests |",
        "|---|---|---|",
        *details,
    ]
    return "\n".join(lines)


def _errors(interface: Item) -> list[str]:
    """The cases of its errors."""
    cases = [child.children for child in interface.children if child.text == "variant error"]
    return [case.text.partition("(")[0] for case in (cases[0] if cases else [])]


def _quotas(name: str) -> list[str]:
    """The limits that its implementation looks at, as they are written in a configuration."""
    source = ROOT / "host" / "wasmpuck" / "runtime" / "capabilities" / f"{name.replace('-', '_')}.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} - _GENERAL
    return [each.key for each in settings_of(PluginLimits) if each.field in used]


def _covered(folder: Path) -> defaultdict[str, list[str]]:
    """Names of tests by what their marks `covers` say, without importing them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in tree.body:
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for mark in function.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.covers":
                    for argument in mark.args:
                        found[ast.literal_eval(argument)].append(f"{path.relative_to(ROOT)}::{function.name}")
    return found


# -------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Writes or checks the pages; the exit code."""
    stale = []
    for name, text in pages().items():
        path = REFERENCE / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                REFERENCE.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/reference/{name}: {'not up to date' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
