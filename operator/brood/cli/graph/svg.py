"""A drawing as SVG: it stands alone, needs nothing from elsewhere, and follows the reader's choice of light or dark."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from brood.cli.graph.layers import Layers, layers_of
from brood.cli.graph.model import Box, Drawing, Edge
from brood.cli.graph.palette import FILLS

_LETTER: Final = 7.9
_HEIGHT: Final = 40
_ROW: Final = 58
_GAP: Final = 70
_MARGIN: Final = 12
_NARROWEST: Final = 70
_PADDING: Final = 10

Point = tuple[float, float]


def style() -> str:
    """Return the rules for boxes and edges; they are the same in a report."""
    boxes = [f".box.{phase or 'Plain'} rect{{fill:{one.light};stroke:{one.line}}}" for phase, one in FILLS.items()]
    dark = [f".box.{phase or 'Plain'} rect{{fill:{one.dark}}}" for phase, one in FILLS.items()]
    return "\n".join(
        [
            ".graph{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}",
            ".graph text{fill:#1b1f24}.graph .note{font-size:11px;fill:#59636e}",
            ".graph path{fill:none;stroke:#7b8794;stroke-width:1.4}.graph path.route{stroke-dasharray:5 4}",
            ".graph .tip{fill:#7b8794}.box.Skipped rect{stroke-dasharray:4 3}",
            *boxes,
            "@media(prefers-color-scheme:dark){.graph text{fill:#e6edf3}.graph .note{fill:#9aa6b2}",
            *dark,
            "}",
        ]
    )


def as_svg(drawing: Drawing, *, styled: bool = True) -> str:
    """Return the picture; without ``styled`` the page around it has the rules of `style`."""
    layers = layers_of(drawing)
    widths, places = _places(layers, drawing.boxes)
    width = max((places[at][0] + widths[at] for at in range(len(drawing.boxes))), default=0) + _MARGIN
    height = max((y for _, y in places.values()), default=0) + _HEIGHT / 2 + _MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="graph of tasks">'
        ),
        f"<style>{style()}</style>" if styled else "",
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path class="tip" d="M0 0L8 4L0 8z" style="fill:#7b8794;stroke:none"/></marker></defs>'
        ),
        *(_edge(edge, [places[point] for point in path], widths) for edge, path in layers.paths),
        *(_box(box, places[at], widths[at]) for at, box in enumerate(drawing.boxes)),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def _places(layers: Layers, boxes: Sequence[Box]) -> tuple[list[float], Mapping[int, Point]]:
    """Return the width of each box, and for each point the left end of its middle line."""
    widths = [max(_NARROWEST, _LETTER * max(len(box.name), len(_note(box)) * 0.85) + 2 * _PADDING) for box in boxes]
    tallest = max(map(len, layers.order), default=0)
    places: dict[int, Point] = {}
    x: float = _MARGIN
    for points in layers.order:
        top = _MARGIN + _HEIGHT / 2 + _ROW * (tallest - len(points)) / 2
        for index, point in enumerate(points):
            places[point] = (x, top + _ROW * index)
        x += max((widths[point] for point in points if point < len(boxes)), default=0) + _GAP
    return widths, places


def _note(box: Box) -> str:
    return " · ".join(part for part in (box.note, box.phase) if part)


def _edge(edge: Edge, points: Sequence[Point], widths: Sequence[float]) -> str:
    x, y = points[0][0] + widths[edge.source], points[0][1]
    path = f"M{x:.0f} {y:.0f}"
    for next_x, next_y in points[1:]:
        bend = min(_GAP / 2, (next_x - x) / 2)
        path += f"C{next_x - bend:.0f} {y:.0f} {next_x - bend:.0f} {next_y:.0f} {next_x:.0f} {next_y:.0f}"
        x, y = next_x, next_y
    kind, label = (' class="route"', f"<title>{escape(edge.label)}</title>") if edge.label else ("", "")
    return f'<path{kind} d="{path}" marker-end="url(#tip)">{label}</path>'


def _box(box: Box, place: Point, width: float) -> str:
    x, y = place
    note = _note(box)
    lines = [
        f'<text x="{x + width / 2:.0f}" y="{y - 2 if note else y + 4:.0f}" text-anchor="middle">{escape(box.name)}</text>'
    ]
    if note:
        lines.append(
            f'<text class="note" x="{x + width / 2:.0f}" y="{y + 13:.0f}" text-anchor="middle">{escape(note)}</text>'
        )
    return (
        f'<g class="box {box.phase or "Plain"}"><title>{escape(f"{box.name} {box.detail}".strip())}</title>'
        f'<rect x="{x:.0f}" y="{y - _HEIGHT / 2:.0f}" width="{width:.0f}" height="{_HEIGHT}" rx="7"/>{"".join(lines)}</g>'
    )
