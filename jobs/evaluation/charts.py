"""Small charts as SVG, without scripts and without anything from elsewhere. Pure: numbers and labels in, markup out.

Every label is escaped: names of detectors and scenarios are ours, but ids of the traffic are an attacker's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

COLOURS = ("#1f4e79", "#c0504d", "#7f7f7f", "#4f8a10", "#8064a2", "#d08a00")
_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 12, 44
_ROW = 22
_LABEL = 210


class Point(NamedTuple):
    """A point of a step line, in the units of the axes."""

    x: float
    y: float


def step_chart(lines: Mapping[str, Sequence[Point]], x_label: str, y_label: str) -> str:
    """Lines that rise in steps, y in [0, 1], x from 0."""
    largest = max((point.x for points in lines.values() for point in points), default=1.0) or 1.0
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def place(point: Point) -> tuple[float, float]:
        return _LEFT + (right - _LEFT) * point.x / largest, bottom - (bottom - _TOP) * point.y

    parts = [_axes(x_label, y_label, right, bottom)]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        _, y = place(Point(0, share))
        x, _ = place(Point(largest * share, 0))
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.2f}</text>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{largest * share:.3g}</text>')
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path, last = [], place(Point(0, 0))
        for point in points:
            x, y = place(point)
            path += [f"{x:.1f},{last[1]:.1f}", f"{x:.1f},{y:.1f}"]
            last = (x, y)
        if path:
            parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(path)}"/>')
            parts.append(f'<circle cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="3" fill="{colour}"/>')
        y = _TOP + 14 + 16 * number
        parts.append(f'<rect x="{right - 150}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{right - 135}" y="{y}">{escape(name)}</text>')
    return _svg(_WIDTH, _HEIGHT, f"{y_label} against {x_label}", parts)


def bar_chart(rows: Sequence[tuple[str, float, str]], title: str) -> str:
    """One bar a row: label, length, and what is written behind it. Lengths are not negative."""
    largest = max((length for _, length, _ in rows), default=0.0) or 1.0
    room = _WIDTH - _LABEL - 110
    parts = []
    for number, (label, length, text) in enumerate(rows):
        y = number * _ROW
        parts.append(f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
        parts.append(
            f'<rect x="{_LABEL}" y="{y + 4}" width="{room * length / largest:.1f}" height="14" fill="{COLOURS[0]}"/>'
        )
        parts.append(f'<text x="{_LABEL + room * length / largest + 6:.1f}" y="{y + 15}">{escape(text)}</text>')
    return _svg(_WIDTH, max(_ROW, _ROW * len(rows)), title, parts)


def _axes(x_label: str, y_label: str, right: float, bottom: float) -> str:
    return (
        f'<path d="M{_LEFT},{_TOP} V{bottom} H{right}" fill="none" stroke="#555"/>'
        f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text transform="translate(14 {(_TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
    )


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img"'
        f' font-family="sans-serif" font-size="12"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
