"""From a new JobRun to an admitted one: its definition, its params, its depth, and its turn (§2, §2.2).

Nothing is made for a root run before the status that says `Admitted=True` is written; a child that has a Pod has entered.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import ConditionType, RunReason, WaitingReason
from brood.api.status import TaskStatus
from brood.engine import rerun
from brood.engine.concurrency import admission, replacer
from brood.engine.draft import ASK_AGAIN
from brood.engine.graph import Graph
from brood.engine.limits import max_active_tasks
from brood.engine.params import InvalidParams, resolve
from brood.engine.plan import Plan
from brood.engine.rerunwhole import take_over_whole
from brood.engine.slots import run_blocked
from brood.engine.snapshot import DefinitionProblem, Refusal, Snapshot
from brood.engine.status import Verdict, summarize, with_condition, with_verdict
from brood.engine.suspend import SUSPENDED
from brood.templating import TemplateError
from brood.views import EventRequest

if TYPE_CHECKING:
    from brood.api.status import JobRunStatus

_MISSING: dict[str, RunReason] = {one: one for one in (RunReason.DEFINITION_NOT_FOUND, RunReason.AMBIGUOUS_DEFINITION)}
_NEVER_ADMITTED = {
    RunReason.REJECTED: RunPhase.REJECTED,
    RunReason.INTERRUPTED: RunPhase.CANCELLED,
    RunReason.TERMINATED: RunPhase.CANCELLED,
    RunReason.REPLACED: RunPhase.CANCELLED,
}


def admit(snapshot: Snapshot, now: datetime) -> Plan:
    """Plan for a run that is not admitted: let it in, let it wait, or end it."""
    run, graph, begun = snapshot.run, snapshot.graph, bool(snapshot.pods)
    if run.spec.shutdown is not None and not begun:
        reason = RunReason.INTERRUPTED if run.spec.shutdown == "Interrupt" else RunReason.TERMINATED
        return _refuse(
            snapshot, now, reason, f"shutdown: {run.spec.shutdown}, before it was admitted", cancel_rows=True
        )
    if snapshot.depth > snapshot.max_depth:
        return _refuse(snapshot, now, RunReason.DEPTH_EXCEEDED, f"runs are nested deeper than {snapshot.max_depth}")
    if (plan := take_over_whole(snapshot, now)) is not None:
        return plan
    if snapshot.problem is not None or graph is None:
        return _without_definition(snapshot, now, snapshot.problem)
    try:
        params = resolve(graph.params, run.spec.params)
        max_active_tasks(graph, run, params)
    except (InvalidParams, TemplateError) as error:
        return _refuse(snapshot, now, RunReason.INVALID_PARAMS, str(error))
    problem = snapshot.lock_problem or rerun.refusal(snapshot, graph)
    if problem:
        return _refuse(snapshot, now, RunReason.INVALID_PARAMS, problem)
    if run.spec.suspend and not begun:
        return _wait(snapshot, now, RunPhase.SUSPENDED, WaitingReason.SUSPENDED, SUSPENDED)
    newcomer = replacer(run, snapshot.lock, snapshot.lock_state)
    if newcomer is not None:
        return _refuse(snapshot, now, RunReason.REPLACED, f"replaced by {newcomer.meta.name}", cancel_rows=True)
    answer = admission(run, snapshot.lock, snapshot.lock_state)
    if answer.verdict == "reject":
        return _refuse(snapshot, now, RunReason.REJECTED, answer.message)
    if answer.verdict == "wait":
        return _wait(snapshot, now, RunPhase.QUEUED, WaitingReason.QUEUED, answer.message)
    if run.is_root and (full := run_blocked(snapshot.slots)):
        plan = _wait(snapshot, now, RunPhase.QUEUED, WaitingReason.NAMESPACE_LIMIT, full)
        return replace(plan, waits_for_slots=True)
    if snapshot.definition is not None:
        for refusal in snapshot.refusals:
            if refusal.name == snapshot.definition.revision:
                return _not_stored(snapshot, now, refusal)
    return _enter(snapshot, graph, now)


def _enter(snapshot: Snapshot, graph: Graph, now: datetime) -> Plan:
    run = snapshot.run
    rows = tuple(TaskStatus(name=node.name) for node in graph.nodes)
    pods = (one.pod.meta.created_at for attempts in snapshot.pods.values() for one in attempts)
    status = replace(
        run.status,
        revision=graph.revision,
        start_time=min(pods, default=now),
        tasks=rows,
        summary=summarize(list(rows)),
        progress=f"0/{len(rows)}",
    )
    status = with_condition(status, ConditionType.ADMITTED, value=True, reason="Admitted", message="", run=run, now=now)
    status = with_verdict(run, status, Verdict(RunPhase.RUNNING, "Running"), now)
    return Plan(pin=snapshot.definition, status=status, status_first=True, wake_at=now)


def _not_stored(snapshot: Snapshot, now: datetime, refusal: Refusal) -> Plan:
    """Wait where the server does not want the revision that the run would follow; a terminating namespace ends it."""
    if refusal.kind == "Terminating":
        return _refuse(snapshot, now, RunReason.TERMINATED, refusal.message, cancel_rows=True)
    if refusal.kind == "Quota":
        plan = _wait(snapshot, now, RunPhase.QUEUED, WaitingReason.QUOTA_EXCEEDED, refusal.message)
    else:
        reason = "InvalidSpec" if refusal.kind == "Invalid" else "Forbidden"
        plan = _wait(snapshot, now, RunPhase.PENDING, reason, refusal.message, stalled=True)
    return replace(plan, wake_at=now + ASK_AGAIN)


def _wait(
    snapshot: Snapshot, now: datetime, phase: RunPhase, reason: str, message: str, *, stalled: bool = False
) -> Plan:
    run = snapshot.run
    verdict = Verdict(phase, reason, message, stalled=stalled)
    return _changed(snapshot, with_verdict(run, run.status, verdict, now))


def _refuse(snapshot: Snapshot, now: datetime, reason: RunReason, message: str, *, cancel_rows: bool = False) -> Plan:
    """End a run that was never admitted: it has no Pods, no children and no handlers."""
    run, status = snapshot.run, snapshot.run.status
    if cancel_rows and snapshot.graph is not None:
        rows = tuple(
            TaskStatus(name=node.name, phase=TaskPhase.CANCELLED, reason=str(reason), completion_time=now)
            for node in snapshot.graph.nodes
        )
        status = replace(status, tasks=rows, summary=summarize(list(rows)), progress=f"{len(rows)}/{len(rows)}")
    phase = _NEVER_ADMITTED.get(reason, RunPhase.FAILED)
    plan = _changed(snapshot, with_verdict(run, status, Verdict(phase, reason, message), now))
    return replace(plan, events=(EventRequest(str(reason), message, warning=True),))


def _without_definition(snapshot: Snapshot, now: datetime, problem: DefinitionProblem | None) -> Plan:
    """Wait for a definition that is missing, ambiguous or invalid; only the first two have an end."""
    run = snapshot.run
    if problem is None:
        return Plan()  # the pinned revision is being read
    reason = _MISSING.get(problem.reason)
    if reason is None:
        if run.is_root and not snapshot.refuse_invalid:
            return _wait(snapshot, now, RunPhase.PENDING, problem.reason, problem.message, stalled=True)
        return _refuse(snapshot, now, RunReason.DEFINITION_NOT_FOUND, problem.message)
    since = max(snapshot.problem_since or run.meta.created_at, run.meta.created_at)
    over = since + timedelta(seconds=snapshot.definition_wait_seconds)
    if now >= over:
        return _refuse(snapshot, now, reason, problem.message)
    plan = _wait(snapshot, now, RunPhase.PENDING, problem.reason, problem.message)
    return replace(plan, wake_at=over)


def _changed(snapshot: Snapshot, status: "JobRunStatus") -> Plan:
    return Plan(status=status if status != snapshot.run.status else None)
