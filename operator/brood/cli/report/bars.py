"""How the time of a task or run is shared out: queued (for its turn), pending (its Pod exists and has not started), running."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from brood.api.status import TaskStatus
from brood.cli.forest import Forest
from brood.cli.rows import Predecessors, Row
from brood.views import PodView, RunView

Kind = Literal["queued", "pending", "running"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of the time."""

    kind: Kind
    start: datetime
    end: datetime


class Times:
    """Bars of rows, from the runs and from the Pods that are still there.

    A task is queued from the end of the last task that it waited for to its first Pod or child run, and between two
    attempts. Where its Pods are gone, what was pending counts as queued.
    """

    def __init__(self, forest: Forest, pods: Iterable[PodView], predecessors: Predecessors, now: datetime) -> None:
        self._forest = forest
        self._predecessors = predecessors
        self._now = now
        self._pods: dict[tuple[str, str, bool], list[PodView]] = {}
        for pod in sorted(pods, key=lambda one: one.attempt):
            self._pods.setdefault((pod.run, pod.task, pod.handler), []).append(pod)

    def of(self, row: Row) -> list[Bar]:
        """Return the bars of a row, in order; none for what has not begun to wait."""
        if row.run is None:
            return []
        found = self._of_run(row.run) if row.task is None else self._of_task(row.run, row.task)
        return [bar for bar in found if bar.end > bar.start or bar.kind == "running"]  # times are whole seconds

    def _of_run(self, run: RunView) -> Iterator[Bar]:
        status = run.status
        end = status.completion_time or self._now
        yield Bar("queued", run.meta.created_at, status.start_time or end)
        only = run.status.tasks[0] if run.spec.definition_ref.task and run.status.tasks else None
        pods = self._pods.get((run.meta.name, only.name, False)) if only is not None else None
        if pods:
            yield from self._of_pods(pods, status.start_time or run.meta.created_at)
        elif status.start_time is not None:
            yield Bar("running", status.start_time, end)

    def _of_task(self, run: RunView, task: TaskStatus) -> Iterator[Bar]:
        handler = task in run.status.handlers
        ready = self._ready(run, task, handler=handler)
        end = task.completion_time or self._now
        if ready is None or task.phase == "Skipped":
            return
        if pods := self._pods.get((run.meta.name, task.name, handler)):
            yield from self._of_pods(pods, ready)
            if task.phase == "Pending":
                last = pods[-1].ended
                yield Bar("queued", (last.finished_at if last else None) or end, end)
            return
        child = self._forest.child(run, task.child_name) if task.child_name else None
        begun = child.meta.created_at if child else task.start_time
        never_started = task.attempt > 0 and begun is None  # and its Pods are gone
        yield Bar("pending" if never_started else "queued", ready, begun or end)
        if child is not None and child.status.start_time is not None:
            yield Bar("pending", child.meta.created_at, child.status.start_time)
            begun = child.status.start_time
        if begun is not None:
            yield Bar("running", begun, end)

    def _of_pods(self, pods: Sequence[PodView], since: datetime) -> Iterator[Bar]:
        for pod in pods:
            yield Bar("queued", since, pod.meta.created_at)
            ended = (pod.ended.finished_at if pod.ended else None) or pod.deleted_at or self._now
            yield Bar("pending", pod.meta.created_at, pod.started_at or ended)
            if pod.started_at is not None:
                yield Bar("running", pod.started_at, ended)
            since = ended

    def _ready(self, run: RunView, task: TaskStatus, *, handler: bool) -> datetime | None:
        """Return when nothing stood before a task any more; None while something does."""
        ends: Mapping[str, datetime | None] = {row.name: row.completion_time for row in run.status.tasks}
        before = (
            list(ends) if handler else [name for name in self._predecessors(run).get(task.name, ()) if name in ends]
        )
        moments = [run.status.start_time, *(ends[name] for name in before)]
        known = [moment for moment in moments if moment is not None]
        return max(known) if len(known) == len(moments) else task.start_time
