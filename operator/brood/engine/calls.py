"""The body `run`: one child run per attempt, waited for (§1.1). `engine.childstart` asks for the children."""

import json
from datetime import datetime, timedelta

from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason, WaitingReason
from brood.engine import outputs, refusals, retry
from brood.engine.children import GOOD, child_outputs, ended_at, has_started, stop_child
from brood.engine.childstart import DefinitionMissing, call_params, child_request, resolve
from brood.engine.continueon import end_failed
from brood.engine.deadline import DEADLINE_PASSED, overran
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.scope import context, own_scope
from brood.engine.waiting import clock_time
from brood.templating import TemplateError
from brood.views import RunView


def start(draft: Draft, node: Node) -> bool:
    """Ask for the next child of a `run`; False where the task ended or waits instead."""
    call, row = node.task.run, draft.row(node)
    if call is None:
        return False
    try:
        target = resolve(draft, node)
        if target is None:
            return False
        params = call_params(call, context(own_scope(draft)), field=f"tasks[{node.name}].run")
    except DefinitionMissing as missing:
        end_failed(draft, node, missing.reason, str(missing))
        return False
    except TemplateError as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    request = child_request(draft, node, target, params, attempt=row.attempt + 1)
    if refusals.refused(draft, node, request.name):
        return False
    draft.children.append(request)
    draft.set(
        node, phase=TaskPhase.RUNNING, attempt=request.attempt, child_name=request.name, start_time=row.start_time or draft.now,
        exit_code=None, reason="", message="", next_attempt_time=None, waiting_since=None,
    )  # fmt: skip
    return True


def observe(draft: Draft, node: Node) -> None:
    """Bring the row of a `run` up to what its newest child shows."""
    row = draft.row(node)
    attempts = draft.snapshot.children.of(node.name)
    between = row.child_name is None and row.phase is not TaskPhase.RUNNING
    recorded = row.attempt if between else row.attempt - 1
    # No status of ours names a later child than one that goes on: somebody else wrote this one.
    goes_on = bool(attempts) and not between and not attempts[-1].status.finished and not attempts[-1].meta.deleting
    if not attempts or (attempts[-1].attempt <= recorded and not goes_on):
        if not between:
            gone = f"child run {row.child_name or node.name} is gone"
            _end_cancelled(draft, node, gone, ours=draft.stops_pods, at=draft.now)
        return
    child = attempts[-1]
    draft.set(
        node, phase=TaskPhase.RUNNING, attempt=child.attempt, child_name=child.meta.name, next_attempt_time=None, exit_code=None,
        waiting_since=None, start_time=row.start_time or child.meta.created_at, reason="", message="",
    )  # fmt: skip
    seconds = node.task.timeout_seconds
    over = None if seconds is None else child.meta.created_at + timedelta(seconds=seconds)
    if child.status.finished:
        _settle(draft, node, child, over)
        return
    draft.say(node, "", child.status.message)
    if over is not None:
        draft.wake(over)
    stop_child(draft, child, timed_out=over is not None and draft.now >= over)


def _settle(draft: Draft, node: Node, child: RunView, over: datetime | None) -> None:
    """Record the end of a child: the task's end, or a wait for the next child."""
    at, phase = ended_at(child), child.status.phase
    cancelled = phase is not RunPhase.FAILED and phase not in GOOD
    ours = cancelled and bool(draft.stop) and (draft.stops_pods or not has_started(child))
    who, why = f"child run {child.meta.name}", child.status.message
    try:
        if overran(draft, at):
            _keep_outputs(draft, node, child, must=False)
            draft.end(node, TaskPhase.FAILED, draft.stop, DEADLINE_PASSED, completion_time=at)
        elif over is not None and not ours and (at > over or (cancelled and at == over)):
            _failed(draft, node, child, TaskReason.DEADLINE_EXCEEDED, None, f"{who} ran too long: {why}")
        elif phase in GOOD:
            _keep_outputs(draft, node, child, must=True)
            draft.end(node, TaskPhase.SUCCEEDED, completion_time=at)
        elif cancelled:
            _keep_outputs(draft, node, child, must=False)
            _end_cancelled(draft, node, f"{who} was cancelled: {why}", ours=ours, at=at)
        else:
            _failed(draft, node, child, TaskReason.CHILD_FAILED, child.status.exit_code, f"{who} failed: {why}")
    except outputs.CannotKeep as error:
        end_failed(draft, node, error.reason, str(error), at=at)
    except outputs.NotNow:
        return


def _failed(draft: Draft, node: Node, child: RunView, reason: TaskReason, code: int | None, message: str) -> None:
    """Take in a child that failed: another follows, or the task has failed for good.

    All children before it have failed as well, whether or not a status was written that says so.
    """
    policy, failures, at = node.task.retry_policy, child.attempt, ended_at(child)
    if policy is None or not retry.may_retry(policy, failures=failures, exit_code=code):
        _keep_outputs(draft, node, child, must=False)
        draft.set(node, failures=failures)
        end_failed(draft, node, reason, message, exit_code=code, at=at)
    elif draft.stop:
        _keep_outputs(draft, node, child, must=False)
        phase = TaskPhase.FAILED if draft.stop == TaskReason.DEADLINE_EXCEEDED else TaskPhase.CANCELLED
        draft.end(node, phase, draft.stop, f"not retried after: {message}", exit_code=code, completion_time=at)
    else:
        due = retry.due(policy, failures=failures, ended=at)
        draft.set(node, failures=failures, child_name=None, next_attempt_time=due, exit_code=code)
        told = f"until {clock_time(due, draft.now)}; attempt {draft.row(node).attempt}: {message}"
        draft.wait(node, WaitingReason.RETRY_BACKOFF, told)


def keep_last(draft: Draft, node: Node) -> str:
    """Keep the outputs of the last child of a task that is not tried again; return what became of it, "" where it is gone."""
    for child in draft.snapshot.children.of(node.name)[-1:]:
        if child.attempt == draft.row(node).attempt:
            _keep_outputs(draft, node, child, must=False)
            return f"child run {child.meta.name} failed: {child.status.message}"
    return ""


def _end_cancelled(draft: Draft, node: Node, message: str, *, ours: bool, at: datetime) -> None:
    """End a task whose child was cancelled.

    "A cancelled child fails its parent's task (`ChildCancelled`), unless the parent's own shutdown did it: then the task is Cancelled"
    (§2.1). "A cancelled child is never retried" (§4).
    """
    if not ours:
        end_failed(draft, node, TaskReason.CHILD_CANCELLED, message, at=at)
        return
    phase = TaskPhase.FAILED if draft.stop == TaskReason.DEADLINE_EXCEEDED else TaskPhase.CANCELLED
    draft.end(node, phase, draft.stop, message, completion_time=at)


def _keep_outputs(draft: Draft, node: Node, child: RunView, *, must: bool) -> None:
    """Keep a child's outputs as one JSON object; "of a parent task that is retried only the last child counts" (§4).

    ``must`` says that the task fails if they cannot be kept; a failure is told whatever becomes of them.
    """
    if node.task.output is None:
        return
    try:
        text = json.dumps(child_outputs(draft, child), ensure_ascii=False, separators=(",", ":"))
        outputs.record(draft, node, text, {}, limit=outputs.AGGREGATE_LIMIT)
    except outputs.CannotKeep:
        if must:
            raise
