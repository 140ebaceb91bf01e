"""What must be true of a tree of runs that has ended, however it was disturbed: the rules of §1.2, §2.1 and §2.2, run by run."""

import json
from typing import Any

from brood.api.phases import TaskPhase
from brood.api.status import TaskStatus
from brood.engine.ranges import IndexRanges
from brood.views import RunView
from tests.unit.engine import edges
from tests.unit.engine.edges import Row
from tests.unit.engine.reference import End, Reference, Run
from tests.unit.engine.world import World

Json = dict[str, Any]
STOPPED = {"Interrupted", "Terminated"}
GOOD = {"Succeeded", "PartiallySucceeded"}


def check_world(world: World, spec: Json) -> None:
    """Check every run, and that nothing is left to do."""
    for run in world.runs.values():
        assert run.status.finished
        if run.status.start_time is None:
            assert not world.pods_of(run)
            assert not world.children_of(run)
            assert str(run.status.phase) in {"Cancelled", "Failed"}
        else:
            _Ended(world, run, spec).check()
    assert not world.live_pods()
    assert not any(one.pod.meta.finalizers for one in world.pods.values())
    statuses = {name: run.status for name, run in world.runs.items()}
    for seconds in (0, 86400):
        world.pass_time(seconds)
        world.memos.clear()
        for name in world.runs:
            assert not world.step(name), "something changes after the end"
    assert statuses == {name: run.status for name, run in world.runs.items()}


def tasks_of(run: RunView, spec: Json) -> list[Json]:
    """Return the tasks of a run's definition, as JSON."""
    ref = run.spec.definition_ref
    source = spec if ref.local is None else next(one for one in spec["definitions"] if one["name"] == ref.local)
    if ref.task is None:
        return list(source["tasks"])
    return [{"name": ref.task, "script": "x"}]


class _Ended:
    """One run that was admitted and has ended."""

    def __init__(self, world: World, run: RunView, spec: Json) -> None:
        self.world, self.run, self.status = world, run, run.status
        self.tasks = tasks_of(run, spec)
        self.rows = {row.name: _as_reference(row) for row in run.status.tasks}
        self.where = f"{run.meta.name}: {world.describe()}"

    def check(self) -> None:
        assert [row.name for row in self.status.tasks] == [task["name"] for task in self.tasks]
        for task, row in zip(self.tasks, self.status.tasks, strict=True):
            self._check_row(task, row)
            if row.items is not None:
                self._check_items(task, row)
        self._check_what_scripts_see()
        self._check_result()

    # --- inputs ---

    def _check_what_scripts_see(self) -> None:
        """Check §1.4: the outputs of all tasks before it by either kind of edge, transitively, that ended; handlers see all."""
        outputs = self.world.outputs(self.run.meta.name)
        for request in self.world.requests.values():
            if request.run != self.run.meta.name or self.run.spec.definition_ref.task is not None:
                continue
            before = set(self.rows) if request.handler else self._before(request.task)
            named = {task["output"] for task in self.tasks if task["name"] in before and "output" in task}
            large = {name: self.world.values[ref] for name, ref in request.output_refs.items()}
            assert {**dict(request.outputs), **large} == {name: outputs[name] for name in named & set(outputs)}, (
                f"{request.task} of {self.where}"
            )

    def _before(self, name: str) -> set[str]:
        task = next(one for one in self.tasks if one["name"] == name)
        direct = {*edges.and_edges(task, self.tasks), *edges.or_edges(task, self.tasks)}
        return direct.union(*(self._before(one) for one in direct))

    # --- rows ---

    def _check_row(self, task: Json, row: TaskStatus) -> None:
        names = [*edges.and_edges(task, self.tasks), *edges.or_edges(task, self.tasks)]
        behind_cancelled = any(self.rows[one].phase == "Cancelled" for one in names)
        by_deadline = row.reason == "DeadlineExceeded"
        verdict = None if behind_cancelled else edges.decide(task, self.tasks, self.rows, lambda: self._when(task))
        began = row.attempt > 0 or (row.start_time is not None and row.phase is not TaskPhase.SKIPPED)
        if began or row.phase in {TaskPhase.SUCCEEDED, TaskPhase.FAILED}:
            marked = task.get("continueOn", {}).get("markSuccess") and not began
            unrendered = row.reason == "TemplateError" or (verdict == "TemplateError" and marked)
            assert verdict == ("TemplateError" if unrendered else "start"), f"{row.name} of {self.where}"
        elif row.phase is TaskPhase.SKIPPED:
            assert verdict == ("start" if row.reason == "NoItems" else row.reason), f"{row.name} of {self.where}"
        else:
            assert row.phase is TaskPhase.CANCELLED
            assert by_deadline or behind_cancelled or verdict == "start", f"{row.name} of {self.where}"
        if row.phase is TaskPhase.CANCELLED:
            assert row.reason in {*STOPPED, "DeadlineExceeded"}, f"{row.name} of {self.where}"
            assert by_deadline or self.run.spec.shutdown is not None
        if not self._missed():
            assert row.routed_to == edges.fired(task, self.rows[row.name]), f"{row.name} of {self.where}"

    def _when(self, task: Json) -> str:
        known = Run("", rows=self.rows, outputs=self.world.outputs(self.run.meta.name))
        return Reference({}, lambda *_: End()).when(task, known, self.tasks)

    def _missed(self) -> bool:
        """Whether the deadline ended something."""
        return any(
            one.type == "Succeeded" and one.reason == "DeadlineExceeded" for one in self.status.conditions
        ) or any(row.reason == "DeadlineExceeded" and row.phase is TaskPhase.CANCELLED for row in self.status.tasks)

    # --- items ---

    def _check_items(self, task: Json, row: TaskStatus) -> None:
        items = row.items
        assert items is not None
        sets = [
            set(IndexRanges.parse(text))
            for text in (items.completed_indexes, items.failed_indexes, items.cancelled_indexes, items.skipped_indexes)
        ]
        if row.phase.ended and (row.phase is not TaskPhase.SKIPPED):
            assert sum(len(one) for one in sets) == items.total, f"{row.name} of {self.where}"
        assert len(set().union(*sets)) == sum(len(one) for one in sets)
        children = [one for one in self.world.children_of(self.run) if one.task == row.name]
        newest = {one.index: one for one in sorted(children, key=lambda one: one.attempt)}
        for index, child in newest.items():
            good = str(child.status.phase) in GOOD
            assert good == (index in sets[0]), f"item {index} of {row.name} of {self.where}"
        if task.get("output") and row.phase is not TaskPhase.SKIPPED and row.reason != "OutputTooLarge":
            self._check_aggregate(row, sets, items.total)

    def _check_aggregate(self, row: TaskStatus, sets: list[set[int]], total: int) -> None:
        task = next(one for one in self.tasks if one["name"] == row.name)
        found = json.loads(self.world.outputs(self.run.meta.name)[task["output"]])
        counts = [len(one) for one in sets]
        names = ("succeeded", "failed", "cancelled", "skipped")
        assert found["summary"] == {"total": total, **dict(zip(names, counts, strict=True))}
        words = dict(zip(("success", "failed", "cancelled", "skipped"), sets, strict=True))
        expected = [word for index in sorted(set().union(*sets)) for word, which in words.items() if index in which]
        assert [one["status"] for one in found["results"]] == expected
        assert len(found["outputs"]) == counts[0]

    # --- the result ---

    def _check_result(self) -> None:
        phase, rows = str(self.status.phase), self.status.tasks
        cancelled = [row for row in rows if row.phase is TaskPhase.CANCELLED and row.reason in STOPPED]
        if cancelled:
            assert phase == "Cancelled", self.where
            return
        if phase == "Cancelled":
            assert self.run.spec.shutdown is not None, self.where
            assert self._cancelled_below(), self.where
            return
        if any(row.phase is TaskPhase.CANCELLED for row in rows):
            assert self._reason() == "DeadlineExceeded", self.where
        if self._reason() == "DeadlineExceeded":
            assert phase == "Failed"
            return
        failures = edges.unhandled(self.tasks, self.rows)
        bad = [child for child in self._direct() if str(child.status.phase) not in GOOD]
        lost = any(row.child_name and not self._children(row.name) for row in rows if self._is_direct(row.name))
        if failures or bad or lost:
            assert phase == "Failed", self.where
            assert self._reason() == "TaskFailed"
            return
        passed = any(self.rows[one["name"]].phase == "Failed" for one in self.tasks if self._passes(one))
        if passed:
            assert phase == "PartiallySucceeded", self.where
        else:
            assert phase in GOOD or self._forked_items_lost(), self.where

    def _reason(self) -> str:
        return next(one.reason for one in self.status.conditions if one.type == "Succeeded")

    def _passes(self, task: Json) -> bool:
        row = self.rows[task["name"]]
        return row.phase == "Failed" and edges.passes(task, row)

    def _children(self, task: str) -> list[RunView]:
        return [one for one in self.world.children_of(self.run) if one.task == task]

    def _is_direct(self, name: str) -> bool:
        """Whether the children of a fork count directly."""
        task = next(one for one in self.tasks if one["name"] == name)
        ran = [
            one for one in self.tasks
            if name in one.get("await", {}).get("tasks", ()) and self.rows[one["name"]].attempts >= 0
            and next(row for row in self.status.tasks if row.name == one["name"]).start_time is not None
        ]  # fmt: skip
        return "fork" in task and not ran

    def _direct(self) -> list[RunView]:
        return [child for task in self.tasks if self._is_direct(task["name"]) for child in self._children(task["name"])]

    def _forked_items_lost(self) -> bool:
        return any(
            row.items is not None and row.items.cancelled + row.items.failed > 0
            for row in self.status.tasks
            if self._is_direct(row.name)
        )

    def _cancelled_below(self) -> bool:
        forks = {task["name"] for task in self.tasks if "fork" in task}
        items = any(row.items is not None and row.items.cancelled for row in self.status.tasks)
        return items or any(
            child.task in forks and str(child.status.phase) == "Cancelled" for child in self.world.children_of(self.run)
        )


def _as_reference(row: TaskStatus) -> Row:
    return Row(str(row.phase), str(row.reason), row.exit_code, row.attempt)
