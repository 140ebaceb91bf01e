"""The graph as it is drawn: what a task is called, what it does, which state it is in, and why an edge is there."""

from collections.abc import Mapping
from dataclasses import dataclass

from brood.api.status import TaskStatus
from brood.api.task import Task
from brood.engine.graph import Body, Graph, Node


@dataclass(frozen=True, slots=True)
class Box:
    """A task. ``note`` says what it does beside running a Pod; ``phase`` is "" in a definition."""

    name: str
    note: str = ""
    phase: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """From one box to another, by their positions. ``label`` names the route; an edge without one is an AND-edge."""

    source: int
    target: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes in the order of the definition, and their edges."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


def drawing_of(graph: Graph, rows: Mapping[str, tuple[TaskStatus, str]] | None = None) -> Drawing:
    """Return a graph to draw; with ``rows`` (row and detail by task) its states too."""
    boxes = [_box(node, (rows or {}).get(node.name)) for node in graph.nodes]
    edges = [Edge(at, node.position) for node in graph.nodes for at in node.and_edges]
    for node in graph.nodes:
        labels: dict[str, list[str]] = {}
        for target, label in _routes(node.task):
            labels.setdefault(target, []).append(label)
        edges += [
            Edge(node.position, graph.positions[target], ", ".join(label))
            for target, label in labels.items()
            if target in graph.positions
        ]
    return Drawing(tuple(boxes), tuple(sorted(edges, key=lambda one: (one.source, one.target))))


def _box(node: Node, found: tuple[TaskStatus, str] | None) -> Box:
    call = node.task.run or node.task.fork
    reference = call.definition_ref if call else None
    called = "" if reference is None else reference.name or f"{reference.type} {reference.version}"
    note = {Body.RUN: f"run {called}", Body.FORK: f"fork {called}", Body.AWAIT: "await", Body.JUNCTION: "junction"}
    parts = [note.get(node.body, ""), "for each item" if node.is_parallel else ""]
    row, detail = found or (None, "")
    return Box(node.name, ", ".join(part for part in parts if part), row.phase if row else "", detail)


def _routes(task: Task) -> list[tuple[str, str]]:
    found = [(task.on_succeeded, "onSucceeded"), (task.on_failed, "onFailed")]
    codes = [(route.task, f"exit {', '.join(map(str, route.codes))}") for route in task.on_exit_code]
    return [(target, label) for target, label in found if target] + codes
