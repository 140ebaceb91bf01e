"""Graphs as they are drawn."""

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.phases import TaskPhase
from brood.api.status import TaskStatus
from brood.cli.graph.layers import layers_of
from brood.cli.graph.mermaid import as_mermaid
from brood.cli.graph.model import Drawing, drawing_of
from brood.cli.graph.svg import as_svg
from brood.cli.graph.text import as_text
from brood.engine.graph import compile_graph


def drawing(*tasks: dict[str, Any], **phases: str) -> Drawing:
    spec = JobDefinitionSpec.from_json(
        {"tasks": [{"script": "true", **one} if "run" not in one else one for one in tasks]}
    )
    rows = {name: (TaskStatus(name=name, phase=TaskPhase(phase)), "") for name, phase in phases.items()}
    return drawing_of(compile_graph("", spec), rows)


DIAMOND = (
    {"name": "a"},
    {"name": "b", "dependsOn": ["a"]},
    {"name": "c", "dependsOn": ["a"]},
    {"name": "d", "dependsOn": ["b", "c"]},
)
ROUTES = (
    {"name": "check", "onSucceeded": "go", "onFailed": "stop", "onExitCode": [{"codes": [3, 4], "task": "fix"}]},
    {"name": "go"},
    {"name": "stop"},
    {"name": "fix"},
)


def test_a_chain_is_a_line() -> None:
    assert as_text(drawing({"name": "a"}, {"name": "b", "dependsOn": ["a"]}, {"name": "c", "dependsOn": ["b"]})) == [
        "a ────▶ b ────▶ c"
    ]


def test_what_runs_side_by_side_stands_below_each_other() -> None:
    assert as_text(drawing(*DIAMOND)) == [
        "   ┌──▶ b ─┐",
        "a ─┤       ├──▶ d",
        "   └──▶ c ─┘",
    ]


def test_an_edge_over_several_layers_goes_around_what_is_between() -> None:
    lines = as_text(drawing({"name": "a"}, {"name": "b", "dependsOn": ["a"]}, {"name": "c", "dependsOn": ["a", "b"]}))
    assert [line for line in lines if "b" in line] != [line for line in lines if "a" in line and "c" in line]
    assert sum(line.count("▶") for line in lines) >= 2


def test_lines_of_tasks_that_have_nothing_to_do_with_each_other_never_join() -> None:
    """From each box the characters are followed: they lead to those that depend on it, and to no others."""
    tasks = (
        {"name": "a"},
        {"name": "b"},
        {"name": "c"},
        {"name": "x", "dependsOn": ["b", "c"]},
        {"name": "y", "dependsOn": ["a"]},
        {"name": "z", "dependsOn": ["a", "c"]},
    )
    lines = as_text(drawing(*tasks))
    reached = {name: followed(lines, name) for name in "abc"}
    assert reached == {"a": {"y", "z"}, "b": {"x"}, "c": {"x", "z"}}


SIDES = {
    "─": "lr",
    "│": "ud",
    "┌": "rd",
    "┐": "ld",
    "└": "ru",
    "┘": "lu",
    "├": "udr",
    "┤": "udl",
    "┬": "lrd",
    "┴": "lru",
    "┼": "lrud",
    "╬": "lrud",
}
STEPS = {"l": (0, -1), "r": (0, 1), "u": (-1, 0), "d": (1, 0)}


def followed(lines: list[str], name: str) -> set[str]:
    """Walk from a name to the right: straight on at a crossing; where lines join, what comes from the left goes right."""
    row = next(at for at, line in enumerate(lines) if re.search(rf"\b{name}\b", line))
    ends, todo, seen = set(), [(row, len(name) + 1, "r")], set()
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        y, x, came = here
        sign = lines[y][x]
        if sign == "▶":
            ends.add(lines[y][x + 2 :].split()[0])
            continue
        ways = SIDES[sign].replace({"r": "l", "u": "d", "d": "u"}[came], "").replace("l", "")
        if sign == "┼" or (came == "r" in ways and lines[y][0] == " "):
            ways = came
        todo += [(y + STEPS[way][0], x + STEPS[way][1], way) for way in ways]
    return ends


def test_states_have_signs_and_ascii_is_ascii() -> None:
    shown = drawing(*DIAMOND, a="Succeeded", b="Failed", c="Running", d="Pending")
    text = "\n".join(as_text(shown))
    assert all(word in text for word in ("✔ a", "✘ b", "● c", "○ d"))
    assert "\n".join(as_text(shown, ascii_only=True)).isascii()


def test_mermaid_has_a_node_for_each_task_and_names_routes() -> None:
    lines = as_mermaid(drawing(*ROUTES, check="Failed"))
    assert lines[0] == "flowchart LR"
    assert '  t0["check<br/><i>Failed</i>"]:::Failed' in lines
    assert "  t0 -. onSucceeded .-> t1" in lines
    assert "  t0 -. exit 3, 4 .-> t3" in lines
    assert any(line.startswith("  classDef Failed fill:#") for line in lines)


def test_what_a_task_does_beside_running_a_pod_is_noted() -> None:
    each = {"name": "each", "run": {"definitionRef": {"type": "video", "version": "1"}}, "parallel": {"items": ["x"]}}
    assert as_text(drawing(each)) == ["each (run video 1, for each item)"]


def test_svg_stands_alone_and_escapes_what_it_is_given() -> None:
    svg = as_svg(drawing(*ROUTES, check="Failed"))
    root = ET.fromstring(svg)  # noqa: S314 - our own
    kind = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{kind}g")) == 4
    assert [one.get("class") for one in root.findall(f"{kind}path")] == ["route"] * 3
    assert "prefers-color-scheme:dark" in svg
    assert re.findall(r"(?:href|src|url)\W+\w*http[^\"' ]*", svg) == []


@pytest.mark.parametrize("count", [1, 256])
def test_a_large_graph_is_drawn_quickly_and_every_box_stands_behind_what_it_waits_for(count: int) -> None:
    tasks = [
        {"name": f"t{at}", "dependsOn": sorted({f"t{at // 2}", f"t{at // 3}"}) if at else []} for at in range(count)
    ]
    shown = drawing(*tasks[:1], *(one for one in tasks[1:] if one["name"] not in one["dependsOn"]))
    layers = layers_of(shown)
    depth = {point: at for at, points in enumerate(layers.order) for point in points}
    assert all(depth[edge.source] < depth[edge.target] for edge in shown.edges)
    assert all(
        [depth[point] for point in path] == list(range(depth[path[0]], depth[path[-1]] + 1)) for _, path in layers.paths
    )
    assert len(as_text(shown)) < 4 * len(shown.boxes) + len(layers.paths)
