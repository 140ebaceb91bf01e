"""`fork` and `await`: children that are not waited for where they are made, and the task that waits for them (§1.1)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason
from brood.engine import refusals
from brood.engine.children import GOOD, ended_at, has_started, stop_child
from brood.engine.childstart import DefinitionMissing, call_params, child_request, resolve
from brood.engine.continueon import end_failed
from brood.engine.deadline import DEADLINE_PASSED, overran
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.itemends import all_ended
from brood.engine.ranges import IndexRanges
from brood.engine.scope import context, own_scope
from brood.engine.shutdown import shutdown_reason
from brood.templating import TemplateError
from brood.views import RunView


def observe_fork(draft: Draft, node: Node) -> None:
    """End a fork whose child exists, although a lost status does not say so: "the task succeeds when the child run exists" (§1.1)."""
    for child in draft.snapshot.children.of(node.name):
        at = child.meta.created_at
        draft.end(node, TaskPhase.SUCCEEDED, attempt=1, child_name=child.meta.name, start_time=at, completion_time=at)


def start_fork(draft: Draft, node: Node) -> bool:
    """Ask for the child of a fork; the task has succeeded when it exists."""
    call = node.task.fork
    if call is None:
        return False
    try:
        target = resolve(draft, node)
        if target is None:
            return False
        params = call_params(call, context(own_scope(draft)), field=f"tasks[{node.name}].fork")
    except DefinitionMissing as missing:
        end_failed(draft, node, missing.reason, str(missing))
        return False
    except TemplateError as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    request = child_request(draft, node, target, params, attempt=1)
    if refusals.refused(draft, node, request.name):
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


def ended_children(draft: Draft, fork: Node) -> Iterator[RunView]:
    """Yield the children of a fork that have ended: O(items)."""
    return (child for child in draft.snapshot.children.all(fork.name) if child.status.finished)


def bad_children(draft: Draft, fork: Node) -> Iterator[tuple[str, str, bool]]:
    """Yield (name, message, failed) of each child of a fork that failed, was cancelled, or is gone."""
    row = draft.row(fork)
    if row.phase is not TaskPhase.SUCCEEDED:
        return
    if fork.task.parallel is None:
        attempts = draft.snapshot.children.of(fork.name)
        child = attempts[-1] if attempts else None
        made = row.child_name is not None  # else it failed, and `markSuccess` made that a success
        if made and (child is None or child.status.phase not in GOOD):
            yield _told(child, row.child_name or fork.name)
        return
    items = row.items
    if items is None:
        return
    for ranges in (IndexRanges.read(items.failed_indexes), IndexRanges.read(items.cancelled_indexes)):
        for index in ranges:
            attempts = draft.snapshot.children.of(fork.name, index)
            yield _told(attempts[-1] if attempts else None, f"item {index}")


def _told(child: RunView | None, name: str) -> tuple[str, str, bool]:
    if child is None:
        return name, "it never started or is gone", False
    return child.meta.name, child.status.message, child.status.phase is RunPhase.FAILED


def stop_cancelled(draft: Draft, fork: Node) -> bool:
    """Whether this run's own shutdown, before any deadline, cancelled children or items of a fork."""
    row, reason = draft.row(fork), shutdown_reason(draft)
    if reason is None or row.phase is not TaskPhase.SUCCEEDED:
        return False
    if fork.task.parallel is not None and row.items is not None:
        indexes = IndexRanges.read(row.items.cancelled_indexes)
        return any(_by_shutdown(draft, draft.snapshot.children.of(fork.name, index)) for index in indexes)
    attempts = draft.snapshot.children.of(fork.name)
    return bool(attempts) and attempts[-1].status.phase is RunPhase.CANCELLED and _by_shutdown(draft, attempts)


def _by_shutdown(draft: Draft, attempts: Sequence[RunView]) -> bool:
    """Whether a shutdown cancelled a child or item: it never started, or Terminate stopped it."""
    return draft.stop == TaskReason.TERMINATED or not attempts or not has_started(attempts[-1])


def start_await(draft: Draft, node: Node) -> bool:
    """Begin to wait."""
    draft.set(node, phase=TaskPhase.RUNNING, start_time=draft.now, reason="", message="")
    observe_await(draft, node)
    return True


def observe_await(draft: Draft, node: Node) -> None:
    """End an await when the children of all its forks have ended; forks without a child are ignored."""
    forks = [draft.graph.nodes[at] for at in node.wait_forks]
    waiting = [fork.name for fork in forks if open_forks(draft, fork)]
    if waiting:
        _wait_on(draft, node, waiting)
        return
    bad = [(fork.name, *one) for fork in forks for one in bad_children(draft, fork)]
    if draft.stop == TaskReason.DEADLINE_EXCEEDED and _overran(draft, forks):
        draft.end(node, TaskPhase.FAILED, draft.stop, DEADLINE_PASSED)
    elif not bad:
        draft.end(node, TaskPhase.SUCCEEDED)
    elif any(stop_cancelled(draft, fork) for fork in forks):
        draft.end(node, TaskPhase.CANCELLED, shutdown_reason(draft) or draft.stop)
    else:
        _fail(draft, node, bad)


def _wait_on(draft: Draft, node: Node, waiting: list[str]) -> None:
    """Say for what an await waits, and give up when its time is over."""
    seconds = node.task.timeout_seconds
    over = None if seconds is None else (draft.row(node).start_time or draft.now) + timedelta(seconds=seconds)
    if over is not None and draft.now >= over and not draft.stops_pods:
        end_failed(draft, node, TaskReason.DEADLINE_EXCEEDED, f"not done within {seconds} s")
        return
    draft.say(node, "", f"waits for the children of {', '.join(waiting)}")
    if over is not None and draft.now < over:
        draft.wake(over)


def _overran(draft: Draft, forks: list[Node]) -> bool:
    """Whether the deadline passed while an await was waiting."""
    ends = [ended_at(child) for fork in forks for child in ended_children(draft, fork)]
    return overran(draft, max(ends, default=draft.now))


def _fail(draft: Draft, node: Node, bad: list[tuple[str, str, str, bool]]) -> None:
    failed = [one for one in bad if one[3]] or bad
    fork, child, message, is_failed = failed[0]
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    reason = TaskReason.CHILD_FAILED if is_failed else TaskReason.CHILD_CANCELLED
    word = "failed" if is_failed else "was cancelled"
    end_failed(draft, node, reason, f"{fork}: child run {child} {word}: {message}{more}")
