"""`plan(snapshot, now) -> Plan`: the one place that decides. It reads as the list of what happens to a run.

A run that is being deleted lets go of its Pods; one that has ended is kept as long as it was asked to; one that was not admitted waits
for its turn; any other takes in what its Pods and children have become, starts what may start, and ends when nothing is left.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from brood.api.conditions import get_condition
from brood.api.jobrun import Shutdown
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import ConditionType, RunReason, TaskReason, WaitingReason
from brood.api.status import JobRunStatus, TaskStatus
from brood.engine import calls, containers, forks, parallel
from brood.engine.abandoned import ended_alone
from brood.engine.admission import admit
from brood.engine.deadline import deadline_of
from brood.engine.decide import decide_all
from brood.engine.draft import Draft, NeedsValues
from brood.engine.graph import Body, Graph, Node
from brood.engine.handlers import run_handlers
from brood.engine.limits import max_active_tasks
from brood.engine.outcome import Outcome, outcome
from brood.engine.params import resolve
from brood.engine.plan import Plan, PodDeletion
from brood.engine.rerun import claim_to_share
from brood.engine.retention import is_retained, unwanted_claim
from brood.engine.routes import ENDED
from brood.engine.shutdown import REASONS, deadline_recorded, replaced_by, stop_of, stop_of_handlers
from brood.engine.snapshot import Snapshot
from brood.engine.status import Verdict, observed, with_condition, with_rows, with_verdict
from brood.engine.suspend import SUSPENDED, account, is_suspended
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
        return Plan(releases=tuple(_held(snapshot)), status=ended_alone(snapshot, now))
    if run.status.finished:
        return _after_end(snapshot, now)
    try:
        if run.status.start_time is None:
            return _begin(snapshot, now)
        if snapshot.graph is None:
            return _without_graph(snapshot, now)
        return _advance(snapshot, snapshot.graph, now)
    except NeedsValues as missing:
        return Plan(needs=missing.refs)


def _begin(snapshot: Snapshot, now: datetime) -> Plan:
    """Plan for a run that is not admitted; the child run of a container item makes its one Pod in the same plan.

    That saves a write for each item: what says that the run was admitted is written when there is more to say, mostly its end. "A root
    run enters by `Admitted=True`, written before its first Pod" (§2.2); a child enters with its Pod.
    """
    entry, graph = admit(snapshot, now), snapshot.graph
    begins = entry.status is not None and entry.status.start_time is not None and not entry.status.finished
    if entry.status is None or not begins or graph is None or not graph.implicit:
        return entry
    entered = replace(snapshot, run=replace(snapshot.run, status=entry.status))
    first = _advance(entered, graph, now)
    can_wait = first.status is None or first.status_can_wait
    return replace(first, pin=entry.pin, status=first.status or entry.status, status_can_wait=can_wait)


def _without_graph(snapshot: Snapshot, now: datetime) -> Plan:
    """Say why an admitted run cannot go on: its revision was deleted or forged. It goes on by itself when that is mended."""
    run, problem = snapshot.run, snapshot.problem
    if problem is None:
        return Plan()  # the revision is being read
    verdict = Verdict(RunPhase.RUNNING, problem.reason, problem.message, stalled=True)
    status = with_verdict(run, run.status, verdict, now)
    return Plan(status=status if status != run.status else None, wake_at=now + timedelta(minutes=1))


def _advance(snapshot: Snapshot, graph: Graph, now: datetime) -> Plan:
    """Plan for a run that was admitted."""
    run = snapshot.run
    if (claim := claim_to_share(snapshot)) is not None:
        return Plan(share_claim=claim)
    params = resolve(graph.params, run.spec.params)
    draft = Draft(snapshot, graph, now, params)
    draft.suspended = is_suspended(run)
    draft.deadline, draft.deadline_seen = deadline_of(draft), deadline_recorded(run.status)
    draft.lock_label = snapshot.lock_label
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
    rows, awaits = draft.rows, []
    for node in draft.graph.nodes:
        row, body = rows[node.position], node.body
        if row.phase in ENDED and body is not Body.FORK:
            continue
        if node.is_parallel:
            _observe_items(draft, node)
        elif body is Body.CONTAINER:
            containers.observe(draft, node)
        elif body is Body.RUN:
            calls.observe(draft, node)
        elif body is Body.AWAIT:
            awaits.append(node)
        elif body is Body.FORK:
            if row.phase not in ENDED:
                forks.observe_fork(draft, node)
            forks.stop_forked(draft, node)
    for node in awaits:
        if rows[node.position].phase is TaskPhase.RUNNING:
            forks.observe_await(draft, node)
    for row in rows[: len(draft.graph.nodes)]:
        draft.active += row.phase is TaskPhase.RUNNING or (row.pod_name is not None and row.phase not in ENDED)


def _observe_items(draft: Draft, node: Node) -> None:
    """Take in the items of a task; of one whose start was not recorded although there are children, start it (again)."""
    row = draft.row(node)
    if row.items is None and not row.phase.ended and draft.snapshot.children.any(node.name) is not None:
        parallel.start(draft, node)
    else:
        parallel.advance(draft, node)


def _fix(draft: Draft, status: JobRunStatus, done: Outcome | None) -> JobRunStatus:
    """Say in the conditions what is going on, and fix the result when everything has ended."""
    run, now = draft.run, draft.now
    if draft.replaced or run.spec.shutdown is not None:
        reason = RunReason.REPLACED if draft.replaced else REASONS[run.spec.shutdown or Shutdown.TERMINATE]
        message = draft.replaced or f"shutdown: {run.spec.shutdown}"
        status = with_condition(
            status, ConditionType.INTERRUPTED, value=True, reason=reason, message=message, run=run, now=now
        )
    if done is None:
        verdict = Verdict(RunPhase.RUNNING, draft.stop or "Running", _line(draft))
        if draft.suspended:
            verdict = Verdict(RunPhase.SUSPENDED, WaitingReason.SUSPENDED, SUSPENDED)
        return with_verdict(run, status, verdict, now)
    status = replace(status, result=done.phase, exit_code=done.exit_code)
    return with_verdict(run, status, Verdict(RunPhase.RUNNING, done.reason, done.message), now)


def _handle(draft: Draft, status: JobRunStatus) -> JobRunStatus:
    """Run the handlers; the phase is written after them."""
    run, now, result = draft.run, draft.now, status.result
    assert result is not None  # noqa: S101 - the caller's condition
    draft.stop = stop_of_handlers(draft, status)
    if not run_handlers(draft, result):
        return observed(run, status)
    rows = [row for row in draft.rows[len(draft.graph.nodes) :] if row.phase.ended]
    if rows:
        bad = [row for row in rows if row.phase is not TaskPhase.SUCCEEDED]
        told = "; ".join(f"{row.name}: {row.reason}: {row.message}".rstrip(": ") for row in bad)
        reason = "HandlerFailed" if bad else "Succeeded"
        status = with_condition(
            status, ConditionType.HANDLERS_SUCCEEDED, value=not bad, reason=reason, message=told, run=run, now=now
        )
    fixed = get_condition(status.conditions, ConditionType.SUCCEEDED)
    reason, message = (fixed.reason, fixed.message) if fixed is not None else (RunReason.SUCCEEDED, "")
    if run.is_root or result is not RunPhase.SUCCEEDED:  # that all went well is told once a tree, not once an item
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
    changed = status != draft.run.status
    retained, done_with = _let_go(draft, recorded=not changed)
    # ConfigMaps are made once more by each plan until a status names them.
    hurry = status.finished or retained or draft.urgent or draft.events or draft.config_maps
    return Plan(
        config_maps=tuple(draft.config_maps),
        claim=draft.claim,
        pods=tuple(draft.pods),
        children=tuple(draft.children),
        shutdowns=tuple(draft.shutdowns),
        deletions=(*draft.deletions, *(PodDeletion(pod) for pod in done_with)),
        status=status if changed else None,
        # A plan that tells something once is carried out whole: the next one would not tell it again.
        status_can_wait=changed and done is None and not hurry,
        releases=(*retained, *done_with),
        events=tuple(draft.events) if changed else (),
        waits_for_slots=draft.waits_for_slots,
        wake_at=draft.wake_at,
    )


def _let_go(draft: Draft, *, recorded: bool) -> tuple[list[PodView], list[PodView]]:
    """Return the Pods whose finalizer goes, because the rows tell their end: those that stay, and those that are deleted.

    A Pod that goes is deleted only when the status is written (``recorded``): its end could not be read from a deleted one.
    """
    retained: list[PodView] = []
    done_with: list[PodView] = []
    handlers = {node.name: node.position for node in draft.graph.handlers}
    sources = ((draft.graph.positions, draft.snapshot.pods), (handlers, draft.snapshot.handler_pods))
    for positions, pods in sources:
        for name, attempts in pods.items():
            row = draft.rows[positions[name]] if name in positions else None
            for one in attempts:
                pod = one.pod
                if pod.meta.finalizers and _is_over(row, pod):
                    (retained if is_retained(draft.graph, pod) else done_with).append(pod)
    return retained, done_with if recorded else []


def _is_over(row: TaskStatus | None, pod: PodView) -> bool:
    """Whether a row tells what became of a Pod; what the last one left is not told before the task is tried again, or ends."""
    if row is None or row.phase in ENDED or pod.attempt < row.attempt:
        return True
    return row.pod_name is None and (pod.meta.deleting or row.next_attempt_time is None)


def _held(snapshot: Snapshot) -> Iterator[PodView]:
    for pods in (snapshot.pods, snapshot.handler_pods):
        for attempts in pods.values():
            yield from (one.pod for one in attempts if one.pod.meta.finalizers)


def _after_end(snapshot: Snapshot, now: datetime) -> Plan:
    """Let go of what is left, and delete the run when its time is over.

    A run that was edited after its end says that this was seen: kstatus, and who waits by it, would wait for ever.
    """
    run = snapshot.run
    held, graph, claim = tuple(_held(snapshot)), snapshot.graph, unwanted_claim(snapshot)
    gone = tuple(PodDeletion(pod) for pod in held if graph is not None and not is_retained(graph, pod))
    status = observed(run, run.status)
    now_due = Plan(deletions=gone, releases=held, delete_claim=claim, status=status if status != run.status else None)
    seconds = run.spec.ttl_seconds_after_finished
    if seconds is None and graph is not None:
        seconds = graph.spec.ttl_seconds_after_finished
    ended = run.status.completion_time
    if seconds is None or ended is None or not run.is_root or run.gitops:
        return now_due
    over = ended + timedelta(seconds=seconds)
    wake = None if now >= over else over
    return replace(now_due, delete_run=now >= over, wake_at=wake)
