"""The operator after thousands of runs holds no more than after a few: memory, open files, tasks of the loop."""

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from brood.cluster.compact import share
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind
from brood.controller.config import Config
from tests import manifests
from tests.local.faults.clock import run as on_jumping_clock
from tests.local.faults.clock import utc_now
from tests.local.faults.node import End, Node
from tests.unit.controller.world import controlled, local

RUNS = 5000
BATCH = 50
MOST = 1.003
"""What there may be after the last run, as a multiple of what there was after half of them."""

ITEM = {"name": "one", "params": [{"name": "ITEM"}], "tasks": [{"name": "do", "script": "true", "output": "DID"}]}
KINDS: tuple[dict[str, Any], ...] = (
    {"tasks": [{"name": "a", "script": "x", "output": "A"}, {"name": "b", "script": "x", "dependsOn": ["a"]}]},
    {"tasks": [{"name": "each", "run": {"definitionRef": {"name": "one"}}, "parallel": {"items": ["a", "b"]}}]},
    {"tasks": [{"name": "bad", "script": "x", "retryPolicy": {"limit": 1}}], "handlers": {"onExit": {"script": "x"}}},
    {"tasks": [{"name": "a", "script": "x"}], "concurrency": {"key": "k", "maxActiveRuns": 5}},
    {"tasks": [{"name": "f", "fork": {"definitionRef": {"name": "one"}}}, {"name": "j", "await": {"tasks": ["f"]}}]},
    {"tasks": [{"name": "a", "script": "x", "artifacts": {"paths": ["f"]}}], "artifacts": {"retain": "Never"}},
    {"tasks": [{"name": "a", "script": "x", "pools": ["gpu"]}], "podRetention": "Never"},
    {"tasks": [{"name": "long", "script": "x"}]},  # somebody deletes these runs
)


class Held(NamedTuple):
    """What the process holds."""

    blocks: int  # of memory
    files: int
    tasks: int
    types: Counter[str]


def _held() -> Held:
    for one in gc.get_objects():
        if type(one) is type(share):
            one.cache_clear()  # of limited size, and not full yet
    gc.collect()
    types = Counter(type(one).__name__ for one in gc.get_objects())
    return Held(sys.getallocatedblocks(), len([*Path("/proc/self/fd").iterdir()]), len(asyncio.all_tasks()), types)


def _grown(before: Held, after: Held) -> str:
    grown = after.types - before.types
    return f"{before[:3]} became {after[:3]}; most of it: {grown.most_common(12)}"


def _end(place: str, _before: int) -> End:
    return End(code=int(place.endswith("/bad")), stdout="s", seconds=300.0 if place.endswith("/long") else 0.5)


async def _batch(cluster: LocalCluster, first: int) -> None:
    """Make runs, wait until all have ended and their time is over, and clear away what a cluster clears away by itself."""
    store = cluster.store
    for number in range(first, first + BATCH):
        store.create(
            Kind.JOB_RUN, manifests.run(f"run-{number % 100}", definitionRef={"name": f"d-{number % len(KINDS)}"})
        )
    await asyncio.sleep(5)
    for one in store.list(Kind.JOB_RUN).items:
        if one["spec"]["definitionRef"].get("name") == f"d-{len(KINDS) - 1}":
            store.delete(Kind.JOB_RUN, "default", one["metadata"]["name"], uid=one["metadata"]["uid"])
    while any(store.list(kind).items for kind in (Kind.JOB_RUN, Kind.POD, Kind.CLAIM)):
        await asyncio.sleep(5)
        late = [
            one["metadata"]["name"]
            for one in store.list(Kind.JOB_RUN).items
            if "DeadlineExceeded" in str(one["status"])
        ]
        assert not late, late
    for one in store.list(Kind.EVENT).items:
        store.delete(Kind.EVENT, "default", one["metadata"]["name"], uid=one["metadata"]["uid"])
    for kind in Kind:
        store.expire(kind)


async def _soak(directory: Path) -> tuple[Held, Held]:
    async with LocalCluster(directory, run_pods=False, clock=utc_now) as cluster:
        for number, spec in enumerate(KINDS):
            whole = {"ttlSecondsAfterFinished": 30, "activeDeadlineSeconds": 7200, "definitions": [ITEM], **spec}
            cluster.store.create(Kind.JOB_DEFINITION, manifests.definition(f"d-{number}", **whole))
        node = Node(cluster.store, _end)
        node.start()
        held: list[Held] = []
        async with controlled(cluster, Config(), now=utc_now):
            for first in range(0, RUNS, BATCH):
                await _batch(cluster, first)
                if first + BATCH in (RUNS // 2, RUNS):
                    held.append(_held())
        await node.stop()
        return held[0], held[1]


@pytest.mark.slow
def test_memory_and_tasks_are_flat_over_5000_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr("brood.cluster.informer._TOMBSTONES", 100)  # what is limited is full early
    monkeypatch.setattr("brood.controller.cache.RUNS_REMEMBERED", 100)
    half, end = on_jumping_clock(_soak(tmp_path))
    record_property("figure", f"{RUNS} runs: memory blocks x{end.blocks / half.blocks:.4f} after the second half")
    assert end.blocks / half.blocks <= MOST, _grown(half, end)
    assert (end.files, end.tasks) == (half.files, half.tasks)


def _processes() -> int:
    """Return how many processes this one has."""
    return sum(len(file.read_text().split()) for file in Path("/proc/self/task").glob("*/children"))


async def test_no_file_task_or_process_is_left_of_runs_that_are_gone(tmp_path: Path) -> None:
    tasks = [
        {"name": "good", "script": "sleep 60 & echo said", "output": "SAID"},
        {"name": "bad", "script": "exit 3", "dependsOn": ["good"], "continueOn": {"failure": True}},
    ]
    spec = {"tasks": tasks, "ttlSecondsAfterFinished": 0}
    first: tuple[int, int, int] | None = None
    async with local(tmp_path) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition("hello", **spec))
        for batch in range(4):
            for number in range(20):
                await cluster.create(Kind.JOB_RUN, manifests.run(f"run-{batch}-{number}"))
            async with asyncio.timeout(60):
                while any(cluster.store.list(kind).items for kind in (Kind.JOB_RUN, Kind.POD)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            if first is None:
                await asyncio.sleep(1)  # what is ending has ended
                first = _left()
            async with asyncio.timeout(20):
                while any(now > then for now, then in zip(_left(), first, strict=True)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)


def _left() -> tuple[int, int, int]:
    """Return how many open files, tasks and processes there are."""
    held = _held()
    return held.files, held.tasks, _processes()
