"""A small bar chart as inline SVG: no script, no style attribute (the pages' policy forbids both)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wasmpuck.http.html import Markup, element

__all__ = ["Bar", "bar_chart"]

_HEIGHT, _BASE, _WIDTH, _GAP = 120, 20, 24, 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label below, and its parts from the bottom up as (class name, value)."""

    label: str
    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """The height of the bar in its own unit."""
        return sum(value for _, value in self.parts)


def bar_chart(bars: Sequence[Bar], description: str) -> Markup:
    """The bars side by side, the tallest as high as the chart; `description` is what a screen reader says."""
    tallest = max((bar.total for bar in bars), default=0) or 1
    width = len(bars) * (_WIDTH + _GAP) + _GAP
    drawn = []
    for position, bar in enumerate(bars):
        left = _GAP + position * (_WIDTH + _GAP)
        bottom = float(_HEIGHT)
        for kind, value in bar.parts:
            height = value * _HEIGHT / tallest
            bottom -= height
            if value:
                drawn.append(
                    element(
                        "rect",
                        element("title", f"{bar.label}: {value:,} {kind}"),
                        class_=kind,
                        x=left,
                        y=f"{bottom:.1f}",
                        width=_WIDTH,
                        height=f"{height:.1f}",
                    )
                )
        drawn.append(element("text", bar.label, x=left + _WIDTH // 2, y=_HEIGHT + _BASE - 6, text_anchor="middle"))
    drawn.append(element("line", x1=0, y1=_HEIGHT, x2=width, y2=_HEIGHT))
    return element(
        "svg",
        element("title", description),
        *drawn,
        viewBox=f"0 0 {width} {_HEIGHT + _BASE}",
        role="img",
        class_="plot",
        aria_label=description,
    )
