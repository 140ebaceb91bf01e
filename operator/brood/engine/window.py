"""The window of a parallel task: which items run, which are tried again, which come next, and which never will (§1.1, §2.2).

What a pass looks at is bounded by `maxConcurrent`: the items whose end the row does not record yet. The rest are ranges.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from brood.api.parallel import Parallel
from brood.api.phases import RunPhase
from brood.api.reasons import WaitingReason
from brood.api.status import ItemsStatus
from brood.engine import refusals, retry
from brood.engine.children import GOOD, ended_at, stop_child
from brood.engine.childstart import child_request
from brood.engine.draft import Draft
from brood.engine.graph import Body, Node
from brood.engine.itemends import Ends
from brood.engine.items import Item
from brood.engine.itemsource import Source
from brood.engine.ranges import IndexRanges
from brood.engine.suspend import SUSPENDED
from brood.engine.waiting import clock_time
from brood.views import RunView


@dataclass(slots=True)
class Window:
    """One pass over the items of a task."""

    draft: Draft
    node: Node
    rule: Parallel
    source: Source
    ends: Ends
    over: datetime | None  # when `timeoutSeconds` has passed
    running_before: int = 0  # items that had a live child when the row was written
    retries: list[tuple[Item, RunView]] = field(default_factory=list)  # items to be tried again, and their last child
    last_end: datetime | None = None  # the latest end of a child that was not recorded before
    dropped: bool = False  # this pass ended items that had not started, or waited for a retry
    late: bool = False  # a child was still running when `timeoutSeconds` had passed

    @property
    def timed_out(self) -> bool:
        """Whether the time for all items has passed."""
        return self.over is not None and self.draft.now >= self.over

    def take_in(self) -> None:
        """Sort the items that have a child and no recorded end: live, ended, or to be tried again."""
        children, before = self.draft.snapshot.children, self.ends.recorded + self.running_before
        for index in children.unrecorded(self.node.name):
            if index in self.ends:
                continue
            last = children.of(self.node.name, index)[-1]
            if last.status.finished:
                self._end(index, last)
            else:
                self.ends.live.add(index)
                stop_child(self.draft, last, timed_out=self.timed_out)
        self._miss_lost(before)

    def _end(self, index: int, last: RunView) -> None:
        """Take in an item whose newest child has ended."""
        at, phase, ends = ended_at(last), last.status.phase, self.ends
        self.last_end = at if self.last_end is None else max(self.last_end, at)
        if self.over is not None and (at > self.over or (at == self.over and phase is RunPhase.CANCELLED)):
            self.late = True
        if phase in GOOD:
            ends.completed.add(index)
        elif phase is not RunPhase.FAILED:
            ends.cancelled.add(index)
        elif retry.may_retry(self.node.task.retry_policy, failures=last.attempt, exit_code=last.status.exit_code):
            items = self.source.items
            self.retries.append((items.items[items.after(index - 1)], last))
        else:
            ends.failed.add(index)

    def _miss_lost(self, before: int) -> None:
        """Count items as cancelled whose child was deleted before its end was recorded; they never run again.

        ``before`` is how many the row counted as ended or running. One without a child that it did not count is no such item: its
        create has failed while those of later items came through.
        """
        for index in self._unstarted() if self._known < before else ():
            if self._known >= before:
                return
            self.ends.cancelled.add(index)

    @property
    def _known(self) -> int:
        live = self.ends.live
        return self.ends.recorded + len(live) + sum(item.index not in live for item, _ in self.retries)

    def _unstarted(self) -> Iterator[int]:
        """Yield the indexes of items that have neither a child nor an end: those that were passed over first, then the rest."""
        indexes, started = self.source.items.indexes, self._next()
        waiting = {item.index for item, _ in self.retries}
        for at in range(0 if self._known < started else started, len(indexes)):
            index = indexes[at]
            if index not in self.ends and index not in self.ends.live and index not in waiting:
                yield index

    def _next(self) -> int:
        """Return the position behind the last item that has started: items start in their order, but for creates that fail."""
        seen = self.draft.snapshot.children.unrecorded(self.node.name)
        return self.source.items.after(max(self.ends.last, seen[-1] if seen else -1))

    def drop(self, *, retries: IndexRanges, unstarted: IndexRanges) -> None:
        """End what waits for a retry and what has not started."""
        ends, items = self.ends, self.source.items
        for item, _ in self.retries:
            retries.add(item.index)
            self.dropped = True
        self.retries.clear()
        if ends.recorded + len(ends.live) >= len(items):
            return
        for index in [*self._unstarted()]:
            unstarted.add(index)
            self.dropped = True
        self.draft.say(self.node, "", "")  # none waits for its turn any more

    def fill(self) -> None:
        """Start retries that are due, then the next items, as far as `maxConcurrent` goes."""
        row, items = self.draft.row(self.node), self.source.items
        held = row.next_attempt_time is not None and self.draft.now < row.next_attempt_time
        for item, last in self._due():
            if held or self._full:
                break
            held = not self._ask(item, last.attempt + 1)
        for index in self._unstarted():
            if held or self._full:
                break
            held = not self._ask(items.items[items.after(index - 1)], 1)
        row = self.draft.row(self.node)
        if held and row.next_attempt_time is not None:
            self.draft.wake(row.next_attempt_time)
        elif next(self._unstarted(), None) is not None:
            self.draft.say(
                self.node, WaitingReason.MAX_CONCURRENT, f"maxConcurrent: {self.rule.max_concurrent} items run"
            )
        elif not held:
            self._say_back_off()

    def _say_back_off(self) -> None:
        """Say until when the task does nothing, where all that is left of it waits to be tried again."""
        policy = self.node.task.retry_policy
        if policy is None or not self.retries or self.ends.live:
            self.draft.say(self.node, "", "")
            return
        at = min(retry.due(policy, failures=last.attempt, ended=ended_at(last)) for _, last in self.retries)
        told = f"until {clock_time(at, self.draft.now)}; {len(self.retries)} items"
        self.draft.say(self.node, WaitingReason.RETRY_BACKOFF, told)

    def hold(self) -> None:
        """Say that items would start, were the run not suspended."""
        if self.retries or next(self._unstarted(), None) is not None:
            self.draft.say(self.node, WaitingReason.SUSPENDED, SUSPENDED)

    @property
    def _full(self) -> bool:
        return len(self.ends.live) >= self.rule.max_concurrent

    def _due(self) -> list[tuple[Item, RunView]]:
        """Return the retries whose wait is over, in item order; the others wake the run."""
        due: list[tuple[Item, RunView]] = []
        policy = self.node.task.retry_policy
        for item, last in self.retries:
            if policy is None:
                continue
            at = retry.due(policy, failures=last.attempt, ended=ended_at(last))
            if at > self.draft.now:
                self.draft.wake(at)
            else:
                due.append((item, last))
        return due

    def _ask(self, item: Item, attempt: int) -> bool:
        """Ask for the child of one item; False where the server wants no more children for now."""
        draft, node, target = self.draft, self.node, self.source.target
        text = item.text if item.positional or target[0].task is not None else None
        request = child_request(draft, node, target, item.params, attempt=attempt, index=item.index, item=text)
        refusal = draft.refusal(request.name)
        if refusal is not None:
            if refusals.take(draft, node, *refusal) is None:
                return False
            self.ends.failed.add(item.index)
            return True
        draft.children.append(request)
        self.ends.live.add(item.index)
        row = draft.row(node)
        if row.waiting_since is not None:
            draft.set(node, waiting_since=None, next_attempt_time=None)
        return True


def open_window(draft: Draft, node: Node, rule: Parallel, source: Source) -> Window:
    """Return the window over a task's items as its row has them."""
    row = draft.row(node)
    over = None
    if node.task.timeout_seconds is not None and node.body is not Body.FORK:
        over = (row.start_time or draft.now) + timedelta(seconds=node.task.timeout_seconds)
    status = row.items or ItemsStatus()
    ends = Ends.recall(status, draft.snapshot.memo, node.name)
    ours = status.pending + status.running + ends.recorded == status.total  # else somebody else has written it
    return Window(draft, node, rule, source, ends, over, running_before=status.running if ours else 0)
