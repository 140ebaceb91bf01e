"""Container tasks and handlers: one Pod per attempt, from its request to what its end means (§1.1)."""

from datetime import timedelta

from pydantic import JsonValue

from brood.api.names import object_name
from brood.api.phases import TaskPhase
from brood.api.reasons import TaskReason, WaitingReason
from brood.engine import artifacts, outputs, retry
from brood.engine.continueon import end_failed
from brood.engine.deadline import remaining_seconds
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.plan import PodDeletion
from brood.engine.render import render_container, render_env, text_list
from brood.engine.scope import context, pod_scope, upstream_outputs
from brood.engine.waiting import retry_at
from brood.templating import TemplateError
from brood.views import PodAttempt, PodRequest, TaskResult

HANDLER_SECONDS = 300
"""Time of a handler that sets no `timeoutSeconds`."""
_OWN_FAILURES = frozenset({TaskReason.EXIT_CODE, TaskReason.OOM_KILLED})


def live(draft: Draft, node: Node) -> PodAttempt | None:
    """Return the attempt whose end is not recorded yet, if there is one."""
    attempts = draft.attempts(node)
    if not attempts:
        return None
    row, newest = draft.row(node), attempts[-1]
    recorded = row.attempt if row.pod_name is None or row.phase.ended else row.attempt - 1
    return newest if newest.pod.attempt > recorded else None


def observe(draft: Draft, node: Node) -> None:
    """Bring a row up to what its newest Pod shows."""
    row = draft.row(node)
    attempt = live(draft, node)
    if attempt is None:
        if row.pod_name is not None and not row.phase.ended:
            lost = TaskResult(TaskReason.POD_DELETED, message=f"Pod {row.pod_name} is gone", infrastructure=True)
            _settle(draft, node, lost)
        return
    pod = attempt.pod
    draft.set(node, attempt=pod.attempt, pod_name=pod.meta.name, next_attempt_time=None, waiting_since=None)
    if attempt.result is not None:
        started = row.start_time or attempt.result.started_at or pod.meta.created_at
        draft.set(node, start_time=started)
        _settle(draft, node, attempt.result)
    elif pod.started_at is not None:
        draft.set(node, phase=TaskPhase.RUNNING, start_time=row.start_time or pod.started_at, reason="", message="")
        if draft.stops_pods and not node.handler:
            _stop(draft, attempt)
    elif draft.stops_pods and not node.handler:
        _stop(draft, attempt)
    else:
        _pending(draft, node, attempt)


def _stop(draft: Draft, attempt: PodAttempt) -> None:
    """Stop a Pod; its end is recorded when it comes."""
    if not attempt.pod.meta.deleting:
        draft.deletions.append(PodDeletion(attempt.pod))


def _pending(draft: Draft, node: Node, attempt: PodAttempt) -> None:
    """Tell why a Pod has not started, and give it up when its time is over."""
    pod, task = attempt.pod, node.task
    reason, message = attempt.waiting or ("", "")
    draft.wait(node, reason, message)
    limits = [(task.pending_timeout_seconds, TaskReason.PENDING_TIMEOUT, "the Pod did not start")]
    if reason == WaitingReason.IMAGE_PULL:
        limits.append((task.image_pull_timeout_seconds, TaskReason.IMAGE_PULL_FAILED, "the image could not be pulled"))
    for seconds, failure, words in limits:
        if seconds is None:
            continue
        over = pod.meta.created_at + timedelta(seconds=seconds)
        if draft.now >= over:
            draft.deletions.append(PodDeletion(pod, grace_seconds=0))
            told = f": {message}" if message else ""
            _settle(
                draft, node, TaskResult(failure, message=f"{words} within {seconds} s{told}", finished_at=draft.now)
            )
            return
        draft.wake(over)


def _settle(draft: Draft, node: Node, result: TaskResult) -> None:
    """Record the end of an attempt: the task's end, or a wait for the next attempt."""
    row = draft.row(node)
    ended = result.finished_at or draft.now
    if result.reason is None and not _overtaken(draft, node, result):
        _succeed(draft, node, result)
        return
    if draft.stop == TaskReason.DEADLINE_EXCEEDED and not node.handler:
        _finish(draft, node, result, TaskPhase.FAILED, TaskReason.DEADLINE_EXCEEDED, "the run's deadline passed")
        return
    if draft.stop == TaskReason.TERMINATED and not node.handler:
        _finish(draft, node, result, TaskPhase.CANCELLED, TaskReason.TERMINATED, "")
        return
    failures, infra = row.failures + (not result.infrastructure), row.infra_retries
    if result.infrastructure:
        limit = retry.INFRA_RETRIES if node.task.infra_retries is None else node.task.infra_retries
        again = infra < limit
        infra += again
        at = retry.infra_due(retries=infra, ended=ended)
    else:
        code = result.exit_code if result.reason in _OWN_FAILURES else None
        again = retry.may_retry(node.task.retry_policy, failures=failures, exit_code=code)
        at = (
            retry.due(node.task.retry_policy, failures=failures, ended=ended)
            if again and node.task.retry_policy
            else ended
        )
    draft.set(node, failures=failures, infra_retries=infra)
    if not again:
        _fail(draft, node, result)
    elif draft.stop and not node.handler:
        _finish(draft, node, result, TaskPhase.CANCELLED, draft.stop, f"not retried after: {result.message}")
    else:
        draft.set(node, pod_name=None, next_attempt_time=at, exit_code=result.exit_code)
        draft.wait(
            node,
            WaitingReason.RETRY_BACKOFF,
            f"until {at:%H:%M:%S}; attempt {row.attempt}: {result.reason}: {result.message}",
        )


def _overtaken(draft: Draft, node: Node, result: TaskResult) -> bool:
    """Whether a success came only after the run's deadline had passed."""
    at = draft.deadline
    late = at is not None and result.finished_at is not None and result.finished_at > at
    return draft.stop == TaskReason.DEADLINE_EXCEEDED and late and not node.handler


def _succeed(draft: Draft, node: Node, result: TaskResult) -> None:
    if _keep(draft, node, result):
        code = result.exit_code if result.exit_code is not None else 0
        draft.end(node, TaskPhase.SUCCEEDED, exit_code=code, completion_time=result.finished_at or draft.now)


def _fail(draft: Draft, node: Node, result: TaskResult) -> None:
    _keep(draft, node, result, fails=False)
    end_failed(draft, node, str(result.reason), result.message, exit_code=result.exit_code, at=result.finished_at)


def _finish(draft: Draft, node: Node, result: TaskResult, phase: TaskPhase, reason: str, message: str) -> None:
    """End a row as the run's stop wants it; what the attempt left is kept where it can be."""
    _keep(draft, node, result, fails=False)
    draft.end(
        node, phase, reason, message or result.message, exit_code=result.exit_code, completion_time=result.finished_at or draft.now,
    )  # fmt: skip


def _keep(draft: Draft, node: Node, result: TaskResult, *, fails: bool = True) -> bool:
    """Keep outputs and artifacts; a task whose output cannot be kept fails by that."""
    if result.artifacts or (node.task.artifacts is not None and result.reason is None):
        artifacts.keep(draft, node, result.artifacts)
    if node.handler:
        return True
    declared = (result.stdout or "") if node.task.output and result.stdout is not None else None
    if node.task.output and declared is None and result.reason is None:
        declared = ""
    try:
        outputs.record(draft, node, declared, result.outputs)
    except outputs.OutputTooLarge as error:
        if fails:
            _fail(
                draft, node, TaskResult(TaskReason.OUTPUT_TOO_LARGE, message=str(error), finished_at=result.finished_at)
            )
        return False
    return True


def start(draft: Draft, node: Node) -> bool:
    """Ask for the next attempt's Pod; False where the task ended or waits instead."""
    row = draft.row(node)
    attempt = row.attempt + 1
    name = pod_name(draft, node, attempt)
    refused = draft.refusal(name)
    if refused is not None and _refused(draft, node, *refused):
        return False
    if (
        row.waiting_since is not None
        and row.next_attempt_time is not None
        and draft.now < row.next_attempt_time
        and refused is None
    ):
        draft.wake(row.next_attempt_time)
        return False
    try:
        request = _request(draft, node, attempt, name)
    except TemplateError as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    draft.pods.append(request)
    draft.set(
        node, phase=TaskPhase.PENDING, attempt=attempt, pod_name=name, reason="", message="", next_attempt_time=None
    )
    return True


def pod_name(draft: Draft, node: Node, attempt: int) -> str:
    """Return the name of an attempt's Pod; a handler's never equals a task's."""
    task = f"{node.name}.handler" if node.handler else node.name
    return object_name(draft.run.meta.name, draft.run.meta.uid, task=task, index=None, attempt=attempt)


def _refused(draft: Draft, node: Node, kind: str, message: str) -> bool:
    """Take what the server said to a create a moment ago."""
    row = draft.row(node)
    if kind == "Quota":
        since = row.waiting_since or draft.now
        draft.set(node, waiting_since=since, next_attempt_time=retry_at(since, draft.now))
        draft.wait(node, WaitingReason.QUOTA_EXCEEDED, message)
        draft.wake(retry_at(since, draft.now))
        return True
    if kind == "Forbidden":
        infra = row.infra_retries + 1
        if infra >= retry.FORBIDDEN_TRIES:
            end_failed(draft, node, TaskReason.POD_FORBIDDEN, message)
            return True
        at = retry.infra_due(retries=infra + 1, ended=draft.now)
        draft.set(node, infra_retries=infra, waiting_since=row.waiting_since or draft.now, next_attempt_time=at)
        draft.wait(node, WaitingReason.RETRY_BACKOFF, f"until {at:%H:%M:%S}; {TaskReason.POD_FORBIDDEN}: {message}")
        draft.wake(at)
        return True
    reason = TaskReason.NAME_CONFLICT if kind == "NameConflict" else TaskReason.INVALID_POD
    end_failed(draft, node, reason, message)
    return True


def _request(draft: Draft, node: Node, attempt: int, name: str) -> PodRequest:
    scope, origin = pod_scope(draft)
    task, run = node.task, draft.run
    ctx, field = context(scope), f"handlers.{node.name}" if node.handler else f"tasks[{node.name}]"
    small, large = upstream_outputs(scope, None if node.handler else (origin or node))
    env = render_env((*scope.graph.env, *task.env), ctx, field=field)
    paths = text_list(task.artifacts.paths if task.artifacts else (), ctx, field=f"{field}.artifacts.paths")
    params = tuple((key, str(value)) for key, value in scope.params.items())
    parent_item = run.spec.parent_ref.item if run.spec.parent_ref else None
    container: dict[str, JsonValue] = render_container(task.container or {}, ctx, field=f"{field}.container")
    return PodRequest(
        namespace=run.meta.namespace,
        name=name,
        run=run.meta.name,
        run_uid=run.meta.uid,
        root=run.root,
        root_uid=(draft.snapshot.root or run).meta.uid,
        definition=draft.graph.definition,
        task=node.name,
        handler=node.handler,
        index=run.index,
        attempt=attempt,
        container=container,
        script=task.script,
        env=env,
        params=params,
        outputs=tuple(small.items()),
        output_refs=large,
        capture_stdout=task.output is not None,
        item=parent_item if draft.graph.implicit else None,
        positional=_positional(draft),
        item_attempt=run.attempt if draft.graph.implicit else None,
        timeout_seconds=_timeout(draft, node),
        artifacts=artifacts.rule(node, paths),
        artifact_sources=artifacts.sources(draft, scope, origin or node) if not node.handler else (),
        volume=artifacts.volume(draft, node, attempt),
        pod_template=task.pod_template,
        lock=draft.lock_label,
        pools=text_list(task.pools, ctx, field=f"{field}.pools"),
    )


def _positional(draft: Draft) -> tuple[str, ...] | None:
    """Return `$1` where it is the item itself, not a declared param."""
    parent = draft.run.spec.parent_ref
    if parent is None or parent.item is None:
        return None
    if draft.graph.implicit:
        return None if draft.run.spec.params else (parent.item,)
    return None if draft.graph.params else (parent.item,)


def _timeout(draft: Draft, node: Node) -> int | None:
    """Return the seconds that the Pod gets: the task's time-out, and no more than is left of the run's deadline."""
    if node.handler:
        return node.task.timeout_seconds or HANDLER_SECONDS
    left = remaining_seconds(draft)
    limits = [one for one in (node.task.timeout_seconds, left) if one is not None]
    return min(limits) if limits else None
