"""The reference page of every setting, generated from the settings themselves."""

from __future__ import annotations

from collections.abc import Iterator

from wasmpuck.config.durations import Duration
from wasmpuck.config.failures import BreakerSettings, FailureClasses
from wasmpuck.config.fields import environment_name, settings_of
from wasmpuck.config.loading import SECTIONS
from wasmpuck.config.plugins import PluginDefaults, PluginLimits, PluginSecuritySettings, PluginTable

__all__ = ["reference"]

_TABLES: tuple[tuple[str, type], ...] = (
    *((name, cls) for name, cls in SECTIONS.items()),
    ("plugins.security", PluginSecuritySettings),
    ("plugins.defaults", PluginDefaults),
    ("plugins.NAME", PluginTable),
    ("plugins.NAME.limits", PluginLimits),
    ("plugins.NAME.failures", FailureClasses),
    ("plugins.NAME.breaker", BreakerSettings),
)

_INTRODUCTION = f"""\
# Configuration reference

One TOML file. An unknown key, a wrong type or a wrong unit is an error that names the line. Durations are strings
with a unit ({", ".join(Duration.UNITS)}), sizes are whole numbers of the unit in the key. Relative paths start from the
file's folder. Every key of `[server]` can come from the environment too, `{environment_name("server", "admin_bind")}`
for `adminBind`; the command line's options go before both.
"""

_PLUGIN_TEXT = """\
A plugin's own settings go under `config`: `config.threshold = 0.85`. The other spelling, `[plugins.config.NAME]`,
takes the same keys, and there every other key is the plugin's own setting. A key given in both is an error. No plugin
can be called `config`, `defaults` or `security`.
"""

_TEXTS = {
    "plugins.NAME": _PLUGIN_TEXT,
    "plugins.NAME.limits": "The plugin's own budget; a key that is absent comes from `[plugins.defaults]`.\n",
    "plugins.NAME.failures": """\
What follows when a call fails, by the class of the failure. `open` and `closed` are what the request meets. `reload`
and `quarantine` are what happens to the plugin at the first failure of the class, and the request meets `failure`:
`reload` puts a fresh generation of the same artifact into service, `quarantine` calls the plugin no more until it is
swapped or its file changes. A key that is absent comes from `[plugins.defaults.failures]`.
""",
    "plugins.NAME.breaker": """\
When a plugin that keeps failing is left alone. Until one call succeeds its calls fail as `suspended`, and the request
meets what the failures before met. A key that is absent comes from `[plugins.defaults.breaker]`.
""",
}
_BORROWED = {"plugins.NAME.limits": "`[plugins.defaults]`"}
"""Tables whose defaults are all written elsewhere."""


def reference() -> str:
    """A Markdown page with one table of keys for each table of the file."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    for name, cls in _TABLES:
        yield f"## `[{name}]`\n"
        if name in _TEXTS:
            yield _TEXTS[name]
        yield "| Key | Takes | Default | Meaning |"
        yield "|---|---|---|---|"
        for each in settings_of(cls):
            default = _BORROWED.get(name) or _code(each.default_text, each.shown)
            yield f"| `{each.key}` | {_escape(each.kind.article)} | {default} | {_escape(each.sentence)} |"
        yield ""


def _code(text: str, shown: str) -> str:
    return _escape(text) if shown else f"`{text}`"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
