"""The body `run`: one child run per attempt, waited for; and what `run`, `fork` and items share in making a child (§1.1)."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from brood.api.jobrun import RunDefinitionRef, Shutdown
from brood.api.names import object_name
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason, WaitingReason
from brood.api.task import ChildCall
from brood.engine import outputs, retry
from brood.engine.continueon import end_failed
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.plan import ChildShutdown
from brood.engine.scope import context, own_scope
from brood.engine.snapshot import DefinitionProblem
from brood.engine.waiting import retry_at
from brood.templating import Context, TemplateError, compile_template, is_template
from brood.views import ChildRequest, DefinitionView, RunView

Value = str | int
DEFINITION_WAIT_SECONDS = 30
"""How long a task waits for a definition that is missing or ambiguous."""
GOOD = frozenset({RunPhase.SUCCEEDED, RunPhase.PARTIALLY_SUCCEEDED})


def resolve(draft: Draft, node: Node) -> tuple[RunDefinitionRef, DefinitionView | None] | None:
    """Find the definition of a task's children; None where the task waits for it, or failed for the want of it."""
    call = node.task.run or node.task.fork
    graph = draft.graph
    if call is None:  # a container body with `parallel`: an implicit definition of one task
        ref = RunDefinitionRef(name=graph.definition, local=graph.local, task=node.name, revision=graph.revision)
        return ref, None
    name = call.definition_ref.name
    if name is not None and graph.spec.local(name) is not None:
        return RunDefinitionRef(name=graph.definition, local=name, revision=graph.revision), None
    if draft.snapshot.definitions is None:
        return None
    found = draft.snapshot.definitions.resolve(call.definition_ref)
    if not isinstance(found, DefinitionProblem):
        draft.set(node, waiting_since=None)
        return RunDefinitionRef(name=found.meta.name, revision=found.revision), found
    since = draft.row(node).waiting_since or draft.now
    draft.set(node, waiting_since=since)
    over = since + timedelta(seconds=DEFINITION_WAIT_SECONDS)
    if draft.now >= over:
        known = found.reason in {TaskReason.DEFINITION_NOT_FOUND, TaskReason.AMBIGUOUS_DEFINITION}
        end_failed(draft, node, found.reason if known else TaskReason.DEFINITION_NOT_FOUND, found.message)
    else:
        draft.wait(node, found.reason, found.message)
        draft.wake(over)
    return None


def call_params(call: ChildCall, ctx: Context, *, field: str) -> dict[str, Value]:
    """Render the `params` of a body: text, or an integer where the value is one whole expression that gives one."""
    params: dict[str, Value] = {}
    for name, value in (call.params or {}).items():
        if not isinstance(value, str) or not is_template(value):
            params[name] = value
            continue
        template = compile_template(value, field=f"{field}.params.{name}")
        rendered = template.render(ctx, field=f"{field}.params.{name}")
        whole = isinstance(rendered, int) and not isinstance(rendered, bool)
        params[name] = (
            rendered
            if whole and isinstance(rendered, int)
            else template.render_text(ctx, field=f"{field}.params.{name}")
        )
    return params


def child_request(
    draft: Draft,
    node: Node,
    target: tuple[RunDefinitionRef, DefinitionView | None],
    params: Mapping[str, Value],
    *,
    attempt: int,
    index: int | None = None,
    item: str | None = None,
) -> ChildRequest:
    """Return the request of one child run."""
    run = draft.run
    return ChildRequest(
        namespace=run.meta.namespace,
        name=object_name(run.meta.name, run.meta.uid, task=node.name, index=index, attempt=attempt),
        parent=run.meta.name,
        parent_uid=run.meta.uid,
        root=run.root,
        task=node.name,
        index=index,
        attempt=attempt,
        definition_ref=target[0],
        params=params,
        definition=target[1],
        item=item,
        priority=run.spec.priority,
    )


def refused(draft: Draft, node: Node, name: str) -> bool:
    """Whether the create of a child was refused a moment ago, or it is too early to ask again; the row says so."""
    row = draft.row(node)
    refusal = draft.refusal(name)
    if refusal is None:
        if row.waiting_since is not None and row.next_attempt_time is not None and draft.now < row.next_attempt_time:
            draft.wake(row.next_attempt_time)
            return True
        return False
    kind, message = refusal
    if kind in {"Quota", "Forbidden"}:
        since = row.waiting_since or draft.now
        at = retry_at(since, draft.now)
        draft.set(node, waiting_since=since, next_attempt_time=at)
        draft.wait(node, WaitingReason.QUOTA_EXCEEDED if kind == "Quota" else WaitingReason.RETRY_BACKOFF, message)
        draft.wake(at)
    else:
        end_failed(draft, node, TaskReason.NAME_CONFLICT if kind == "NameConflict" else TaskReason.INVALID_POD, message)
    return True


def start(draft: Draft, node: Node) -> bool:
    """Ask for the next child of a `run`; False where the task ended or waits instead."""
    call = node.task.run
    attempt = draft.row(node).attempt + 1
    if call is None or (target := resolve(draft, node)) is None:
        return False
    try:
        params = call_params(call, context(own_scope(draft)), field=f"tasks[{node.name}].run")
    except TemplateError as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    request = child_request(draft, node, target, params, attempt=attempt)
    if refused(draft, node, request.name):
        return False
    draft.children.append(request)
    draft.set(
        node, phase=TaskPhase.RUNNING, attempt=attempt, child_name=request.name, start_time=draft.row(node).start_time or draft.now,
        reason="", message="", next_attempt_time=None, waiting_since=None,
    )  # fmt: skip
    return True


def observe(draft: Draft, node: Node) -> None:
    """Bring the row of a `run` up to what its newest child shows."""
    row = draft.row(node)
    attempts = draft.snapshot.children.of(node.name)
    recorded = row.attempt if row.child_name is None or row.phase.ended else row.attempt - 1
    if not attempts or attempts[-1].attempt <= recorded:
        if row.child_name is not None and not row.phase.ended:
            _end_cancelled(draft, node, f"child run {row.child_name} is gone")
        return
    child = attempts[-1]
    draft.set(
        node, phase=TaskPhase.RUNNING, attempt=child.attempt, child_name=child.meta.name, next_attempt_time=None,
        waiting_since=None, start_time=row.start_time or child.meta.created_at, reason="", message="",
    )  # fmt: skip
    over = timeout_at(node, child.meta.created_at)
    if child.status.finished:
        _settle(draft, node, child, timed_out=over is not None and ended_at(child) >= over)
        return
    if child.status.message:
        draft.set(node, message=child.status.message)
    if over is not None:
        draft.wake(over)
    stop_child(draft, child, timed_out=over is not None and draft.now >= over)


def timeout_at(node: Node, since: datetime) -> datetime | None:
    """Return when `timeoutSeconds` is over, counted from a time."""
    seconds = node.task.timeout_seconds
    return None if seconds is None else since + timedelta(seconds=seconds)


def ended_at(child: RunView) -> datetime:
    """Return when a finished child ended."""
    return child.status.completion_time or child.meta.created_at


def stop_child(draft: Draft, child: RunView, *, timed_out: bool) -> None:
    """Pass a stop on to a child: Terminate to all; Interrupt only to one that has not started, the others finish their graph."""
    wanted: Shutdown | None = None
    if draft.stops_pods or timed_out:
        wanted = Shutdown.TERMINATE
    elif draft.stop and not has_started(child):
        wanted = Shutdown.INTERRUPT
    have = child.spec.shutdown
    if wanted is None or have in {wanted, Shutdown.TERMINATE} or child.status.finished:
        return
    draft.shutdowns.append(ChildShutdown(child, wanted.value))


def has_started(child: RunView) -> bool:
    """Whether a child run was admitted."""
    return child.status.start_time is not None


def _settle(draft: Draft, node: Node, child: RunView, *, timed_out: bool) -> None:
    """Record the end of a child: the task's end, or a wait for the next child."""
    at, phase = ended_at(child), child.status.phase
    if not _keep_outputs(draft, node, child):
        return
    if phase in GOOD:
        draft.end(node, TaskPhase.SUCCEEDED, completion_time=at)
        return
    if draft.stop == TaskReason.DEADLINE_EXCEEDED:
        draft.end(node, TaskPhase.FAILED, TaskReason.DEADLINE_EXCEEDED, "the run's deadline passed", completion_time=at)
        return
    reason, code = TaskReason.CHILD_FAILED, child.status.exit_code
    if phase is not RunPhase.FAILED:
        if not timed_out:
            _end_cancelled(draft, node, f"child run {child.meta.name} was cancelled: {child.status.message}", at=at)
            return
        reason, code = TaskReason.DEADLINE_EXCEEDED, None
    message = f"child run {child.meta.name} {'ran too long' if timed_out and code is None else 'failed'}: {child.status.message}"
    _failed(draft, node, reason, code, message, at)


def _failed(draft: Draft, node: Node, reason: TaskReason, code: int | None, message: str, at: datetime) -> None:
    policy, failures = node.task.retry_policy, draft.row(node).failures + 1
    draft.set(node, failures=failures)
    if not retry.may_retry(policy, failures=failures, exit_code=code) or policy is None:
        end_failed(draft, node, reason, message, exit_code=code, at=at)
    elif draft.stop:
        draft.end(
            node, TaskPhase.CANCELLED, draft.stop, f"not retried after: {message}", exit_code=code, completion_time=at
        )
    else:
        due = retry.due(policy, failures=failures, ended=at)
        draft.set(node, child_name=None, next_attempt_time=due, exit_code=code)
        draft.wait(
            node, WaitingReason.RETRY_BACKOFF, f"until {due:%H:%M:%S}; attempt {draft.row(node).attempt}: {message}"
        )


def _end_cancelled(draft: Draft, node: Node, message: str, *, at: datetime | None = None) -> None:
    """End a task whose child was cancelled: by this run's own shutdown, or by somebody else."""
    if not draft.stop:
        end_failed(draft, node, TaskReason.CHILD_CANCELLED, message, at=at)
        return
    phase = TaskPhase.FAILED if draft.stop == TaskReason.DEADLINE_EXCEEDED else TaskPhase.CANCELLED
    draft.end(node, phase, draft.stop, message, completion_time=at or draft.now)


def _keep_outputs(draft: Draft, node: Node, child: RunView) -> bool:
    """Keep a child's outputs as one JSON object; a task whose output is too large fails by that."""
    if node.task.output is None:
        return True
    text = json.dumps(child_outputs(draft, child), ensure_ascii=False, separators=(",", ":"))
    try:
        outputs.record(draft, node, text, {}, limit=outputs.AGGREGATE_LIMIT)
    except outputs.OutputTooLarge as error:
        end_failed(draft, node, TaskReason.OUTPUT_TOO_LARGE, str(error), at=ended_at(child))
        return False
    return True


def child_outputs(draft: Draft, child: RunView) -> dict[str, str]:
    """Return all outputs of a child run, the large ones too, by name."""
    return dict(sorted({**child.status.outputs, **draft.values(child.status.output_refs)}.items()))
