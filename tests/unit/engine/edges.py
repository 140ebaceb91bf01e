"""The contract §1.2 once more, written from its text alone: edges, routes, what counts as ended well, what is handled.

It reads definitions as JSON and imports nothing of the engine.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

CODED = {"ExitCode", "OOMKilled", "ChildFailed"}


@dataclass
class Row:
    """What became of a task."""

    phase: str
    reason: str = ""
    code: int | None = None
    attempts: int = 0
    items: dict[str, int] | None = None
    tolerated: bool = False  # items failed or were cancelled within maxFailures
    partial: bool = False  # a child that counts is PartiallySucceeded


def and_edges(task: Json, tasks: list[Json]) -> list[str]:
    """AND: `dependsOn`, `artifactsFrom`, `await.tasks`, and every task that a template names; not those that route here."""
    names = [*task.get("dependsOn", ()), *task.get("artifactsFrom", ()), *task.get("await", {}).get("tasks", ())]
    text = json.dumps(task)
    names += [one["name"] for one in tasks if f"tasks['{one['name']}']" in text]
    names += [one["name"] for one in tasks if one.get("output") and f"outputs.{one['output']} " in text]
    return [one for one in dict.fromkeys(names) if one not in or_edges(task, tasks)]


def or_edges(task: Json, tasks: list[Json]) -> list[str]:
    """OR: the routes that name the task."""
    return [one["name"] for one in tasks if task["name"] in routes(one)]


def routes(task: Json) -> list[str]:
    """All tasks that a task's routes name."""
    named = [task.get("onSucceeded"), task.get("onFailed"), *(one["task"] for one in task.get("onExitCode", ()))]
    return [one for one in named if one]


def counting(row: Row) -> int | None:
    """Exit codes count only where they ended the task."""
    return row.code if row.phase == "Succeeded" or row.reason in CODED else None


def passes(task: Json, row: Row) -> bool:
    """Whether `continueOn` matches a failure."""
    rule = task.get("continueOn", {})
    return bool(rule.get("failure")) or (counting(row) is not None and counting(row) in rule.get("exitCodes", ()))


def ended_well(task: Json, row: Row) -> bool:
    """Succeeded; Failed or Skipped under a matching `continueOn`; Skipped with `NoItems`."""
    if row.phase == "Skipped":
        return row.reason == "NoItems" or bool(task.get("continueOn", {}).get("skipped"))
    return row.phase == "Succeeded" or (row.phase == "Failed" and passes(task, row))


def fired(task: Json, row: Row) -> str | None:
    """At most one route: the first `onExitCode` entry with its exit code, else `onSucceeded` or `onFailed`."""
    good = row.phase == "Succeeded" or row.reason == "NoItems"
    if not good and row.phase != "Failed":
        return None
    for one in task.get("onExitCode", ()):
        if counting(row) is not None and counting(row) in one["codes"]:
            return str(one["task"])
    route = task.get("onSucceeded") if good else task.get("onFailed")
    return None if route is None else str(route)


def decide(task: Json, tasks: list[Json], rows: Mapping[str, Row], when: Callable[[], str]) -> str:
    """Return "start", or why a task is Skipped, or TemplateError; all tasks with an edge to it have ended.

    ``when`` gives true, false or TemplateError.
    """
    by_name = {one["name"]: one for one in tasks}
    bad = [rows[one].phase for one in and_edges(task, tasks) if not ended_well(by_name[one], rows[one])]
    if "Failed" in bad:
        return "UpstreamFailed"
    if bad:
        return "UpstreamSkipped"
    ors = or_edges(task, tasks)
    if ors and not any(fired(by_name[one], rows[one]) == task["name"] for one in ors):
        return "NotRouted"
    return {"true": "start", "false": "ConditionNotMet"}.get(met := when(), met)


STARTED = {"Succeeded", "Failed", "Running"}


def unhandled(tasks: list[Json], rows: Mapping[str, Row]) -> list[str]:
    """Return the failures that neither a route that led somewhere nor `continueOn` handled."""
    found = []
    for task in tasks:
        row = rows[task["name"]]
        target = fired(task, row)
        led = target is not None and rows[target].phase in STARTED
        if row.phase == "Failed" and not led and not passes(task, row):
            found.append(task["name"])
    return found


def same(codes: list[int | None]) -> int | None:
    """Return the one exit code that all have, if there is one."""
    return codes[0] if codes and len(set(codes)) == 1 else None
