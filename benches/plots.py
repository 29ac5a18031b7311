"""Plots as SVG text: bars for the peers of one measure, curves for measures that grow. Knows numbers and names only."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["bars", "curves"]

WIDTH = 720
FONT = "font-family='system-ui, sans-serif' font-size='13'"
INK = "#24292f"
GRID = "#d0d7de"
SUBJECT = "#c2410c"
# Distinct in print and for colour-blind people; the subject has its own.
OTHERS = ("#57606a", "#0969da", "#1a7f37", "#8250df", "#9a6700", "#bf3989", "#4c8c99")


def bars(title: str, values: Sequence[tuple[str, float, float, float]]) -> str:
    """A bar for each (name, value, least, most), the first one being the subject; a whisker spans least to most."""
    left, right, top, step = 190, 110, 40, 26
    height = top + step * len(values) + 12
    largest = max((most for _, _, _, most in values), default=1.0) or 1.0
    scale = (WIDTH - left - right) / largest
    parts = [_text(12, 24, title, weight="600")]
    for place, (name, value, least, most) in enumerate(values):
        y = top + step * place
        colour = SUBJECT if place == 0 else OTHERS[0]
        parts.append(_text(left - 8, y + 15, name, anchor="end"))
        parts.append(f"<rect x='{left}' y='{y + 2}' width='{value * scale:.1f}' height='18' fill='{colour}'/>")
        if most > least:
            x1, x2 = left + least * scale, left + most * scale
            parts.append(
                f"<path d='M{x1:.1f} {y + 11}H{x2:.1f}M{x1:.1f} {y + 7}v8M{x2:.1f} {y + 7}v8' stroke='{INK}'/>"
            )
        parts.append(_text(left + most * scale + 8, y + 15, short(value)))
    return _svg(height, title, parts)


def curves(title: str, axis: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """A curve through the (x, y) of each name, both axes logarithmic; the first name is the subject."""
    left, right, top, height = 70, 170, 40, 320
    bottom = height - 50
    points = [point for line in lines.values() for point in line]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = _decades(ys)
    x0, x1 = math.log10(min(xs)), math.log10(max(xs))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x0) / ((x1 - x0) or 1.0)
        up = (math.log10(y) - low) / (high - low)
        return left + across * (WIDTH - left - right), bottom - up * (bottom - top)

    parts = [_text(12, 24, title, weight="600")]
    for decade in range(low, high + 1):
        _, y = place(min(xs), 10.0**decade)
        parts.append(f"<path d='M{left} {y:.1f}H{WIDTH - right}' stroke='{GRID}'/>")
        parts.append(_text(left - 8, y + 4, short(10.0**decade), anchor="end"))
    for x in sorted(set(xs)):
        across, _ = place(x, 10.0**low)
        parts.append(_text(across, bottom + 18, short(x), anchor="middle"))
    parts.append(_text((left + WIDTH - right) / 2, bottom + 38, axis, anchor="middle"))
    for number, (name, line) in enumerate(lines.items()):
        colour = SUBJECT if number == 0 else OTHERS[(number - 1) % len(OTHERS)]
        placed = [place(x, y) for x, y in line]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        parts.append(f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in placed]
        y = top + 12 + 20 * number
        parts.append(f"<rect x='{WIDTH - right + 16}' y='{y - 9}' width='12' height='12' fill='{colour}'/>")
        parts.append(_text(WIDTH - right + 34, y + 2, name))
    return _svg(height, title, parts)


def short(value: float) -> str:
    """A number with three digits and a letter for its thousands."""
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {letter}"
    return f"{value:.3g}"


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "400") -> str:
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-weight='{weight}' fill='{INK}'"
    return f"<text {place}>{escape(text)}</text>"


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' role='img' {FONT}>"
    ground = f"<rect width='{WIDTH}' height='{height:.0f}' fill='#ffffff'/>"
    return "\n".join([head, f"<title>{escape(title)}</title>", ground, *parts, "</svg>", ""])
