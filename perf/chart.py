"""Horizontal bars with their spread, as SVG written by hand. Pure: numbers in, text out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 720
LABEL_WIDTH = 150
VALUE_WIDTH = 190
BAR_HEIGHT = 22
BAR_GAP = 10
PANEL_HEAD = 30
TITLE_HEIGHT = 44
MARGIN = 16

# Readable on a white and on a dark page: the drawing brings its own background.
BACKGROUND, INK, QUIET, WHISKER = "#ffffff", "#1f2328", "#656d76", "#1f2328"
COLOURS = {"lynkr": "#0b6e4f", "nginx": "#6b8fb3", "aiohttp": "#c9a227"}
COLOUR_OTHERWISE = "#9aa0a6"


@dataclass(frozen=True, slots=True)
class Bar:
    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars that share a scale, which starts at zero."""

    label: str
    bars: tuple[Bar, ...]


def _text(
    x: float, y: float, text: str, size: int = 13, colour: str = INK, anchor: str = "start"
) -> str:
    style = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'


def _bar(bar: Bar, top: float, scale: float, figure: Callable[[float], str]) -> list[str]:
    middle = top + BAR_HEIGHT / 2
    length = bar.value * scale
    low, high = LABEL_WIDTH + bar.low * scale, LABEL_WIDTH + bar.high * scale
    colour = COLOURS.get(bar.name, COLOUR_OTHERWISE)
    parts = [
        _text(LABEL_WIDTH - 8, middle + 4, bar.name, anchor="end"),
        f'<rect x="{LABEL_WIDTH}" y="{top:g}" width="{length:.1f}" height="{BAR_HEIGHT}" '
        f'fill="{colour}"/>',
    ]
    says = figure(bar.value)
    if bar.high > bar.low:
        says += f"  ({figure(bar.low)} to {figure(bar.high)})"
        ends = "".join(f"M{x:.1f} {middle - 4:g}v8" for x in (low, high))
        line = f"M{low:.1f} {middle:g}H{high:.1f}{ends}"
        parts.append(f'<path d="{line}" stroke="{WHISKER}" fill="none"/>')
    parts.append(_text(max(LABEL_WIDTH + length, high) + 8, middle + 4, says, 12, QUIET))
    return parts


def draw(title: str, panels: Sequence[Panel], figure: Callable[[float], str]) -> str:
    """One drawing; each panel is scaled to its own largest bar."""
    parts: list[str] = []
    y = float(TITLE_HEIGHT)
    for panel in panels:
        parts.append(_text(MARGIN, y + 14, panel.label, 13, QUIET))
        y += PANEL_HEAD
        longest = max((bar.high for bar in panel.bars), default=0.0)
        scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / longest if longest > 0 else 0.0
        for bar in panel.bars:
            parts += _bar(bar, y, scale, figure)
            y += BAR_HEIGHT + BAR_GAP
        y += MARGIN / 2
    height = y + MARGIN / 2
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" font-family="system-ui, sans-serif" role="img">'
    )
    frame = [
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height:g}" fill="{BACKGROUND}"/>',
        _text(MARGIN, 28, title, 16),
    ]
    return "\n".join([opening, *frame, *parts, "</svg>"]) + "\n"
