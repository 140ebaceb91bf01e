"""How long a plan takes: of a run with 256 tasks, and per event of a parent with 10,000 items (T7 of the budgets).

``python -m bench.engine`` prints one JSON object per case: milliseconds of CPU, since machines are shared. Only the engine is timed;
views are made ready before, as the controller's cache keeps them.
"""

# ruff: noqa: INP001 - a folder of scripts

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import figures
from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.jobrun import JobRunSpec, ParentRef, RunDefinitionRef
from brood.api.phases import RunPhase
from brood.api.status import JobRunStatus
from brood.engine.graph import Graph, compile_graph
from brood.engine.plan import Plan
from brood.engine.ranges import IndexRanges
from brood.engine.reconcile import plan
from brood.engine.snapshot import ChildIndex, Snapshot
from brood.views import ChildRequest, Meta, PodAttempt, PodRequest, PodView, RunView, TaskResult

START = datetime(2026, 1, 1, tzinfo=UTC)
TASKS = 256
ITEMS = 10_000
MAX_CONCURRENT = 100
BUDGET_MS = 1.0
BUDGETED = {"a Pod has ended": "plan_256_tasks_ms", "all of them, per item": "event_of_10000_items_ms"}
"""Which plans the budgets speak of, by the name of the figure; the mean of the worst case counts."""


class Bench:
    """One run, its Pods and children, kept up to date as the controller's cache does it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        parsed = JobDefinitionSpec.from_json(spec)
        self.graph: Graph = compile_graph("main-r1", parsed, definition="main")
        meta = Meta("default", "run", "uid-run", "1", START)
        self.run = RunView(meta, JobRunSpec(definition_ref=RunDefinitionRef(name="main")), JobRunStatus(), root="run")
        self.pods: dict[str, list[PodAttempt]] = {}
        self.children = ChildIndex()
        self.memo: dict[object, object] = {}
        self.times: list[float] = []

    def plan(self) -> Plan:
        """Plan once and note how long it took."""
        snapshot = Snapshot(
            run=self.run, graph=self.graph, pods=self.pods, children=self.children, root=None, memo=self.memo
        )
        begun = time.process_time()
        made = plan(snapshot, START)
        self.times.append(time.process_time() - begun)
        return made

    def take(self, made: Plan) -> None:
        """Take over the status, as the cache does when it was written."""
        if made.status is None:
            return
        self.run = replace(self.run, status=made.status)
        for pod in made.releases:
            (attempt,) = self.pods[pod.task]
            meta = replace(attempt.pod.meta, finalizers=())
            self.pods[pod.task] = [replace(attempt, pod=replace(attempt.pod, meta=meta))]
        for row in made.status.tasks:
            if row.items is not None:
                items = row.items
                texts = (items.completed_indexes, items.failed_indexes, items.cancelled_indexes)
                self.children.record(row.name, IndexRanges.union(IndexRanges.parse(text) for text in texts))

    def make_pod(self, request: PodRequest) -> None:
        """Put a running Pod in."""
        meta = Meta("default", request.name, f"uid-{request.name}", "1", START, owner_uid="uid-run", finalizers=("f",))
        pod = PodView(
            meta, run="run", root="run", task=request.task, handler=False, index=None, attempt=1, phase="Running",
            started_at=START,
        )  # fmt: skip
        self.pods[request.task] = [PodAttempt(pod)]

    def make_child(self, request: ChildRequest) -> RunView:
        """Put a running child in."""
        meta = Meta("default", request.name, f"uid-{request.name}", "1", START, owner_uid="uid-run")
        parent = ParentRef(name="run", uid="uid-run", task=request.task, index=request.index)
        spec = JobRunSpec(definition_ref=request.definition_ref, parent_ref=parent)
        status = JobRunStatus(phase=RunPhase.RUNNING, start_time=START)
        child = RunView(meta, spec, status, root="run", task=request.task, index=request.index, attempt=request.attempt)
        self.children.put(child)
        return child

    def end_child(self, child: RunView, *, good: bool) -> None:
        """End a child."""
        phase = RunPhase.SUCCEEDED if good else RunPhase.FAILED
        status = JobRunStatus(phase=phase, start_time=START, completion_time=START, outputs={"R": "x"})
        self.children.put(replace(child, status=status))


def many_tasks(edges: Callable[[int], list[int]]) -> Iterator[tuple[str, list[float]]]:
    """Time plans over the life of a run with 256 tasks: at its start, at each end of a Pod, and where nothing has changed."""
    tasks = [
        {"name": f"t{at}", "script": "x", "output": f"O{at}", "dependsOn": [f"t{before}" for before in edges(at)]}
        for at in range(TASKS)
    ]
    bench = Bench({"tasks": tasks})
    bench.take(bench.plan())
    bench.times.clear()
    made = bench.plan()
    yield "first plan", list(bench.times)
    idle: list[float] = []
    bench.times.clear()
    while bench.run.status.result is None:
        for request in made.pods:
            bench.make_pod(request)
        bench.take(made)
        made = bench.plan()
        idle.append(bench.times.pop())
        bench.take(made)
        task, (attempt,) = next((name, pods) for name, pods in bench.pods.items() if pods[0].result is None)
        ended = TaskResult(None, exit_code=0, stdout="said", finished_at=START + timedelta(seconds=1))
        bench.pods[task] = [replace(attempt, result=ended)]
        made = bench.plan()
        if made.status is not None and made.status.finished:
            bench.take(made)
    yield "a Pod has ended", list(bench.times)
    yield "nothing has changed", idle


def many_items(failed_every: int) -> Iterator[tuple[str, list[float]]]:
    """Time plans of a parent with 10,000 items, one child's end per plan."""
    parallel = {
        "itemsFrom": "{{ params.N }}",
        "maxItems": ITEMS,
        "maxConcurrent": MAX_CONCURRENT,
        "maxFailures": "100%",
    }
    call = {"definitionRef": {"name": "child"}}
    spec = {
        "params": [{"name": "N", "default": "\n".join(str(one) for one in range(ITEMS))}],
        "tasks": [{"name": "p", "run": call, "parallel": parallel, "output": "R"}],
        "definitions": [{"name": "child", "tasks": [{"name": "x", "script": "x"}]}],
    }
    spec["params"][0]["name"] = "LIST"  # type: ignore[index]
    parallel["itemsFrom"] = "{{ params.LIST }}"
    bench = Bench(spec)
    bench.take(bench.plan())
    made = bench.plan()
    yield "first plan", [bench.times[-1]]
    bench.times.clear()
    live: list[RunView] = []
    at = 0
    while True:
        live += [bench.make_child(request) for request in made.children]
        bench.take(made)
        if bench.run.status.result is not None:
            break
        # ends come out of order, as they do
        child = live.pop(at * 7919 % len(live))
        at += 1
        bench.end_child(child, good=not failed_every or at % failed_every != 0)
        made = bench.plan()
    *each, last = bench.times
    yield "an item has ended", each
    yield "the last item has ended", [last]
    yield "all of them, per item", [sum(bench.times) / ITEMS]


CASES: dict[str, Callable[[], Iterator[tuple[str, list[float]]]]] = {
    "256 tasks side by side": lambda: many_tasks(lambda _: []),
    "256 tasks in a chain": lambda: many_tasks(lambda at: [at - 1] if at else []),
    "256 tasks, each behind up to 8 others": lambda: many_tasks(lambda at: list(range(max(0, at - 8), at))),
    "10,000 items": lambda: many_items(0),
    "10,000 items, every second one fails": lambda: many_items(2),
}


def main() -> None:
    """Run all cases, or those whose name holds an argument; all of them are kept as results."""
    worst: dict[str, float] = {}
    for name, case in CASES.items():
        if sys.argv[1:] and not any(one in name for one in sys.argv[1:]):
            continue
        gc.collect()
        for what, times in case():
            found = _figures(name, what, times)
            print(json.dumps(found), flush=True)  # noqa: T201 - what the script is for
            if (figure := BUDGETED.get(what)) is not None:
                worst[figure] = max(worst.get(figure, 0.0), found["mean_ms"])
    if not sys.argv[1:]:
        print(figures.keep({"T7": [worst]}).relative_to(figures.PROJECT))  # noqa: T201


def _figures(name: str, what: str, times: list[float]) -> dict[str, Any]:
    median = statistics.median(times) * 1000
    return {
        "case": name,
        "plan": what,
        "plans": len(times),
        "median_ms": round(median, 3),
        "mean_ms": round(statistics.fmean(times) * 1000, 3),
        "p99_ms": round(sorted(times)[int(len(times) * 0.99)] * 1000, 3) if len(times) > 1 else None,
        "budget_ms": BUDGET_MS,
    }


if __name__ == "__main__":
    main()
