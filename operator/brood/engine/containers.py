"""Container tasks and handlers: what a Pod, its wait and its end mean for the row (§1.1). `engine.podstart` asks for the Pods."""

from dataclasses import replace
from datetime import datetime, timedelta

from brood.api.phases import TaskPhase
from brood.api.reasons import TaskReason, WaitingReason
from brood.api.status import TaskStatus
from brood.engine import artifacts, outputs, retry
from brood.engine.continueon import end_failed
from brood.engine.deadline import DEADLINE_PASSED, cut_short, killed_at_deadline, overran
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.plan import PodDeletion
from brood.engine.timeout import handler_seconds, judged, stop_overdue
from brood.engine.waiting import clock_time
from brood.views import PodAttempt, TaskResult

_OWN_FAILURES = frozenset({TaskReason.EXIT_CODE, TaskReason.OOM_KILLED})


def live(draft: Draft, node: Node) -> PodAttempt | None:
    """Return the attempt whose end is not recorded yet, if there is one."""
    attempts = draft.attempts(node)
    if not attempts:
        return None
    row, newest = draft.row(node), attempts[-1]
    recorded = row.attempt if is_between(row) or row.phase.ended else row.attempt - 1
    if newest.pod.attempt > recorded:
        return newest
    # No status of ours names a later attempt than that of a Pod which goes on: somebody else wrote this one.
    goes_on = newest.result is None and not newest.pod.meta.deleting
    return newest if goes_on and not is_between(row) and not row.phase.ended else None


def is_between(row: TaskStatus) -> bool:
    """Whether the row's newest attempt is over, and the next one is to come."""
    return row.pod_name is None and row.phase is not TaskPhase.RUNNING


def observe(draft: Draft, node: Node) -> None:
    """Bring a row up to what its newest Pod shows."""
    row = draft.row(node)
    attempt = live(draft, node)
    if attempt is None:
        if not is_between(row) and not row.phase.ended:
            told = f"Pod {row.pod_name or node.name} is gone"
            lost = TaskResult(TaskReason.POD_DELETED, message=told, infrastructure=True)
            _settle(draft, node, lost, stopped=True)
        return
    pod = attempt.pod
    known = (row.pod_name, row.attempt) == (pod.meta.name, pod.attempt)
    goes_on = attempt.result is None and row.phase is TaskPhase.RUNNING and known
    if goes_on and not row.reason and not draft.stops_pods:
        stop_overdue(draft, node, pod)
        return
    _count_lost(draft, node)
    draft.set(node, attempt=pod.attempt, pod_name=pod.meta.name, next_attempt_time=None, waiting_since=None)
    if attempt.result is not None:
        draft.set(node, start_time=row.start_time or attempt.result.started_at or pod.meta.created_at)
        _settle(draft, node, judged(draft, node, pod, attempt.result), stopped=pod.meta.deleting)
        return
    if pod.started_at is not None:
        draft.set(node, phase=TaskPhase.RUNNING, start_time=row.start_time or pod.started_at, reason="", message="")
    if draft.stops_pods:
        if not pod.meta.deleting:
            draft.deletions.append(PodDeletion(pod))
    elif pod.started_at is None:
        _pending(draft, node, attempt)
    else:
        stop_overdue(draft, node, pod)


def _count_lost(draft: Draft, node: Node) -> None:
    """Count the attempts that were followed by another one, where the status that said so was lost."""
    row = draft.row(node)
    recorded = row.attempt if is_between(row) else row.attempt - 1
    for one in draft.attempts(node)[:-1]:
        if one.pod.attempt > recorded and one.result is not None:
            kind = "infra_retries" if one.result.infrastructure else "failures"
            draft.set(node, **{kind: getattr(draft.row(node), kind) + 1})


def _pending(draft: Draft, node: Node, attempt: PodAttempt) -> None:
    """Tell why a Pod has not started, and give it up when its time is over."""
    pod = attempt.pod
    reason, message = _waits_for(draft, node, attempt)
    draft.wait(node, reason, message)
    if reason == WaitingReason.UNSCHEDULABLE and artifacts.waits_for_volume(draft, node, message):
        artifacts.ask(draft)  # if somebody has deleted the claim, the Pod waits for another one
    if lost := artifacts.lost_volume(draft, node, message):
        draft.deletions.append(PodDeletion(pod, grace_seconds=0))
        _settle(
            draft, node, TaskResult(TaskReason.ARTIFACT_MISSING, message=lost, finished_at=draft.now), stopped=False
        )
        return
    for seconds, failure, words in _limits(node, reason):
        if seconds is None:
            continue
        over = pod.meta.created_at + timedelta(seconds=seconds)
        if draft.now >= over:
            draft.deletions.append(PodDeletion(pod, grace_seconds=0))
            told = f"{words} within {seconds} s" + (f": {message}" if message else "")
            _settle(draft, node, TaskResult(failure, message=told, finished_at=draft.now), stopped=False)
            return
        draft.wake(over)


def _waits_for(draft: Draft, node: Node, attempt: PodAttempt) -> tuple[str, str]:
    """Return why a Pod does not start, in the most telling words there are."""
    reason, message = attempt.waiting or ("", "")
    return artifacts.no_node(draft, node, message) if reason == WaitingReason.UNSCHEDULABLE else (reason, message)


def _limits(node: Node, reason: str) -> list[tuple[int | None, TaskReason, str]]:
    """Return how long a Pod may wait for its start, and what it has failed by then; handlers have their whole time for it."""
    task, words = node.task, "the Pod did not start"
    pending = handler_seconds(node) if node.handler else task.pending_timeout_seconds
    limits: list[tuple[int | None, TaskReason, str]] = [(pending, TaskReason.PENDING_TIMEOUT, words)]
    if reason == WaitingReason.IMAGE_PULL:
        pull = "the image could not be pulled"
        limits.append((task.image_pull_timeout_seconds, TaskReason.IMAGE_PULL_FAILED, pull))
    return limits


def _settle(draft: Draft, node: Node, result: TaskResult, *, stopped: bool) -> None:
    """Record the end of an attempt: the task's end, or a wait for the next attempt.

    ``stopped``: the Pod was deleted, which may be this run's own doing.
    """
    ended = result.finished_at or draft.now
    try:
        late = draft.stop == TaskReason.DEADLINE_EXCEEDED and stopped and result.reason is not None
        if not node.handler and (late or overran(draft, ended) or killed_at_deadline(draft, result)):
            _stop(draft, node, result, DEADLINE_PASSED)
        elif result.reason is None:
            _succeed(draft, node, result)
        elif stopped and draft.stop == TaskReason.TERMINATED:
            _stop(draft, node, result, result.message)
        else:
            early = cut_short(draft, node, result)
            _failed(draft, node, replace(result, infrastructure=True) if early else result, ended)
    except outputs.NotNow:
        return


def _succeed(draft: Draft, node: Node, result: TaskResult) -> None:
    ended = result.finished_at or draft.now
    if not node.handler:
        declared = (result.stdout or "") if node.task.output else None
        try:
            outputs.record(draft, node, declared, result.outputs)
        except outputs.CannotKeep as error:
            failure = TaskResult(error.reason, message=str(error), artifacts=result.artifacts, finished_at=ended)
            _failed(draft, node, failure, ended)
            return
    if result.artifacts or node.task.artifacts is not None:
        artifacts.keep(draft, node, result.artifacts)
    code = result.exit_code if result.exit_code is not None else 0
    draft.end(node, TaskPhase.SUCCEEDED, exit_code=code, completion_time=ended)


def _failed(draft: Draft, node: Node, result: TaskResult, ended: datetime) -> None:
    """Take in an attempt that failed by itself: another follows, or the task has failed for good."""
    due, counts = _retry_at(draft, node, result, ended)
    if due is None:
        _keep(draft, node, result)
        draft.set(node, **counts)
        end_failed(draft, node, str(result.reason), result.message, exit_code=result.exit_code, at=ended)
    elif draft.stop:
        _stop(draft, node, result, f"not retried after: {result.message}")
    else:
        attempt = draft.row(node).attempt
        draft.set(node, pod_name=None, next_attempt_time=due, exit_code=result.exit_code, **counts)
        told = f"until {clock_time(due, draft.now)}; attempt {attempt}: {result.reason}: {result.message}"
        draft.wait(node, WaitingReason.RETRY_BACKOFF, told)


def _retry_at(draft: Draft, node: Node, result: TaskResult, ended: datetime) -> tuple[datetime | None, dict[str, int]]:
    """Return when the next attempt may start (None: never), and how the row counts the failed one."""
    row, policy = draft.row(node), node.task.retry_policy
    if result.infrastructure:
        limit = retry.INFRA_RETRIES if node.task.infra_retries is None else node.task.infra_retries
        if row.infra_retries >= limit:
            return None, {}
        retries = row.infra_retries + 1
        return retry.infra_due(retries=retries, ended=ended), {"infra_retries": retries}
    failures = row.failures + 1
    code = result.exit_code if result.reason in _OWN_FAILURES else None
    if policy is None or not retry.may_retry(policy, failures=failures, exit_code=code):
        return None, {"failures": failures}
    return retry.due(policy, failures=failures, ended=ended), {"failures": failures}


def _stop(draft: Draft, node: Node, result: TaskResult, message: str) -> None:
    """End a row as the run's stop wants it; what the attempt left is kept where it can be."""
    _keep(draft, node, result)
    phase = TaskPhase.FAILED if draft.stop == TaskReason.DEADLINE_EXCEEDED else TaskPhase.CANCELLED
    ended = result.finished_at or draft.now
    draft.end(node, phase, draft.stop, message, exit_code=result.exit_code, completion_time=ended)


def _keep(draft: Draft, node: Node, result: TaskResult) -> None:
    """Keep what a failed attempt left: stdout too, "also of a failed attempt" (§1.1)."""
    if not node.handler:
        declared = result.stdout if node.task.output else None
        outputs.keep_or_drop(draft, node, declared, result.outputs)
    if result.artifacts and artifacts.kept_of_failed(node):
        artifacts.keep(draft, node, result.artifacts)


def keep_last(draft: Draft, node: Node) -> str:
    """Keep what the last attempt of a task left that is not tried again; return what became of it, "" where its Pod is gone."""
    for one in draft.attempts(node)[-1:]:
        if one.result is not None and one.pod.attempt == draft.row(node).attempt:
            _keep(draft, node, one.result)
            return one.result.message
    return ""
