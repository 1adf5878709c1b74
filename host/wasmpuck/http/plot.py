"""A small bar chart as inline SVG: no script, no style attribute (the pages' policy forbids both)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wasmpuck.http.markup import Markup, element

__all__ = ["Bar", "bar_chart"]

_HEIGHT, _TOP, _BASE, _LEFT, _RIGHT, _WIDTH = 150, 12, 22, 44, 10, 720
_FILLED = 0.72
"""The part of its place that a bar takes."""
_MOST_LABELS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label below, and its parts from the bottom up as (class name, value)."""

    label: str
    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """The height of the bar in its own unit."""
        return sum(value for _, value in self.parts)


def ceiling(value: int) -> int:
    """The least of 1, 2, 4, 10, 20, 40, 100 … that is not below `value`: what an axis ends with."""
    power = 1
    while True:
        for step in (1, 2, 4):
            if step * power >= value:
                return step * power
        power *= 10


def bar_chart(
    bars: Sequence[Bar],
    description: str,
    kinds: Mapping[str, str] | None = None,
    number: Callable[[int], str] = "{:,}".format,
) -> Markup:
    """The bars side by side under an axis that begins at zero; `description` is what a screen reader says.

    `kinds` are the words for the parts' class names, shown as a legend, in order; `number` writes numbers.
    """
    words = dict(kinds or {})
    top = ceiling(max((bar.total for bar in bars), default=0))
    place = (_WIDTH - _LEFT - _RIGHT) / max(1, len(bars))
    every = -(-len(bars) // _MOST_LABELS) or 1
    drawn = [_line(value, number(value), value / top) for value in sorted({0, top // 2, top})]
    for position, bar in enumerate(bars):
        left = _LEFT + (position + (1 - _FILLED) / 2) * place
        if (len(bars) - 1 - position) % every == 0:
            middle = f"{left + place * _FILLED / 2:.1f}"
            drawn.append(element("text", bar.label, x=middle, y=_TOP + _HEIGHT + 16, text_anchor="middle"))
        bottom = float(_TOP + _HEIGHT)
        for kind, value in bar.parts:
            if value:
                height = max(1.0, value * _HEIGHT / top)
                bottom -= height
                title = element("title", f"{bar.label}: {number(value)} {words.get(kind, kind)}")
                drawn.append(
                    element(
                        "rect",
                        title,
                        class_=kind,
                        x=f"{left:.1f}",
                        y=f"{bottom:.1f}",
                        width=f"{place * _FILLED:.1f}",
                        height=f"{height:.1f}",
                    )
                )
    chart = element(
        "svg",
        element("title", description),
        *drawn,
        viewBox=f"0 0 {_WIDTH} {_TOP + _HEIGHT + _BASE}",
        role="img",
        class_="plot",
    )
    legend = (element("li", element("span", class_=f"swatch {kind}"), word) for kind, word in words.items())
    return element("figure", chart, element("figcaption", element("ul", *legend, class_="legend")) if words else None)


def _line(value: int, label: str, share: float) -> Markup:
    """A line of the grid with its number."""
    height = f"{_TOP + _HEIGHT * (1 - share):.1f}"
    return element(
        "g",
        element("line", x1=_LEFT, y1=height, x2=_WIDTH, y2=height, class_="axis" if value == 0 else None),
        element("text", label, x=_LEFT - 6, y=height, dy=".32em", text_anchor="end"),
    )
