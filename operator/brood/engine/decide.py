"""Which task starts now, and which never will: edges, routes, `when`, `maxActiveTasks` (§1.2, §2.2)."""

import heapq
from collections.abc import Sequence

from brood.api.phases import TaskPhase
from brood.api.reasons import TaskReason, WaitingReason
from brood.api.status import TaskStatus
from brood.engine import calls, containers, forks, parallel, podstart, rerun
from brood.engine.continueon import end_failed
from brood.engine.deadline import DEADLINE_PASSED
from brood.engine.draft import Draft
from brood.engine.graph import Body, Node
from brood.engine.outputs import NotNow
from brood.engine.routes import ENDED, ended_well, fired_route
from brood.engine.scope import context, own_scope
from brood.engine.suspend import hold, resume
from brood.templating import TemplateError, compile_template, render_condition


def decide_all(draft: Draft, limit: int | None) -> None:
    """Decide every task whose predecessors have ended; what ends here decides those behind it in the same pass.

    ``limit`` is `maxActiveTasks`; slots go in the order of the list.
    """
    nodes, rows, everything = draft.graph.nodes, draft.rows, draft.stop == TaskReason.DEADLINE_EXCEEDED
    pending = [node for node in nodes if rows[node.position].phase is TaskPhase.PENDING]
    todo = [node.position for node in pending if everything or _is_ready(rows, node)]
    queued = set(todo)
    while todo:
        at = heapq.heappop(todo)
        queued.discard(at)
        if rows[at].phase is not TaskPhase.PENDING or not _decide(draft, nodes[at], limit):
            continue
        for behind in nodes[at].dependents:
            if behind not in queued and rows[behind].phase is TaskPhase.PENDING and _is_ready(rows, nodes[behind]):
                heapq.heappush(todo, behind)
                queued.add(behind)


def _is_ready(rows: Sequence[TaskStatus], node: Node) -> bool:
    """Whether every task with an edge to this one has ended; the last of them is the likeliest not to have."""
    return all(rows[at].phase in ENDED for at in reversed(node.predecessors))


def _decide(draft: Draft, node: Node, limit: int | None) -> bool:
    """Decide one task whose predecessors have ended (or that the deadline overtook); True if it ended by that."""
    row = draft.row(node)
    if row.pod_name is not None:
        return False
    began = row.attempt > 0
    if began and draft.stop:
        return _end_waiting(draft, node)
    if draft.stop == TaskReason.DEADLINE_EXCEEDED:
        draft.end(node, TaskPhase.CANCELLED, draft.stop, DEADLINE_PASSED)
        return True
    if not began and not _passes(draft, node):
        return True
    if draft.stop:
        draft.end(node, TaskPhase.CANCELLED, draft.stop)
        return True
    if draft.suspended:
        hold(draft, node)
        return False
    if row.next_attempt_time is not None and draft.now < row.next_attempt_time:
        resume(draft, node, row.next_attempt_time)
        draft.wake(row.next_attempt_time)
        return False
    return _start(draft, node, limit)


def _end_waiting(draft: Draft, node: Node) -> bool:
    """End a task that a stop finds waiting for its next attempt; what the last one left is kept, as where the stop came first."""
    try:
        told = calls.keep_last(draft, node) if node.body is Body.RUN else containers.keep_last(draft, node)
    except NotNow:
        return False
    if draft.stop == TaskReason.DEADLINE_EXCEEDED:
        draft.end(node, TaskPhase.FAILED, draft.stop, DEADLINE_PASSED)
    else:
        draft.end(node, TaskPhase.CANCELLED, draft.stop, told and f"not retried after: {told}")
    return True


def _passes(draft: Draft, node: Node) -> bool:
    """Whether edges, routes and `when` let a task start; otherwise it ends as Skipped or Cancelled, with the first reason."""
    rows, nodes = draft.rows, draft.graph.nodes
    if any(rows[at].phase is TaskPhase.CANCELLED for at in node.predecessors):
        draft.end(node, TaskPhase.CANCELLED, draft.stop or TaskReason.INTERRUPTED, "a task before it was cancelled")
        return False
    bad = [at for at in node.and_edges if not ended_well(nodes[at].task, rows[at])]
    if bad:
        failed = [at for at in bad if rows[at].phase is TaskPhase.FAILED]
        reason = TaskReason.UPSTREAM_FAILED if failed else TaskReason.UPSTREAM_SKIPPED
        named = ", ".join(nodes[at].name for at in (failed or bad))
        draft.end(node, TaskPhase.SKIPPED, reason, f"{named} {'failed' if failed else 'was skipped'}")
        return False
    if node.or_edges and not any(fired_route(nodes[at].task, rows[at]) == node.name for at in node.or_edges):
        draft.end(
            node,
            TaskPhase.SKIPPED,
            TaskReason.NOT_ROUTED,
            f"no route of {', '.join(nodes[at].name for at in node.or_edges)} led here",
        )
        return False
    return _condition_met(draft, node)


def _condition_met(draft: Draft, node: Node) -> bool:
    if node.task.when is None:
        return True
    field = f"tasks[{node.name}].when"
    try:
        met = render_condition(compile_template(node.task.when, field=field), context(own_scope(draft)), field)
    except TemplateError as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    if not met:
        draft.end(node, TaskPhase.SKIPPED, TaskReason.CONDITION_NOT_MET, f"when: {node.task.when}")
    return met


def _start(draft: Draft, node: Node, limit: int | None) -> bool:
    """Start a task whose turn it is; True if it ended at once."""
    if node.body is Body.JUNCTION:
        draft.end(node, TaskPhase.SUCCEEDED, start_time=draft.now)
        return True
    if rerun.take_over(draft, node):
        return draft.ended(node)
    counts = node.body is not Body.FORK
    if counts and limit is not None and draft.active >= limit:
        draft.wait(node, WaitingReason.MAX_ACTIVE_TASKS, f"maxActiveTasks: {limit} of {limit} are active")
        return False
    if node.task.parallel is not None:
        if node.body is Body.CONTAINER and not _upstream_recorded(draft, node):
            return False
        started = parallel.start(draft, node)
    elif node.body is Body.FORK:
        started = forks.start_fork(draft, node)
    elif node.body is Body.AWAIT:
        started = forks.start_await(draft, node)
    elif node.body is Body.RUN:
        started = calls.start(draft, node)
    else:
        started = podstart.start(draft, node)
    ended = draft.ended(node)
    draft.active += started and counts and not ended
    return ended


def _upstream_recorded(draft: Draft, node: Node) -> bool:
    """Whether the items' child runs, which read what is upstream from this run's status, would find all of it there."""
    if all(draft.is_recorded(at) for at in node.upstream):
        return True
    draft.urgent = True
    draft.wake(draft.now)
    return False
