"""What must hold at every step, whatever happens."""

from collections import Counter
from typing import TYPE_CHECKING

from brood.api.conditions import get_condition
from brood.api.phases import RunPhase, TaskPhase
from brood.api.status import JobRunStatus, TaskStatus
from brood.engine.graph import Graph
from brood.views import RunView

if TYPE_CHECKING:
    from tests.unit.engine.objects import Objects

GOOD = {RunPhase.SUCCEEDED, RunPhase.PARTIALLY_SUCCEEDED}
MESSAGE = 256


def check_step(before: RunView, after: RunView) -> None:
    """Check one status write against the status before it."""
    _check_rows(before.status.tasks, after.status.tasks)
    _check_rows(before.status.handlers, after.status.handlers)
    _check_conditions(before.status, after.status)
    _check_summary(after.status)
    assert len(after.status.message) <= MESSAGE
    if before.status.result is not None:
        assert after.status.result is before.status.result, "a result changed"
        assert after.status.tasks == before.status.tasks, "rows changed after the result was fixed"
    if before.status.start_time is not None:
        assert after.status.start_time == before.status.start_time
        assert after.status.revision == before.status.revision
    if before.status.finished:
        said = before.status.phase, before.status.message, [(one.type, one.status) for one in before.status.conditions]
        now = after.status.phase, after.status.message, [(one.type, one.status) for one in after.status.conditions]
        assert said == now, "the status of a run that had ended was changed"
        assert before.status.observed_generation < after.meta.generation, "it was written for nothing"


def _check_rows(before: tuple[TaskStatus, ...], after: tuple[TaskStatus, ...]) -> None:
    """Rows are final once they ended; attempts never go back; what is recorded of items stays so."""
    rows = {row.name: row for row in after}
    for old in before:
        new = rows[old.name]
        if old.phase.ended:
            for name in (
                "phase",
                "reason",
                "message",
                "exit_code",
                "completion_time",
                "start_time",
                "attempt",
                "routed_to",
            ):
                assert getattr(old, name) == getattr(new, name), f"{name} of the ended row {old.name} changed"
        assert new.attempt >= old.attempt
        assert new.failures >= old.failures
        assert new.infra_retries >= old.infra_retries
        if old.start_time is not None:
            assert new.start_time == old.start_time
        if old.items is not None:
            assert new.items is not None
            assert new.items.total == old.items.total
            assert all(getattr(new.items, name) >= getattr(old.items, name) for name in _ENDS), (
                f"items of {old.name} went back"
            )
    for row in after:
        assert len(row.message) <= MESSAGE
        if row.phase.ended:
            assert row.completion_time is not None
            assert row.next_attempt_time is None or row.items is not None
        if row.items is not None:
            counts = [getattr(row.items, name) for name in ("pending", "running", *_ENDS)]
            assert min(counts) >= 0
            assert sum(counts) == row.items.total


_ENDS = ("succeeded", "failed", "cancelled", "skipped")


def _check_conditions(before: JobRunStatus, after: JobRunStatus) -> None:
    assert after.phase is not None
    kinds = {one.type: one for one in after.conditions}
    assert len(kinds) == len(after.conditions)
    if get_condition(before.conditions, "Admitted") is not None:
        assert kinds["Admitted"].status == "True", "an admission was taken back"
    expected = "Unknown" if not after.phase.ended else "True" if after.phase in GOOD else "False"
    assert kinds["Succeeded"].status == expected
    if after.phase.ended:
        assert "Reconciling" not in kinds
        assert ("Stalled" in kinds) == (after.phase not in GOOD)
        assert after.completion_time is not None
    for name in ("Reconciling", "Stalled"):
        assert name not in kinds or kinds[name].status == "True", "exists only while true"


def _check_summary(status: JobRunStatus) -> None:
    if status.summary is None:
        return
    counts = Counter(row.phase for row in status.tasks)
    assert status.summary.total == len(status.tasks)
    for phase in TaskPhase:
        assert getattr(status.summary, phase.value.lower()) == counts[phase]
    ended = sum(row.phase.ended for row in status.tasks)
    assert status.progress == f"{ended}/{len(status.tasks)}"


def is_stopped(run: RunView) -> bool:
    """Whether nothing but handlers may start in a run."""
    reasons = {one.reason for one in run.status.conditions if one.type in {"Succeeded", "Interrupted"}}
    return run.spec.shutdown is not None or bool(reasons & {"DeadlineExceeded", "Interrupted", "Terminated"})


def check_caps(world: "Objects", run: RunView) -> None:
    """Check `maxActiveTasks` and `maxConcurrent` against the Pods and children that live now."""
    graph, _, _ = world._definition_of(run)
    assert graph is not None
    live: dict[str, int] = Counter()
    for attempt in world.pods_of(run):
        if not attempt.pod.handler and attempt.result is None and not attempt.pod.meta.deleting:
            live[attempt.pod.task] += 1
    for name, count in live.items():
        assert count == 1, f"{count} live Pods of {name}"
    for child in world.children_of(run):
        if not child.status.finished:
            live[child.task or ""] += 1
    for node in graph.nodes:
        if node.task.parallel is not None:
            assert live[node.name] <= node.task.parallel.max_concurrent, f"maxConcurrent of {node.name}"
        else:
            assert live[node.name] <= 1, f"{live[node.name]} live children of {node.name}"
    limit = _limit(graph, run)
    if limit is not None:
        forks = {node.name for node in graph.nodes if node.task.fork is not None}
        active = [name for name, count in live.items() if count and name not in forks]
        assert len(active) <= limit, f"maxActiveTasks: {active}"


def check_shared(world: "Objects") -> None:
    """Check what runs share: keys, pools, and what the namespace may hold."""
    held = world.slots()
    for pool, holders in held.holders.items():
        assert len(holders) <= held.sizes.get(pool, 1), f"pool {pool}: {holders}"
    for have, most in ((held.pods, held.max_pods), (held.runs, held.max_runs), (len(held.volumes), held.max_volumes)):
        assert most is None or have <= most, f"{held} is more than allowed"
    holders_of: dict[str, list[int]] = {}
    for run in world.runs.values():
        if run.is_root and run.status.start_time is not None and not run.status.finished:
            lock, _ = world._lock_of(run, world._definition_of(run)[0])
            if lock is not None:
                holders_of.setdefault(lock.key, []).append(lock.max_active)
    for key, sizes in holders_of.items():
        assert len(sizes) <= min(sizes), f"{len(sizes)} runs hold key {key}"


def _limit(graph: Graph, run: RunView) -> int | None:
    value = graph.max_active_tasks
    return value if value is None or isinstance(value, int) else int(str(run.spec.params["LIMIT"]))
