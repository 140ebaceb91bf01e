"""A drawing in box-drawing characters, left to right."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from brood.cli.graph.layers import Layers, layers_of
from brood.cli.graph.model import Box, Drawing
from brood.cli.wording import sign

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES: Final = " ╵╷│╴┘┐┤╶└┌├─┴┬┼╬"  # by the sum of the directions in which a line leaves the cell
_ASCII: Final = " |||-+++-+++-+++#"
_JOIN: Final = 16  # lines that meet, where ┼ would be two that cross
_GAP: Final = 2


def as_text(drawing: Drawing, *, ascii_only: bool = False) -> list[str]:
    """Return the lines of the picture.

    In the gap behind a layer those boxes share a track that lead to the same ones; so other edges only ever cross.
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
        self._joins: set[tuple[int, int]] = set()  # where a track leads to the right
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
            tracks = _tracks(pairs, rows)
            first = x + width
            end = first + _GAP * (len(set(tracks.values())) + 1) + 1
            for source, target in pairs:
                begin = x + len(names[source]) + 1 if source < len(names) else x
                track = first + _GAP * (1 + tracks[source])
                self._link(begin, track, end, rows[source], rows[target], box=target < len(names))
            x = end + 2

    def _link(self, begin: int, track: int, end: int, up: int, down: int, *, box: bool) -> None:
        self._add(up, begin, _LEFT)
        self._across(up, begin, track)
        self._across(down, track, end + (0 if box else 2))
        for row in range(min(up, down), max(up, down)):
            self._add(row, track, _DOWN)
            self._add(row + 1, track, _UP)
        self._joins.add((down, track))
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
        shapes, crossing = self._shapes, _UP | _DOWN | _LEFT | _RIGHT
        glyphs = {
            place: shapes[_JOIN if mask == crossing and place in self._joins else mask]
            for place, mask in self._cells.items()
        }
        glyphs |= dict.fromkeys(self._arrows, self._tip)
        for (row, x), name in self._names.items():
            glyphs |= {(row, x + at): letter for at, letter in enumerate(name)}
        width: dict[int, int] = {}
        for row, x in glyphs:
            width[row] = max(width.get(row, 0), x + 1)
        rows = range(min(width, default=0), max(width, default=-1) + 1)
        return ["".join(glyphs.get((row, x), " ") for x in range(width.get(row, 0))) for row in rows]


def _tracks(pairs: Iterable[tuple[int, int]], rows: Mapping[int, int]) -> dict[int, int]:
    """Return the track of each point that edges leave, counted from the left."""
    targets: dict[int, set[int]] = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)
    numbers: dict[frozenset[int], int] = {}
    return {
        one: numbers.setdefault(frozenset(targets[one]), len(numbers)) for one in sorted(targets, key=rows.__getitem__)
    }


def _rows(layers: Layers) -> Mapping[int, int]:
    """Return the row of each point: two apart, each layer around the middle.

    A layer is one row lower where else a line into a box would join one that also leads elsewhere.
    """
    rows: dict[int, int] = {}
    pairs = [pair for _, path in layers.paths for pair in pairwise(path)]
    targets: dict[int, set[int]] = {}
    sources: dict[int, set[int]] = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)
        sources.setdefault(target, set()).add(source)
    for at, points in enumerate(layers.order):
        first = -(len(points) - 1)
        rows.update({point: first + 2 * index for index, point in enumerate(points)})
        before = {rows[one]: one for one in layers.order[at - 1]} if at else {}
        level = [(before[rows[one]], one) for one in points if rows[one] in before]
        if any(targets.get(one, {two}) != {two} and sources.get(two, {one}) != {one} for one, two in level):
            rows.update({point: rows[point] + 1 for point in points})
    return rows
