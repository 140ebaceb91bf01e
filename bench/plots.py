"""Draws how cost grows with the number of items, as one SVG that follows the reader's choice of light or dark; see `bench.page`."""

# ruff: noqa: INP001 - a folder of scripts

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 360
HEIGHT: Final = 190
LEFT, RIGHT, TOP, BOTTOM = 52, 26, 34, 34
COLUMNS: Final = 2
STYLE: Final = """
text{font:12px system-ui,sans-serif;fill:#1b1f24}.title{font-weight:600}.small{font-size:11px;fill:#59636e}
.grid{stroke:#d0d7de}.line{fill:none;stroke-width:2}.a{stroke:#1f7fd1}.b{stroke:#b7860b}circle.a{fill:#1f7fd1}circle.b{fill:#b7860b}
.b.line{stroke-dasharray:6 4}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9aa6b2}.grid{stroke:#3d444d}}"""

Points = Mapping[float, float]
"""What was measured, by n."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram: a title, and a line for each word of its legend."""

    title: str
    lines: Mapping[str, Points]


def svg(panels: Sequence[Panel]) -> str:
    """Return the panels side by side; n grows by tens, and what was measured begins at 0."""
    rows = math.ceil(len(panels) / COLUMNS)
    size = f'width="{COLUMNS * WIDTH}" height="{rows * HEIGHT}" viewBox="0 0 {COLUMNS * WIDTH} {rows * HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="growth with n">',
        f"<style>{STYLE}</style>",
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        parts += [f'<g transform="translate({column * WIDTH} {row * HEIGHT})">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> Iterator[str]:
    every = [point for points in panel.lines.values() for point in points.items()]
    decades = range(
        math.floor(min(math.log10(n) for n, _ in every)), math.ceil(max(math.log10(n) for n, _ in every)) + 1
    )
    top = _round_up(max(value for _, value in every))

    def place(n: float, value: float) -> tuple[float, float]:
        share = (math.log10(n) - decades[0]) / max(1, decades[-1] - decades[0])
        return LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    yield f'<text class="title" x="{LEFT}" y="16">{panel.title}</text>'
    for value in (0.0, top / 2, top):
        _, y = place(10 ** decades[0], value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="small" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
    for decade in decades:
        x, _ = place(10**decade, 0)
        yield f'<text class="small" x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{10**decade:,}</text>'
    for (word, points), kind in zip(panel.lines.items(), "ab", strict=False):
        yield from _line([place(*point) for point in sorted(points.items())], kind, word)


def _line(places: Iterable[tuple[float, float]], kind: str, word: str) -> Iterator[str]:
    drawn = [f"{x:.1f},{y:.1f}" for x, y in places]
    yield f'<polyline class="line {kind}" points="{" ".join(drawn)}"><title>{word}</title></polyline>'
    for one in drawn:
        x, y = one.split(",")
        yield f'<circle class="{kind}" cx="{x}" cy="{y}" r="3"/>'
    x, y = drawn[-1].split(",")
    yield f'<text class="small" x="{x}" y="{float(y) - 8:.1f}" text-anchor="end">{word}</text>'


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4 or 8 times a power of ten."""
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value))
