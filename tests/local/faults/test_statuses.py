"""Statuses that somebody else writes (`kubectl edit --subresource=status`): what has run is known from what exists."""

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.port import Kind, Manifest
from brood.controller.config import Config
from tests.local.faults.clock import run as on_a_jumping_clock
from tests.local.faults.node import End
from tests.local.faults.pieces import definition, run, task
from tests.local.faults.play import Life, Scenario, play
from tests.local.faults.watched import finished

Spoil = Callable[[dict[str, Any]], object]

TASKS = (
    task("long", output="O"),
    task("big", output="BIG"),
    {"name": "each", "script": "true", "parallel": {"items": [1, 2, 3, 4], "maxConcurrent": 1}, "output": "R"},
    {"name": "below", "run": {"definitionRef": {"name": "one"}}, "output": "C"},
    task("end", "long", "each", "below", "big"),
)
LOCAL = {"name": "one", "tasks": [task("do", output="DID")]}
MOST_PLANS = 150


def _script(at: str, _before: int) -> End:
    return End(seconds=25 if at.endswith(("long", "do")) else 5, stdout="x" * 5000 if at.endswith("big") else at)


def _items(**changes: Any) -> Spoil:
    return lambda status: status["tasks"][2]["items"].update(changes)


def _row(name: str, **changes: Any) -> Spoil:
    def spoil(status: dict[str, Any]) -> None:
        row = next(one for one in status["tasks"] if one["name"] == name)
        row.update(changes)
        for field in [field for field, value in row.items() if value is None]:
            del row[field]

    return spoil


def _field(**changes: Any) -> Spoil:
    return lambda status: status.update(changes)


SPOILT: dict[str, Spoil] = {
    "emptied": lambda status: status.clear(),
    "no rows": _field(tasks=[]),
    "no items": _row("each", items=None),
    "no ranges": _items(completedIndexes=""),
    "no such ranges": _items(completedIndexes="x"),
    "more than any": _items(completedIndexes="0-99999999999"),
    "failed more than any": _items(failedIndexes="7-99999999999"),
    "an item too many": _items(completedIndexes="9"),
    "running more than there are": _items(running=77),
    "no total": _items(total=0),
    "a row without its Pod": _row("long", podName=None),
    "a row of another Pod": _row("long", podName="other"),
    "an attempt that was never made": _row("long", attempt=99),
    "an attempt before the first": _row("long", attempt=-3),
    "a row that waits": _row("long", phase="Pending", podName=None, attempt=0),
    "another child": _row("below", childName="other"),
    "a row without its child": _row("below", childName=None),
    "a child that was never made": _row("below", attempt=99),
    "a result that is none": _field(result="Running"),
    "ended and going on": _field(phase="Succeeded", result="Queued"),
    "a year without zeros": _row("long", startTime="0001-01-01T00:00:00Z"),
    "at the end of time": _row("long", startTime="9999-12-31T23:59:59Z"),
    "nobody admitted it": _field(conditions=[]),
}


def _played(directory: Path, spoil: Spoil, *, after: float, restart: bool = False) -> tuple[Life, dict[str, Any]]:
    before: dict[str, Any] = {}

    async def users(life: Life) -> None:
        await asyncio.sleep(after)
        found = life.run("run-1")
        before.update(found)
        spoilt: Manifest = copy.deepcopy(found)
        spoil(spoilt["status"])
        life.store._put(Kind.JOB_RUN, spoilt, found)
        if restart:
            life.processes[-1].dead = True
            life.processes[-1].died.set()
        life.store.create(*run("run-2"))
        life.patience = 3000
        await life.when(lambda: all(map(finished, life.runs())))
        await asyncio.sleep(30)

    objects = definition(*TASKS, definitions=[LOCAL], concurrency={"key": "k"}), run()
    scenario = Scenario("status", objects, _script, users, config=Config(status_patience=0.5))

    async def life() -> Life:
        return await play(scenario, directory, until_users=True)

    return on_a_jumping_clock(life()), before


@pytest.mark.parametrize("restart", [False, True], ids=["operator runs", "operator restarts"])
@pytest.mark.parametrize("how", SPOILT)
def test_a_status_that_somebody_spoils_in_the_middle_loses_nothing_and_has_nothing_done_twice(
    tmp_path: Path, how: str, *, restart: bool
) -> None:
    played, _ = _played(tmp_path, SPOILT[how], after=14, restart=restart)
    assert played.errors == played.cluster.broken == []
    found = {one["metadata"]["name"]: one["status"]["phase"] for one in played.runs()}
    assert set(found.values()) == {"Succeeded"}, found
    made = [one["metadata"] for one in played.store.list(Kind.POD).items]
    assert {one["labels"]["brood.dev/attempt"] for one in made} == {"1"}
    status = played.run("run-1")["status"]
    assert status["tasks"][2]["items"]["succeeded"] == 4
    assert (status["outputs"]["O"], len(status["outputRefs"])) == ("run-1/long", 1)
    assert played.plans < MOST_PLANS


@pytest.mark.parametrize("how", ["emptied", "no rows", "no items", "a result that is none", "nobody admitted it"])
def test_a_status_that_somebody_spoils_after_the_end_has_nothing_done_twice(tmp_path: Path, how: str) -> None:
    played, before = _played(tmp_path, SPOILT[how], after=100)
    assert finished(before)
    assert played.errors == []
    made = [one["metadata"] for one in played.store.list(Kind.POD).items]
    assert {one["labels"]["brood.dev/attempt"] for one in made} == {"1"}
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    assert played.run("run-2")["status"]["phase"] == "Succeeded"
    assert played.plans < MOST_PLANS
