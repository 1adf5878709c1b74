"""A flame graph as SVG, alone or in a page with a table: no script, nothing from elsewhere, readable as text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Final

from wasmpuck.kit.profiling import Profile

__all__ = ["page", "svg"]

_WIDTH: Final = 1200
_HEIGHT: Final = 18
_LETTER: Final = 6.6
"""Pixels that a letter takes, about."""
_LEAST: Final = 0.3
"""Pixels below which a frame is left out; the table has it."""


@dataclass(slots=True)
class _Node:
    """A frame in its place: how many samples are in it, and what it called."""

    name: str
    count: int = 0
    inner: dict[str, _Node] = field(default_factory=dict)


def _tree(profile: Profile) -> _Node:
    root = _Node(profile.call)
    for stack, count in sorted(profile.stacks.items()):
        root.count += count
        node = root
        for name in stack[1:]:
            node = node.inner.setdefault(name, _Node(name))
            node.count += count
    return root


def _depth(node: _Node) -> int:
    return 1 + max(map(_depth, node.inner.values()), default=0)


def _color(name: str) -> str:
    """A warm colour, the same for the same function; cold for the host's."""
    number = hashlib.sha256(name.encode()).digest()[0]
    hue = 205 + number % 25 if name.startswith("host: ") else 12 + number % 42
    return f"hsl({hue} 75% {72 + number % 10}%)"


def _boxes(node: _Node, left: float, level: int, scale: float, profile: Profile) -> Iterator[str]:
    width = node.count * scale
    if width < _LEAST:
        return
    percent = 100 * node.count / profile.samples
    fuel = profile.fuel * node.count // profile.samples
    name = escape(node.name)
    shown = node.name if len(node.name) * _LETTER < width - 6 else node.name[: max(0, int((width - 12) / _LETTER))]
    label = escape(shown + ("" if shown == node.name else "…")) if len(shown) > 2 else ""
    top = level * _HEIGHT
    yield (
        f'<g><title>{name}: {percent:.1f} %, about {fuel:,} fuel</title><rect x="{left:.2f}" y="{top}" '
        f'width="{width:.2f}" height="{_HEIGHT - 1}" fill="{_color(node.name)}"/>'
        + (f'<text x="{left + 3:.2f}" y="{top + 13}">{label}</text>' if label else "")
        + "</g>"
    )
    for inner in node.inner.values():
        yield from _boxes(inner, left, level + 1, scale, profile)
        left += inner.count * scale


def svg(profile: Profile) -> str:
    """The flame graph, the call on top; pointing at a frame shows its name and share."""
    root = _tree(profile)
    height = _depth(root) * _HEIGHT
    title = f"Where {profile.call} spends its fuel"
    boxes = "\n".join(_boxes(root, 0.0, 0, _WIDTH / max(1, root.count), profile))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="ui-monospace, monospace" font-size="11">\n'
        f"<title>{escape(title)}</title>\n{boxes}\n</svg>\n"
    )


def page(profile: Profile, plugin: str) -> str:
    """A page with the flame graph and the table of functions. `plugin` is its name and version."""
    rows = "\n".join(
        f"<tr><td>{one.own:.1f}</td><td>{one.total:.1f}</td><th scope=row>{escape(one.name)}</th></tr>"
        for one in profile.functions()
    )
    title = f"{escape(plugin)}: {escape(profile.call)}"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; background: #fff }}
svg {{ width: 100%; height: auto }}
svg rect:hover {{ stroke: #1c1c1c }}
table {{ border-collapse: collapse }}
td {{ text-align: right; font-variant-numeric: tabular-nums; padding: 0 .6rem }}
tbody th {{ text-align: left; font: 13px ui-monospace, monospace; overflow-wrap: anywhere }}
</style>
<h1>{title}</h1>
<p>{profile.fuel:,} fuel, {profile.samples:,} samples.
Each box is a function, below what called it, as wide as its share of the fuel.</p>
{svg(profile)}
<table>
<caption>Shares in per cent</caption>
<thead><tr><th scope="col">own</th><th scope="col">with what it called</th><th scope="col">function</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
"""
