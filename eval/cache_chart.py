"""Curves of recall against false hits, one panel per set, as SVG. Pure: numbers in, text out.

False hits are on a logarithmic scale; what has none stands at its left edge, marked 0. Up and to
the left is better. A ring is the target: a curve that passes above and left of it meets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from xml.sax.saxutils import escape

import msgspec

from perf.chart import BACKGROUND, INK, MARGIN, QUIET

COLUMNS = 2
PANEL_WIDTH, PANEL_HEIGHT = 470, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 22, 34, 48  # between a panel's edge and its axes
HEAD = 76  # title and legend
GRID = "#d8dee4"
ZERO_WIDTH = 40  # of the place for no false hits, left of the scale
LABELLED = (0.80, 0.90, 0.95)  # bounds that are written at their points
LABEL_APART = 11  # a label that would come nearer to one of its curve is left out


class Style(msgspec.Struct, frozen=True):
    """How a curve is told apart, without colour too."""

    colour: str
    shape: str
    dashes: str = ""
    line: bool = True
    label: int = 1  # bounds are written right and below (1), left and above (-1), or not at all


STYLES = {
    "guard": Style("#0b6e4f", "circle", label=-1),
    "guard without vetoes": Style("#6b8fb3", "square", dashes="7 4", label=0),
    "cosine alone": Style("#b8860b", "triangle", dashes="2 3"),
}
STYLE_OTHERWISE = Style("#8b3a62", "diamond", line=False)


class Point(msgspec.Struct, frozen=True):
    bound: float
    false: float  # share of the different pairs that were served
    recall: float  # share of the same pairs that were served


class Curve(msgspec.Struct, frozen=True):
    name: str
    points: tuple[Point, ...]


class Panel(msgspec.Struct, frozen=True):
    """``target``: recall at least, false hits at most."""

    label: str
    curves: tuple[Curve, ...]
    target: tuple[float, float] | None = None


class _Axes(msgspec.Struct, frozen=True):
    """Where a share lies in a panel whose corner is at ``x``, ``y``."""

    x: float
    y: float
    decades: int  # below 100 %

    def across(self, false: float) -> float:
        left = self.x + LEFT + ZERO_WIDTH
        if false <= 0:
            return self.x + LEFT
        width = PANEL_WIDTH - LEFT - ZERO_WIDTH - RIGHT
        return left + width * (1 + log10(false) / self.decades)

    def up(self, recall: float) -> float:
        return self.y + TOP + (PANEL_HEIGHT - TOP - BOTTOM) * (1 - recall)


def draw(title: str, panels: Sequence[Panel]) -> str:
    rows = -(-len(panels) // COLUMNS)
    width = MARGIN * 2 + PANEL_WIDTH * min(COLUMNS, max(1, len(panels)))
    height = HEAD + PANEL_HEIGHT * rows + MARGIN
    names = dict.fromkeys(curve.name for panel in panels for curve in panel.curves)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="system-ui, sans-serif" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="{BACKGROUND}"/>',
        _text(MARGIN, 28, title, 16),
        *_legend(list(names)),
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        parts += _panel(panel, MARGIN + column * PANEL_WIDTH, HEAD + row * PANEL_HEIGHT)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(names: list[str]) -> list[str]:
    parts, x = [], float(MARGIN)
    for name in names:
        style = STYLES.get(name, STYLE_OTHERWISE)
        if style.line:
            parts.append(_line(f"M{x:g} 52h30", style.colour, style.dashes, 2))
        parts += [_mark(x + 15, 52, style), _text(x + 38, 56, name, 12)]
        x += 38 + 6.6 * len(name) + 26
    parts += [_ring(x + 8, 52), _text(x + 22, 56, "target", 12)]
    return parts


def _panel(panel: Panel, x: float, y: float) -> list[str]:
    shares = [p.false for curve in panel.curves for p in curve.points if p.false > 0]
    decades = max(1, -floor(log10(min(shares, default=0.1))))
    axes = _Axes(x, y, decades)
    bottom, top, right = axes.up(0), axes.up(1), axes.across(1)
    parts = [f'<g data-set="{escape(panel.label)}">', _text(x + LEFT, y + 20, panel.label)]
    for tenth in range(0, 11, 2):
        height = axes.up(tenth / 10)
        parts.append(_line(f"M{x + LEFT:g} {height:.1f}H{right:.1f}", GRID))
        parts.append(_text(x + LEFT - 8, height + 4, f"{tenth * 10} %", 11, QUIET, "end"))
    for false in (0.0, *(10.0**-power for power in range(decades, -1, -1))):
        place = axes.across(false)
        parts.append(_line(f"M{place:.1f} {top:.1f}V{bottom:.1f}", GRID))
        parts.append(_text(place, bottom + 16, f"{false * 100:g} %", 11, QUIET, "middle"))
    parts.append(_line(f"M{x + LEFT:g} {top:.1f}V{bottom:.1f}H{right:.1f}", INK))
    middle = (x + LEFT + right) / 2
    parts.append(_text(middle, bottom + 36, "false hits, logarithmic", 12, QUIET, "middle"))
    turned = f'<g transform="translate({x + 12:g} {(top + bottom) / 2:.1f}) rotate(-90)">'
    parts += [turned, _text(0, 0, "recall", 12, QUIET, "middle"), "</g>"]
    for curve in panel.curves:
        parts += _curve(curve, axes)
    if panel.target is not None:
        parts.append(_ring(axes.across(panel.target[1]), axes.up(panel.target[0])))
    return [*parts, "</g>"]


def _curve(curve: Curve, axes: _Axes) -> list[str]:
    style = STYLES.get(curve.name, STYLE_OTHERWISE)
    places = [(axes.across(p.false), axes.up(p.recall), p.bound) for p in curve.points]
    parts = [f'<g data-curve="{escape(curve.name)}">']
    if style.line:
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in places)
        parts.append(_line(path, style.colour, style.dashes, 2))
    written: list[tuple[float, float]] = []
    for x, y, bound in places:
        parts.append(_mark(x, y, style))
        apart = all(abs(y - other) > LABEL_APART or abs(x - at) > 30 for at, other in written)
        if bound in LABELLED and style.label and apart:
            written.append((x, y))
            down, anchor = (13, "start") if style.label > 0 else (-5, "end")
            place = (x + 6 * style.label, y + down)
            parts.append(_text(*place, f"{bound:.2f}", 10, style.colour, anchor))
    return [*parts, "</g>"]


def _text(
    x: float, y: float, said: str, size: int = 13, colour: str = INK, anchor: str = "start"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(said)}</text>'


def _line(path: str, colour: str, dashes: str = "", width: int = 1) -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="{path}" stroke="{colour}" stroke-width="{width}" fill="none"{dashed}/>'


def _ring(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="none" stroke="{INK}" stroke-width="2"/>'


def _mark(x: float, y: float, style: Style) -> str:
    path = {
        "circle": f"M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0",
        "square": f"M{x - 2.7:.1f} {y - 2.7:.1f}h5.4v5.4h-5.4z",
        "triangle": f"M{x:.1f} {y - 3.6:.1f}l3.4 6h-6.8z",
        "diamond": f"M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z",
    }[style.shape]
    return f'<path d="{path}" fill="{style.colour}"/>'
