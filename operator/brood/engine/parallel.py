"""`parallel`: one child run per item, in a window of `maxConcurrent`; retries of single items, `failFast`, `maxFailures` (§1.1, §3).

What a plan looks at is bounded by the window: the items whose end the row does not record yet. The rest are ranges.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from brood.api.jobdefinition import Param
from brood.api.jobrun import RunDefinitionRef
from brood.api.parallel import Parallel
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason, WaitingReason
from brood.api.status import ItemsStatus
from brood.engine import aggregate, outputs, retry
from brood.engine.calls import GOOD, call_params, child_request, ended_at, has_started, resolve, stop_child, timeout_at
from brood.engine.continueon import end_failed
from brood.engine.draft import Draft
from brood.engine.graph import Body, Node
from brood.engine.items import InvalidItem, Item, Items, TooManyItems, expand, from_rendered
from brood.engine.ranges import IndexRanges
from brood.engine.scope import context, own_scope
from brood.engine.waiting import retry_at
from brood.templating import TemplateError, compile_template
from brood.views import DefinitionView, RunView

Target = tuple[RunDefinitionRef, DefinitionView | None]


@dataclass(slots=True)
class Ends:
    """Which items have ended, and how: the ranges of the row, and what this plan adds."""

    completed: IndexRanges
    failed: IndexRanges
    cancelled: IndexRanges
    skipped: IndexRanges
    live_indexes: set[int] = field(default_factory=set)
    retries: list[tuple[Item, RunView, int]] = field(default_factory=list)  # item, last child, failures

    @classmethod
    def of(cls, status: ItemsStatus) -> "Ends":
        """Read the ranges of a row."""
        return cls(
            completed=IndexRanges.parse(status.completed_indexes),
            failed=IndexRanges.parse(status.failed_indexes),
            cancelled=IndexRanges.parse(status.cancelled_indexes),
            skipped=IndexRanges.parse(status.skipped_indexes),
        )

    def __contains__(self, index: int) -> bool:
        return index in self.completed or index in self.failed or index in self.cancelled or index in self.skipped

    @property
    def live(self) -> int:
        """Number of items that have a live child."""
        return len(self.live_indexes)

    @property
    def recorded(self) -> int:
        """Number of ended items."""
        return len(self.completed) + len(self.failed) + len(self.cancelled) + len(self.skipped)

    @property
    def last(self) -> int:
        """The largest index that ended."""
        return max(self.completed.last, self.failed.last, self.cancelled.last, self.skipped.last)

    def status(self, total: int) -> ItemsStatus:
        """Return the counts and ranges for the row."""
        return ItemsStatus(
            total=total,
            pending=total - self.recorded - self.live,
            running=self.live,
            succeeded=len(self.completed),
            failed=len(self.failed),
            cancelled=len(self.cancelled),
            skipped=len(self.skipped),
            completed_indexes=str(self.completed),
            failed_indexes=str(self.failed),
            cancelled_indexes=str(self.cancelled),
            skipped_indexes=str(self.skipped),
        )


def all_ended(status: ItemsStatus) -> bool:
    """Whether every item has ended."""
    return status.succeeded + status.failed + status.cancelled + status.skipped >= status.total


def start(draft: Draft, node: Node) -> bool:
    """Record the items and start the first of them; False where the task ended or waits instead."""
    target = _target(draft, node)
    if target is None:
        return False
    try:
        items = _items(draft, node, target)
    except TooManyItems as error:
        end_failed(draft, node, TaskReason.TOO_MANY_ITEMS, str(error))
        return False
    except (TemplateError, InvalidItem) as error:
        end_failed(draft, node, TaskReason.TEMPLATE_ERROR, str(error))
        return False
    if items is None:
        return False
    draft.set(node, items=ItemsStatus(total=len(items), pending=len(items)))
    if not len(items):
        if node.task.output:
            outputs.record(draft, node, aggregate.build(draft, node, items, Ends.of(ItemsStatus())), {})
        draft.end(node, TaskPhase.SKIPPED, TaskReason.NO_ITEMS, "there are no items")
        return False
    if node.body is Body.FORK:
        draft.end(node, TaskPhase.SUCCEEDED, start_time=draft.now)
    else:
        draft.set(node, phase=TaskPhase.RUNNING, start_time=draft.now, reason="", message="", waiting_since=None)
    advance(draft, node)
    return True


def _target(draft: Draft, node: Node) -> Target | None:
    """Return the definition that all items follow: that of the children there are, else what the reference means now."""
    first = draft.snapshot.children.any(node.name)
    if first is not None:
        return first.spec.definition_ref, None
    return resolve(draft, node)


def _items(draft: Draft, node: Node, target: Target) -> Items | None:
    """Return the items; None while the child's definition is being read."""
    memo, key = draft.snapshot.memo, ("items", node.name)
    known = memo.get(key)
    if isinstance(known, Items):
        return known
    parallel, call = node.task.parallel, node.task.run or node.task.fork
    if parallel is None:
        return None
    declared = _declared(draft, target)
    if declared is None:
        return None
    ctx, path = context(own_scope(draft)), f"tasks[{node.name}]"
    values: tuple[JsonValue, ...] | list[JsonValue] = parallel.items or ()
    if parallel.items_from is not None:
        where = f"{path}.parallel.itemsFrom"
        values = list(from_rendered(compile_template(parallel.items_from, field=where).render(ctx, field=where)))
    if len(values) > parallel.max_items:
        raise TooManyItems(len(values), parallel.max_items)
    renders = None
    if call is not None and call.params:
        body = call

        def renders(value: JsonValue, index: int) -> Mapping[str, str | int]:
            return call_params(body, ctx.with_item(value, index), field=f"{path}.{node.body}")

    items = expand(values, declared=declared, call=renders, container=call is None)
    memo[key] = items
    return items


def _declared(draft: Draft, target: Target) -> tuple[Param, ...] | None:
    ref, view = target
    if ref.task is not None:
        return ()
    if view is not None:
        return tuple(view.spec.params)
    if ref.name == draft.graph.definition and ref.revision == draft.graph.revision:
        local = draft.graph.spec.local(ref.local or "")
        return tuple(local.params if local is not None else draft.graph.spec.params)
    graph = draft.snapshot.definitions.graph(ref) if draft.snapshot.definitions else None
    return None if graph is None else graph.params


def advance(draft: Draft, node: Node) -> None:
    """Take in what became of the items, start what may start, and end the task when all have ended."""
    row, parallel = draft.row(node), node.task.parallel
    if parallel is None or row.items is None or (row.phase.ended and all_ended(row.items)):
        return
    target = _target(draft, node)
    items = _items(draft, node, target) if target else None
    if target is None or items is None:
        return
    over = timeout_at(node, row.start_time or draft.now) if node.body is not Body.FORK else None
    timed_out = over is not None and draft.now >= over
    ends = Ends.of(row.items)
    _take_in(draft, node, items, ends, timed_out=timed_out)
    tripped = parallel.fail_fast and len(ends.failed) > allowed_failures(parallel, len(items))
    if draft.stop or timed_out:
        _drop(items, ends, retries=ends.cancelled, unstarted=ends.cancelled)
    elif tripped:
        _drop(items, ends, retries=ends.failed, unstarted=ends.skipped)
    elif not draft.suspended:
        _fill(draft, node, items, ends, target)
        if over is not None:
            draft.wake(over)
    draft.set(node, items=ends.status(len(items)))
    if ends.recorded == len(items) and node.body is not Body.FORK:
        _finish(draft, node, items, ends, timed_out=timed_out)


def allowed_failures(parallel: Parallel, total: int) -> int:
    """Return `maxFailures` as a number; a percentage is of the items that count, rounded down."""
    limit = parallel.max_failures
    return limit if isinstance(limit, int) else total * int(limit.rstrip("%")) // 100


def _take_in(draft: Draft, node: Node, items: Items, ends: Ends, *, timed_out: bool) -> None:
    """Sort the items that have a child and no recorded end: live, ended, or to be tried again."""
    children = draft.snapshot.children
    for index in children.unrecorded(node.name):
        if index in ends:
            continue
        attempts = children.of(node.name, index)
        last = attempts[-1]
        if not last.status.finished:
            ends.live_indexes.add(index)
            stop_child(draft, last, timed_out=timed_out)
        elif last.status.phase in GOOD:
            ends.completed.add(index)
        elif last.status.phase is not RunPhase.FAILED:
            ends.cancelled.add(index)
        elif retry.may_retry(node.task.retry_policy, failures=len(attempts), exit_code=last.status.exit_code):
            position = items.after(index - 1)
            ends.retries.append((items.items[position], last, len(attempts)))
        else:
            ends.failed.add(index)
    _miss_lost(draft, node, items, ends)


def _miss_lost(draft: Draft, node: Node, items: Items, ends: Ends) -> None:
    """Count items as cancelled whose child was deleted before its end was recorded; they never run again."""
    started = _next(draft, node, items, ends)
    known = ends.recorded + ends.live + len(ends.retries)
    if known >= started:
        return
    for index in items.indexes[:started]:
        if index not in ends and not draft.snapshot.children.of(node.name, index):
            ends.cancelled.add(index)


def _next(draft: Draft, node: Node, items: Items, ends: Ends) -> int:
    """Return the position of the first item that has not started: items start in their order."""
    live = draft.snapshot.children.unrecorded(node.name)
    return items.after(max(ends.last, live[-1] if live else -1))


def _drop(items: Items, ends: Ends, *, retries: IndexRanges, unstarted: IndexRanges) -> None:
    """End what waits for a retry and what has not started."""
    waiting = {item.index for item, _, _ in ends.retries}
    for index in sorted(waiting):
        retries.add(index)
    ends.retries.clear()
    if ends.recorded + ends.live >= len(items):
        return
    first = items.after(ends.last) if not ends.live else 0
    for index in items.indexes[first:]:
        if index not in ends and index not in ends.live_indexes:
            unstarted.add(index)


def _fill(draft: Draft, node: Node, items: Items, ends: Ends, target: Target) -> None:
    """Start retries that are due, then the next items, as far as the window goes."""
    row, window = draft.row(node), (node.task.parallel or Parallel(items=())).max_concurrent
    held = row.waiting_since is not None and row.next_attempt_time is not None and draft.now < row.next_attempt_time
    policy = node.task.retry_policy
    for item, last, failures in ends.retries:
        if policy is None:
            continue
        due = retry.due(policy, failures=failures, ended=ended_at(last))
        if due > draft.now:
            draft.wake(due)
        elif ends.live < window and not held and not _ask(draft, node, ends, target, item, last.attempt + 1):
            held = True
    position = _next(draft, node, items, ends)
    while position < len(items) and ends.live < window and not held:
        held = not _ask(draft, node, ends, target, items.items[position], 1)
        position += 1
    if held and row.next_attempt_time is not None:
        draft.wake(row.next_attempt_time)


def _ask(draft: Draft, node: Node, ends: Ends, target: Target, item: Item, attempt: int) -> bool:
    """Ask for the child of one item; False where the server wants no more children for now."""
    text = item.text if item.positional or target[0].task is not None else None
    request = child_request(draft, node, target, item.params, attempt=attempt, index=item.index, item=text)
    refusal = draft.refusal(request.name)
    if refusal is None:
        draft.children.append(request)
        ends.live_indexes.add(item.index)
        return True
    if refusal[0] in {"Quota", "Forbidden"}:
        since = draft.row(node).waiting_since or draft.now
        at = retry_at(since, draft.now)
        reason = WaitingReason.QUOTA_EXCEEDED if refusal[0] == "Quota" else WaitingReason.RETRY_BACKOFF
        draft.set(node, waiting_since=since, next_attempt_time=at, reason=str(reason), message=refusal[1])
        draft.wake(at)
        return False
    ends.failed.add(item.index)
    return True


def _finish(draft: Draft, node: Node, items: Items, ends: Ends, *, timed_out: bool) -> None:
    """End the task: all its items have ended."""
    if node.task.output:
        try:
            outputs.record(draft, node, aggregate.build(draft, node, items, ends), {}, limit=outputs.AGGREGATE_LIMIT)
        except outputs.OutputTooLarge as error:
            end_failed(draft, node, TaskReason.OUTPUT_TOO_LARGE, str(error))
            return
    if draft.stop == TaskReason.DEADLINE_EXCEEDED:
        draft.end(node, TaskPhase.FAILED, TaskReason.DEADLINE_EXCEEDED, "the run's deadline passed")
    elif draft.stop and any(cancelled_by_stop(draft, node, index) for index in ends.cancelled):
        draft.end(node, TaskPhase.CANCELLED, draft.stop)
    elif timed_out and (len(ends.cancelled) or len(ends.failed)):
        end_failed(draft, node, TaskReason.DEADLINE_EXCEEDED, f"not done within {node.task.timeout_seconds} s")
    else:
        _judge(draft, node, items, ends)


def _judge(draft: Draft, node: Node, items: Items, ends: Ends) -> None:
    parallel = node.task.parallel or Parallel(items=())
    bad = len(ends.failed) + len(ends.cancelled)
    if not len(ends.skipped) and bad <= allowed_failures(parallel, len(items)):
        draft.end(node, TaskPhase.SUCCEEDED)
        return
    code = None if parallel.fail_fast or not len(ends.failed) else _common_exit_code(draft, node, ends.failed)
    reason = TaskReason.CHILD_FAILED if len(ends.failed) else TaskReason.CHILD_CANCELLED
    end_failed(draft, node, reason, _failure_message(draft, node, items, ends), exit_code=code)


def _failure_message(draft: Draft, node: Node, items: Items, ends: Ends) -> str:
    ranges, word = (ends.failed, "failed") if len(ends.failed) else (ends.cancelled, "were cancelled")
    first = next(iter(ranges))
    attempts = draft.snapshot.children.of(node.name, first)
    detail = f"; item {first}: {attempts[-1].status.message}" if attempts else ""
    return f"{len(ranges)} of {len(items)} items {word} (index {ranges}){detail}"


def _common_exit_code(draft: Draft, node: Node, failed: IndexRanges) -> int | None:
    codes: set[int | None] = set()
    for index in failed:
        attempts = draft.snapshot.children.of(node.name, index)
        codes.add(attempts[-1].status.exit_code if attempts else None)
        if len(codes) > 1:
            return None
    return next(iter(codes), None)


def cancelled_by_stop(draft: Draft, node: Node, index: int) -> bool:
    """Whether this run's own shutdown cancelled an item: it never started, was not retried, or was stopped."""
    attempts = draft.snapshot.children.of(node.name, index)
    if not attempts or attempts[-1].status.phase is RunPhase.FAILED:
        return True
    return draft.stops_pods or not has_started(attempts[-1])
