"""A drawing in box-drawing characters, left to right."""

from collections.abc import Mapping, Sequence
from typing import Final

from brood.cli.graph.layers import Layers, layers_of
from brood.cli.graph.model import Box, Drawing
from brood.cli.wording import sign

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES: Final = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"  # by the sum of the directions in which a line leaves the cell
_ASCII: Final = " ||+-++++++++-+++"[:16]
_GAP: Final = 2


def as_text(drawing: Drawing, *, ascii_only: bool = False) -> list[str]:
    """Return the lines of the picture.

    Every box has one track of its own in the gap behind its layer, so that edges of different boxes only ever cross.
    """
    layers = layers_of(drawing)
    names = [_label(box, ascii_only=ascii_only) for box in drawing.boxes]
    return _Canvas(layers, names, ascii_only=ascii_only).lines()


def _label(box: Box, *, ascii_only: bool) -> str:
    signed = f"{sign(box.phase, ascii_only=ascii_only)} {box.name}" if box.phase else box.name
    return f"{signed} ({box.note})" if box.note else signed


class _Canvas:
    """Lines as directions per cell, and names over them."""

    def __init__(self, layers: Layers, names: Sequence[str], *, ascii_only: bool) -> None:
        self._cells: dict[tuple[int, int], int] = {}
        self._names: dict[tuple[int, int], str] = {}
        self._arrows: list[tuple[int, int]] = []
        self._shapes = _ASCII if ascii_only else _LINES
        self._tip = ">" if ascii_only else "▶"
        rows = _rows(layers)
        links = [
            {(path[at], path[at + 1]) for _, path in layers.paths for at in range(len(path) - 1) if path[at] in here}
            for here in map(set, layers.order)
        ]
        x = 0
        for points, pairs in zip(layers.order, links, strict=True):
            width = max((len(names[point]) for point in points if point < len(names)), default=0)
            for point in points:
                if point < len(names):
                    self._names[rows[point], x] = names[point]
                else:
                    self._across(rows[point], x, x + width)
            sources = sorted({source for source, _ in pairs}, key=lambda one: rows[one])
            first = x + width
            end = first + _GAP * (len(sources) + 1) + 1
            for source, target in pairs:
                begin = x + len(names[source]) + 1 if source < len(names) else x
                track = first + _GAP * (1 + sources.index(source))
                self._link(begin, track, end, rows[source], rows[target], box=target < len(names))
            x = end + 2

    def _link(self, begin: int, track: int, end: int, up: int, down: int, *, box: bool) -> None:
        self._add(up, begin, _LEFT)
        self._across(up, begin, track)
        self._across(down, track, end + (0 if box else 2))
        for row in range(min(up, down), max(up, down)):
            self._add(row, track, _DOWN)
            self._add(row + 1, track, _UP)
        if box:
            self._arrows.append((down, end))

    def _across(self, row: int, begin: int, end: int) -> None:
        for x in range(begin, end):
            self._add(row, x, _RIGHT)
            self._add(row, x + 1, _LEFT)

    def _add(self, row: int, x: int, direction: int) -> None:
        self._cells[row, x] = self._cells.get((row, x), 0) | direction

    def lines(self) -> list[str]:
        """Return the picture."""
        glyphs = {place: self._shapes[mask] for place, mask in self._cells.items()}
        glyphs |= dict.fromkeys(self._arrows, self._tip)
        for (row, x), name in self._names.items():
            glyphs |= {(row, x + at): letter for at, letter in enumerate(name)}
        used = {row: max(x for other, x in glyphs if other == row) for row, _ in glyphs}
        top = range(min(used, default=0), max(used, default=-1) + 1)
        return ["".join(glyphs.get((row, x), " ") for x in range(used.get(row, -1) + 1)) for row in top]


def _rows(layers: Layers) -> Mapping[int, int]:
    """Return the row of each point: two apart, each layer around the middle.

    A layer is one row lower where else a box would stand in the line of one that it has nothing to do with.
    """
    rows: dict[int, int] = {}
    linked = {(path[at], path[at + 1]) for _, path in layers.paths for at in range(len(path) - 1)}
    for at, points in enumerate(layers.order):
        first = -(len(points) - 1)
        for index, point in enumerate(points):
            rows[point] = first + 2 * index
        if at == 0:
            continue
        level = {rows[one]: one for one in layers.order[at - 1]}
        if any(rows[one] in level and (level[rows[one]], one) not in linked for one in points):
            rows.update({point: rows[point] + 1 for point in points})
    return rows
