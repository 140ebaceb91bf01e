"""Where boxes stand: in layers, each behind all that it waits for, ordered so that few edges cross.

The method is Sugiyama's: longest paths give the layers, an edge over several layers gets a bend in each of them, and
sweeps put everything near the middle of its neighbours.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brood.cli.graph.model import Drawing, Edge

_SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Layers:
    """Points by layer, from the top of each to its bottom.

    Points below the number of boxes are boxes, the others bends. ``paths`` gives the points of each edge in turn.
    """

    order: Sequence[Sequence[int]]
    paths: Sequence[tuple[Edge, Sequence[int]]]


def layers_of(drawing: Drawing) -> Layers:
    """Arrange a drawing; one with a cycle is arranged as if the edges that close it were not there."""
    depth = _depths(len(drawing.boxes), drawing.edges)
    order: list[list[int]] = [[] for _ in range(max(depth, default=0) + 1)]
    for box, at in enumerate(depth):
        order[at].append(box)
    paths: list[tuple[Edge, list[int]]] = []
    point = len(drawing.boxes)
    for edge in drawing.edges:
        path = [edge.source]
        for layer in range(depth[edge.source] + 1, depth[edge.target]):
            order[layer].append(point)
            path.append(point)
            point += 1
        paths.append((edge, [*path, edge.target]))
    _arrange(order, [pair for _, path in paths for pair in itertools.pairwise(path)])
    return Layers(order, paths)


def _depths(count: int, edges: Iterable[Edge]) -> list[int]:
    before: list[list[int]] = [[] for _ in range(count)]
    for edge in edges:
        before[edge.target].append(edge.source)
    depth: list[int | None] = [None] * count
    for start in range(count):
        stack, open_ = [start], set[int]()
        while stack:
            box = stack[-1]
            open_.add(box)
            missing = [one for one in before[box] if depth[one] is None and one not in open_]
            if missing:
                stack += missing
                continue
            depth[box] = max((depth[one] + 1 for one in before[box] if depth[one] is not None), default=0)  # type: ignore[operator]
            open_.discard(stack.pop())
    return [one or 0 for one in depth]


def _arrange(order: list[list[int]], pairs: Iterable[tuple[int, int]]) -> None:
    """Sort each layer by the mean place of its neighbours in the layer before, then in the one behind, a few times."""
    left: dict[int, list[int]] = {}
    right: dict[int, list[int]] = {}
    for source, target in pairs:
        left.setdefault(target, []).append(source)
        right.setdefault(source, []).append(target)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        sides = left if forward else right
        layers = range(1, len(order)) if forward else range(len(order) - 2, -1, -1)
        for at in layers:
            neighbours = order[at - 1 if forward else at + 1]
            middle = (len(neighbours) - 1) / 2
            place = {point: index - middle for index, point in enumerate(neighbours)}
            own = (len(order[at]) - 1) / 2
            here = {point: index - own for index, point in enumerate(order[at])}
            order[at].sort(key=lambda point: _mean([place[one] for one in sides.get(point, ())], here[point]))


def _mean(places: Sequence[float], default: float) -> float:
    return sum(places) / len(places) if places else default
