"""Plots as SVG, written by hand: a few kilobytes, the same bytes each time, readable on light and on dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from ..yardsticks import Curve

WIDE: Final = 640
HIGH: Final = 340
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 34, 46
COLOURS: Final = ("#3b82c4", "#d97706", "#16a34a", "#c2417c", "#8b5cf6", "#6b7280")
"""Of a middle tone, so that each can be told from white and from black."""

_STYLE: Final = """text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-weight: 600; font-size: 13px }
.axis { stroke: #999; fill: none } .grid { stroke: #8884; fill: none } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .axis { stroke: #777 } }"""


def svg(curve: Curve) -> str:
    """A curve as a plot: x logarithmic, y from nothing."""
    points = [point for series in curve.series.values() for point in series]
    across, up = _Axis.logarithmic([x for x, _ in points]), _Axis.linear([y for _, y in points])
    body = "\n".join((*_frame(curve, across, up), *_lines(curve, across, up)))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" role="img">'
    return f"{head}\n<title>{escape(curve.title)}</title>\n<style>{_STYLE}</style>\n{body}\n</svg>\n"


class _Axis:
    """Where a value stands between 0 and 1, and which values are named."""

    def __init__(self, low: float, high: float, marks: Sequence[float], *, log: bool) -> None:
        self.low, self.high, self.marks, self.log = low, high, marks, log

    @classmethod
    def logarithmic(cls, values: Sequence[float]) -> _Axis:
        return cls(math.log10(min(values)), math.log10(max(values)), sorted(set(values)), log=True)

    @classmethod
    def linear(cls, values: Sequence[float]) -> _Axis:
        most = max(values)
        step = 10 ** math.floor(math.log10(most))
        step = next(step * part for part in (0.2, 0.5, 1, 2) if most / (step * part) <= 6)
        marks = [step * number for number in range(math.ceil(most / step) + 1)]
        return cls(0.0, marks[-1], marks, log=False)

    def place(self, value: float) -> float:
        at = math.log10(value) if self.log else value
        return 0.5 if self.high == self.low else (at - self.low) / (self.high - self.low)


def _x(axis: _Axis, value: float) -> float:
    return round(LEFT + axis.place(value) * (WIDE - LEFT - RIGHT), 1)


def _y(axis: _Axis, value: float) -> float:
    return round(HIGH - BOTTOM - axis.place(value) * (HIGH - TOP - BOTTOM), 1)


def _frame(curve: Curve, across: _Axis, up: _Axis) -> Iterator[str]:
    right, floor = WIDE - RIGHT, HIGH - BOTTOM
    yield f'<text class="title" x="{LEFT}" y="18">{escape(curve.title)}</text>'
    for mark in up.marks:
        yield f'<path class="grid" d="M{LEFT} {_y(up, mark)}H{right}"/>'
        yield f'<text x="{LEFT - 6}" y="{_y(up, mark) + 4}" text-anchor="end">{mark:g}</text>'
    for mark in across.marks:
        yield f'<text x="{_x(across, mark)}" y="{floor + 17}" text-anchor="middle">{_short(mark)}</text>'
    yield f'<path class="axis" d="M{LEFT} {TOP}V{floor}H{right}"/>'
    yield f'<text x="{(LEFT + right) / 2}" y="{HIGH - 8}" text-anchor="middle">{escape(curve.x)}</text>'
    yield f'<text x="{right + 10}" y="{TOP + 4}">{escape(curve.y)}</text>'


def _lines(curve: Curve, across: _Axis, up: _Axis) -> Iterator[str]:
    for number, (name, points) in enumerate(curve.series.items()):
        colour, row = COLOURS[number % len(COLOURS)], TOP + 26 + 18 * number
        path = " ".join(f"{_x(across, x)},{_y(up, y)}" for x, y in points)
        yield f'<polyline class="line" stroke="{colour}" points="{path}"/>'
        yield from (f'<circle r="3" fill="{colour}" cx="{_x(across, x)}" cy="{_y(up, y)}"/>' for x, y in points)
        yield f'<path stroke="{colour}" stroke-width="2" d="M{WIDE - RIGHT + 10} {row - 4}h14"/>'
        yield f'<text x="{WIDE - RIGHT + 30}" y="{row}">{escape(name)}</text>'


def _short(value: float) -> str:
    for size, word in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:.3g}{word}"
    return f"{value:g}"
