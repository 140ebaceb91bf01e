"""`plan(snapshot, now) -> Plan`: the one place that decides. It reads as the list of what happens to a run.

A run that is being deleted lets go of its Pods; one that has ended is kept as long as it was asked to; one that was not admitted waits
for its turn; any other takes in what its Pods and children have become, starts what may start, and ends when nothing is left.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from brood.api.conditions import get_condition
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import ConditionType, RunReason, TaskReason, WaitingReason
from brood.api.status import JobRunStatus
from brood.engine import artifacts, calls, containers, forks, parallel
from brood.engine.admission import admit
from brood.engine.deadline import deadline_of
from brood.engine.decide import decide_all
from brood.engine.draft import Draft, NeedsValues
from brood.engine.graph import Body, Graph
from brood.engine.handlers import run_handlers
from brood.engine.limits import max_active_tasks
from brood.engine.outcome import Outcome, outcome
from brood.engine.params import resolve
from brood.engine.plan import Plan, PodDeletion
from brood.engine.retention import is_retained
from brood.engine.shutdown import replaced_by, stop_of, terminated_during_handlers
from brood.engine.snapshot import Snapshot
from brood.engine.status import Verdict, with_condition, with_rows, with_verdict
from brood.engine.suspend import account, is_suspended
from brood.views import PodView


def plan(snapshot: Snapshot, now: datetime) -> Plan:
    """Decide what happens next to one run.

    Parameters
    ----------
    snapshot
        What exists now.
    now
        The time, with a zone.

    Returns
    -------
    Plan
        What to do; empty where there is nothing to do. The same snapshot and time give the same plan, and a plan that was carried
        out in full gives an empty one at the same time.
    """
    run = snapshot.run
    if run.meta.deleting or snapshot.orphaned:
        return Plan(releases=tuple(_held(snapshot)))
    if run.status.finished:
        return _after_end(snapshot, now)
    if run.status.start_time is None:
        return admit(snapshot, now)
    if snapshot.graph is None:
        return Plan()
    try:
        return _advance(snapshot, snapshot.graph, now)
    except NeedsValues as missing:
        return Plan(needs=missing.refs)


def _advance(snapshot: Snapshot, graph: Graph, now: datetime) -> Plan:
    """Plan for a run that was admitted."""
    run = snapshot.run
    params = resolve(graph.params, run.spec.params)
    draft = Draft(snapshot, graph, now, params)
    draft.files = artifacts.files_of(draft, run)
    draft.suspended = is_suspended(run)
    draft.deadline = deadline_of(draft)
    draft.lock_label = snapshot.lock.label if snapshot.lock is not None else ""
    draft.replaced = replaced_by(draft)
    draft.stop = stop_of(draft)
    status, done = account(run, run.status, now), None
    if status.result is None:
        _observe(draft)
        decide_all(draft, max_active_tasks(graph, run, params))
        done = outcome(draft)
        status = _fix(draft, status, done)
    if status.result is not None:
        status = _handle(draft, status)
    elif draft.deadline is not None and not draft.suspended and draft.stop != TaskReason.DEADLINE_EXCEEDED:
        draft.wake(draft.deadline)
    return _plan(draft, with_rows(draft, status), done)


def _observe(draft: Draft) -> None:
    """Take in what became of Pods, children and items; count the tasks that hold a slot."""
    rows = draft.rows
    for node in draft.graph.nodes:
        row = rows[node.position]
        if row.phase.ended:
            if node.body is Body.FORK:
                if node.task.parallel is not None:
                    parallel.advance(draft, node)
                forks.stop_forked(draft, node)
            continue
        if node.task.parallel is not None:
            parallel.advance(draft, node)
        elif node.body is Body.CONTAINER:
            containers.observe(draft, node)
        elif node.body is Body.RUN:
            calls.observe(draft, node)
    for node in draft.graph.nodes:
        if node.body is Body.AWAIT and rows[node.position].phase is TaskPhase.RUNNING:
            forks.observe_await(draft, node)
        row = rows[node.position]
        draft.active += row.phase is TaskPhase.RUNNING or (row.pod_name is not None and not row.phase.ended)


def _fix(draft: Draft, status: JobRunStatus, done: Outcome | None) -> JobRunStatus:
    """Say in the conditions what is going on, and fix the result when everything has ended."""
    run, now = draft.run, draft.now
    if draft.stop in {TaskReason.INTERRUPTED, TaskReason.TERMINATED}:
        reason = RunReason.REPLACED if draft.replaced else draft.stop
        message = draft.replaced or f"shutdown: {run.spec.shutdown}"
        status = with_condition(
            status, ConditionType.INTERRUPTED, value=True, reason=reason, message=message, run=run, now=now
        )
    if done is None:
        verdict = Verdict(RunPhase.RUNNING, draft.stop or "Running", _line(draft))
        if draft.suspended:
            verdict = Verdict(RunPhase.SUSPENDED, WaitingReason.SUSPENDED, "spec.suspend is true")
        return with_verdict(run, status, verdict, now)
    status = replace(status, result=done.phase, exit_code=done.exit_code)
    return with_verdict(run, status, Verdict(RunPhase.RUNNING, done.reason, done.message), now)


def _handle(draft: Draft, status: JobRunStatus) -> JobRunStatus:
    """Run the handlers; the phase is written after them."""
    run, now, result = draft.run, draft.now, status.result
    assert result is not None  # noqa: S101 - the caller's condition
    if not run_handlers(draft, result, stop=terminated_during_handlers(run)):
        return status
    rows = [row for row in draft.rows[len(draft.graph.nodes) :] if row.phase.ended]
    if rows:
        bad = [row for row in rows if row.phase is not TaskPhase.SUCCEEDED]
        told = "; ".join(f"{row.name}: {row.reason}: {row.message}" for row in bad)
        reason = "HandlerFailed" if bad else "Succeeded"
        status = with_condition(
            status, ConditionType.HANDLERS_SUCCEEDED, value=not bad, reason=reason, message=told, run=run, now=now
        )
    fixed = get_condition(status.conditions, ConditionType.SUCCEEDED)
    reason, message = (fixed.reason, fixed.message) if fixed is not None else (RunReason.SUCCEEDED, "")
    draft.event(reason, message or f"run ended as {result}", warning=result is RunPhase.FAILED)
    return with_verdict(run, status, Verdict(result, reason, message), now)


def _line(draft: Draft) -> str:
    """Say in one line what the run waits for, where no task of it is running."""
    if draft.active or draft.children or draft.pods:
        waiting = None
        active = [
            row for row in draft.rows if row.pod_name is not None and row.phase is TaskPhase.PENDING and row.reason
        ]
        if active and not any(row.phase is TaskPhase.RUNNING for row in draft.rows):
            waiting = active[0]
    else:
        waiting = next((row for row in draft.rows if row.phase is TaskPhase.PENDING and row.reason), None)
    return "" if waiting is None else f"task {waiting.name}: {waiting.reason}: {waiting.message}"


def _plan(draft: Draft, status: JobRunStatus, done: Outcome | None) -> Plan:
    releases = tuple(_recorded(draft))
    deletions = [*draft.deletions, *(PodDeletion(pod) for pod in releases if not is_retained(draft.graph, pod))]
    changed = status != draft.run.status
    return Plan(
        config_maps=tuple(draft.config_maps),
        claim=draft.claim,
        pods=tuple(draft.pods),
        children=tuple(draft.children),
        shutdowns=tuple(draft.shutdowns),
        deletions=tuple(deletions),
        status=status if changed else None,
        # A plan that tells something once is carried out whole: the next one would not tell it again.
        status_can_wait=changed and done is None and not status.finished and not releases and not draft.events,
        releases=releases,
        events=tuple(draft.events) if changed else (),
        wake_at=draft.wake_at,
    )


def _recorded(draft: Draft) -> Iterator[PodView]:
    """Yield the Pods with a finalizer whose end the rows tell."""
    by_name = {node.name: node for node in draft.graph.nodes}
    handlers = {node.name: node for node in draft.graph.handlers}
    for nodes, pods in ((by_name, draft.snapshot.pods), (handlers, draft.snapshot.handler_pods)):
        for name, attempts in pods.items():
            node = nodes.get(name)
            row = draft.row(node) if node is not None else None
            for one in attempts:
                if not one.pod.meta.finalizers:
                    continue
                over = row is None or row.phase.ended or one.pod.attempt < row.attempt or row.pod_name is None
                if over:
                    yield one.pod


def _held(snapshot: Snapshot) -> Iterator[PodView]:
    for pods in (snapshot.pods, snapshot.handler_pods):
        for attempts in pods.values():
            yield from (one.pod for one in attempts if one.pod.meta.finalizers)


def _after_end(snapshot: Snapshot, now: datetime) -> Plan:
    """Let go of what is left, and delete the run when its time is over."""
    run = snapshot.run
    releases = tuple(_held(snapshot))
    seconds = run.spec.ttl_seconds_after_finished
    if seconds is None and snapshot.graph is not None:
        seconds = snapshot.graph.spec.ttl_seconds_after_finished
    ended = run.status.completion_time
    if seconds is None or ended is None or not run.is_root or run.gitops:
        return Plan(releases=releases)
    over = ended + timedelta(seconds=seconds)
    return Plan(releases=releases, delete_run=now >= over, wake_at=None if now >= over else over)
