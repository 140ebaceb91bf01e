"""`fork` and `await`: children that are not waited for where they are made, and the task that waits for them (§1.1)."""

from collections.abc import Iterator

from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason
from brood.engine.calls import GOOD, call_params, child_request, has_started, refused, resolve, stop_child, timeout_at
from brood.engine.continueon import end_failed
from brood.engine.draft import Draft
from brood.engine.graph import Body, Node
from brood.engine.parallel import all_ended, cancelled_by_stop
from brood.engine.ranges import IndexRanges
from brood.engine.scope import context, own_scope
from brood.templating import TemplateError
from brood.views import RunView


def start_fork(draft: Draft, node: Node) -> bool:
    """Ask for the child of a fork; the task has succeeded when it exists."""
    existing = draft.snapshot.children.of(node.name)
    if existing:
        draft.end(
            node,
            TaskPhase.SUCCEEDED,
            attempt=1,
            child_name=existing[-1].meta.name,
            start_time=existing[-1].meta.created_at,
        )
        return True
    call = node.task.fork
    if call is None or (target := resolve(draft, node)) is None:
        return False
    try:
        params = call_params(call, context(own_scope(draft)), field=f"tasks[{node.name}].fork")
    except TemplateError as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    request = child_request(draft, node, target, params, attempt=1)
    if refused(draft, node, request.name):
        return False
    draft.children.append(request)
    draft.end(node, TaskPhase.SUCCEEDED, attempt=1, child_name=request.name, start_time=draft.now)
    return True


def stop_forked(draft: Draft, node: Node) -> None:
    """Pass a stop on to the children of a fork, whose own row is final."""
    if draft.stop and node.task.parallel is None:
        for child in draft.snapshot.children.of(node.name):
            stop_child(draft, child, timed_out=False)


def open_forks(draft: Draft, node: Node) -> bool:
    """Whether a fork has items without a child, or children that have not ended."""
    row = draft.row(node)
    if row.phase is not TaskPhase.SUCCEEDED:
        return False
    if node.task.parallel is not None:
        return row.items is not None and not all_ended(row.items)
    attempts = draft.snapshot.children.of(node.name)
    if not attempts:
        return any(request.task == node.name for request in draft.children)
    return not attempts[-1].status.finished


def bad_children(draft: Draft, fork: Node) -> Iterator[tuple[str, str, bool]]:
    """Yield (name, message, failed) of each child of a fork that failed, was cancelled, or is gone."""
    row = draft.row(fork)
    if row.phase is not TaskPhase.SUCCEEDED:
        return
    if fork.task.parallel is None:
        attempts = draft.snapshot.children.of(fork.name)
        child = attempts[-1] if attempts else None
        if child is None or child.status.phase not in GOOD:
            yield _told(child, row.child_name or fork.name)
        return
    items = row.items
    if items is None:
        return
    for ranges in (IndexRanges.parse(items.failed_indexes), IndexRanges.parse(items.cancelled_indexes)):
        for index in ranges:
            attempts = draft.snapshot.children.of(fork.name, index)
            yield _told(attempts[-1] if attempts else None, f"item {index}")


def _told(child: RunView | None, name: str) -> tuple[str, str, bool]:
    if child is None:
        return name, "it never started or is gone", False
    return child.meta.name, child.status.message, child.status.phase is RunPhase.FAILED


def stop_cancelled(draft: Draft, fork: Node) -> bool:
    """Whether this run's own shutdown cancelled children or items of a fork."""
    row = draft.row(fork)
    if not draft.stop or row.phase is not TaskPhase.SUCCEEDED:
        return False
    if fork.task.parallel is not None and row.items is not None:
        return any(cancelled_by_stop(draft, fork, index) for index in IndexRanges.parse(row.items.cancelled_indexes))
    attempts = draft.snapshot.children.of(fork.name)
    if not attempts or attempts[-1].status.phase is not RunPhase.CANCELLED:
        return False
    return draft.stops_pods or not has_started(attempts[-1])


def start_await(draft: Draft, node: Node) -> bool:
    """Begin to wait."""
    draft.set(node, phase=TaskPhase.RUNNING, start_time=draft.now, reason="", message="")
    observe_await(draft, node)
    return True


def observe_await(draft: Draft, node: Node) -> None:
    """End an await when the children of all its forks have ended; forks without a child are ignored."""
    forks = [draft.graph.nodes[at] for at in node.wait_forks if draft.graph.nodes[at].body is Body.FORK]
    waiting = [fork.name for fork in forks if open_forks(draft, fork)]
    if waiting:
        draft.set(node, message=f"waits for the children of {', '.join(waiting)}"[:256])
        over = timeout_at(node, draft.row(node).start_time or draft.now)
        if over is not None and draft.now >= over:
            end_failed(draft, node, TaskReason.DEADLINE_EXCEEDED, f"not done within {node.task.timeout_seconds} s")
        elif over is not None:
            draft.wake(over)
        return
    bad = [(fork.name, *one) for fork in forks for one in bad_children(draft, fork)]
    if not bad:
        draft.end(node, TaskPhase.SUCCEEDED)
    elif draft.stop == TaskReason.DEADLINE_EXCEEDED:
        draft.end(node, TaskPhase.FAILED, TaskReason.DEADLINE_EXCEEDED, "the run's deadline passed")
    elif draft.stop and any(stop_cancelled(draft, fork) for fork in forks):
        draft.end(node, TaskPhase.CANCELLED, draft.stop)
    else:
        _fail(draft, node, bad)


def _fail(draft: Draft, node: Node, bad: list[tuple[str, str, str, bool]]) -> None:
    failed = [one for one in bad if one[3]] or bad
    fork, child, message, is_failed = failed[0]
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    reason = TaskReason.CHILD_FAILED if is_failed else TaskReason.CHILD_CANCELLED
    word = "failed" if is_failed else "was cancelled"
    end_failed(draft, node, reason, f"{fork}: child run {child} {word}: {message}{more}")
