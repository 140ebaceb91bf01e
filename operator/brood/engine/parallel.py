"""`parallel`: a task that does its body once per item, each in a child run of its own (§1.1, §3).

It records its items, lets `engine.window` run them, and judges them when all have ended.
"""

from collections.abc import Sequence

from brood.api.parallel import Parallel
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason
from brood.api.status import ItemsStatus
from brood.engine import aggregate, outputs
from brood.engine.children import has_started
from brood.engine.childstart import DefinitionMissing
from brood.engine.continueon import end_failed
from brood.engine.deadline import DEADLINE_PASSED, overran
from brood.engine.draft import Draft
from brood.engine.graph import Body, Node
from brood.engine.itemends import Ends, all_ended
from brood.engine.items import InvalidItem, Items, TooManyItems
from brood.engine.itemsource import source_of
from brood.engine.window import Window, open_window
from brood.templating import TemplateError
from brood.views import RunView


def start(draft: Draft, node: Node) -> bool:
    """Record the items and start the first of them; False where the task ended or waits instead."""
    try:
        source = source_of(draft, node)
    except DefinitionMissing as missing:
        end_failed(draft, node, missing.reason, str(missing))
        return False
    except TooManyItems as error:
        end_failed(draft, node, TaskReason.TOO_MANY_ITEMS, str(error))
        return False
    except (TemplateError, InvalidItem) as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    if source is None:
        return False
    items = source.items
    if not len(items):
        _end_without_items(draft, node, items)
        return False
    draft.set(
        node, items=ItemsStatus(total=len(items), pending=len(items)), start_time=draft.now, reason="", message="",
        waiting_since=None, next_attempt_time=None,
    )  # fmt: skip
    if node.body is Body.FORK:
        draft.end(node, TaskPhase.SUCCEEDED)
    else:
        draft.set(node, phase=TaskPhase.RUNNING)
    advance(draft, node)
    return True


def _end_without_items(draft: Draft, node: Node, items: Items) -> None:
    """End a task that has nothing to do; it "leaves an aggregate with total 0" (§3)."""
    draft.set(node, items=ItemsStatus())
    if node.task.output:
        outputs.record(draft, node, aggregate.build(draft, node, items, Ends()), {})
    draft.end(node, TaskPhase.SKIPPED, TaskReason.NO_ITEMS, "there are no items")


def advance(draft: Draft, node: Node) -> None:
    """Take in what became of the items, start what may start, and end the task when all have ended."""
    row, rule = draft.row(node), node.task.parallel
    if rule is None or row.items is None or (row.phase.ended and all_ended(row.items)):
        return
    try:
        source = source_of(draft, node)
    except DefinitionMissing as missing:
        _give_up(draft, node, row.items, missing.reason, str(missing))
        return
    except TemplateError as lost:  # what the items were made of is gone
        _give_up(draft, node, row.items, TaskReason.TEMPLATE_ERROR, str(lost))
        return
    if source is None:
        return
    items, window = source.items, open_window(draft, node, rule, source)
    ends = window.ends
    window.take_in()
    if draft.stop or window.timed_out:
        window.drop(retries=ends.cancelled, unstarted=ends.cancelled)
    elif rule.fail_fast and len(ends.failed) > allowed_failures(rule, len(items)):
        window.drop(retries=ends.failed, unstarted=ends.skipped)
    elif draft.suspended:
        window.hold()
    else:
        window.fill()
    if window.over is not None and not window.timed_out:
        draft.wake(window.over)
    draft.set(node, items=ends.status(len(items)))
    ends.remember(draft.snapshot.memo, node.name)
    if ends.recorded == len(items) and node.body is not Body.FORK:
        _finish(draft, window)


def allowed_failures(parallel: Parallel, total: int) -> int:
    """Return `maxFailures` as a number; a percentage is of the items that count, rounded down."""
    limit = parallel.max_failures
    return limit if isinstance(limit, int) else total * int(limit.rstrip("%")) // 100


def _give_up(draft: Draft, node: Node, status: ItemsStatus, reason: TaskReason, told: str) -> None:
    """Fail the items of a task whose definition went before the first of them had a child, or whose list is gone."""
    ends = Ends.of(status)
    rest = ends.cancelled if draft.stop else ends.failed
    index = 0
    while ends.recorded < status.total:
        if index not in ends:
            rest.add(index)
        index += 1
    draft.set(node, items=ends.status(status.total))
    if node.body is Body.FORK:
        return
    if draft.stop:
        draft.end(node, _stopped_phase(draft), draft.stop, told)
    else:
        end_failed(draft, node, reason, told)


def _finish(draft: Draft, window: Window) -> None:
    """End the task: all its items have ended."""
    node, ends = window.node, window.ends
    overrun = draft.stop == TaskReason.DEADLINE_EXCEEDED and (
        window.dropped or overran(draft, window.last_end or draft.now)
    )
    stopped = overrun or (
        bool(draft.stop)
        and draft.stop != TaskReason.DEADLINE_EXCEEDED
        and any(cancelled_by_stop(draft, node, index) for index in ends.cancelled)
    )
    try:
        if node.task.output:
            aggregated = aggregate.build(draft, node, window.source.items, ends)
            outputs.record(draft, node, aggregated, {}, limit=outputs.AGGREGATE_LIMIT)
    except outputs.NotNow:
        return
    except outputs.CannotKeep as error:
        if not stopped:
            end_failed(draft, node, error.reason, str(error))
            return
    if stopped:
        told = DEADLINE_PASSED if overrun else ""
        draft.end(node, _stopped_phase(draft), draft.stop, told)
    elif window.late or (window.timed_out and window.dropped):
        end_failed(draft, node, TaskReason.DEADLINE_EXCEEDED, f"not done within {node.task.timeout_seconds} s")
    else:
        _judge(draft, window)


def _stopped_phase(draft: Draft) -> TaskPhase:
    return TaskPhase.FAILED if draft.stop == TaskReason.DEADLINE_EXCEEDED else TaskPhase.CANCELLED


def _judge(draft: Draft, window: Window) -> None:
    """Decide whether enough items succeeded."""
    node, ends, rule = window.node, window.ends, window.rule
    total = len(window.source.items)
    bad = len(ends.failed) + len(ends.cancelled)
    if not len(ends.skipped) and bad <= allowed_failures(rule, total):
        draft.end(node, TaskPhase.SUCCEEDED)
        return
    # "An await has none, and neither has a parallel task with `failFast`" (§1.2)
    code = None if rule.fail_fast else _common_exit_code(draft, node, ends)
    reason = TaskReason.CHILD_FAILED if len(ends.failed) else TaskReason.CHILD_CANCELLED
    end_failed(draft, node, reason, _failure_message(draft, node, ends, total), exit_code=code)


def _failure_message(draft: Draft, node: Node, ends: Ends, total: int) -> str:
    ranges, word = (ends.failed, "failed") if len(ends.failed) else (ends.cancelled, "were cancelled")
    first = next(iter(ranges))
    attempts = draft.snapshot.children.of(node.name, first)
    detail = f"; item {first}: {attempts[-1].status.message}" if attempts else ""
    shown = str(ranges)
    shown = shown if len(shown) <= 60 else shown[:60].rpartition(",")[0] + ",…"  # noqa: PLR2004 - what a line takes
    return f"{len(ranges)} of {total} items {word} (index {shown}){detail}"


def _common_exit_code(draft: Draft, node: Node, ends: Ends) -> int | None:
    """Return the exit code of the failed items, if they all have the same."""
    codes: set[int | None] = set()
    for index in ends.failed:
        attempts = draft.snapshot.children.of(node.name, index)
        codes.add(attempts[-1].status.exit_code if attempts else None)
        if len(codes) > 1:
            return None
    return next(iter(codes), None)


def cancelled_by_stop(draft: Draft, node: Node, index: int) -> bool:
    """Whether this run's own shutdown cancelled an item: it never started, was not retried, or was stopped."""
    attempts = draft.snapshot.children.of(node.name, index)
    return draft.stops_pods or never_ran(attempts)


def never_ran(attempts: Sequence[RunView]) -> bool:
    """Whether a cancelled item is one that did not start, or was not tried again."""
    return not attempts or attempts[-1].status.phase is RunPhase.FAILED or not has_started(attempts[-1])
