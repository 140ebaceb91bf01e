"""Which result a run gets, once every task, item and child has ended (§2.1)."""

from collections.abc import Iterator
from dataclasses import dataclass

from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import RunReason, TaskReason
from brood.api.status import TaskStatus
from brood.engine.children import ended_at
from brood.engine.draft import Draft
from brood.engine.forks import bad_children, ended_children, open_forks, stop_cancelled
from brood.engine.graph import Body, Node
from brood.engine.parallel import allowed_failures, never_ran
from brood.engine.ranges import IndexRanges
from brood.engine.routes import counting_exit_code, fired_route, lets_pass
from brood.engine.shutdown import shutdown_reason
from brood.views import RunView


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result, its reason and one line; ``exit_code`` is that of the unhandled failed tasks, if they all have the same."""

    phase: RunPhase
    reason: RunReason
    message: str = ""
    exit_code: int | None = None


_STARTED = frozenset({TaskPhase.RUNNING, TaskPhase.SUCCEEDED, TaskPhase.FAILED})


def outcome(draft: Draft) -> Outcome | None:
    """Return the result, None while something has not ended."""
    nodes = draft.graph.nodes
    if not all(draft.ended(node) for node in nodes):
        return None
    forks = [node for node in nodes if node.body is Body.FORK]
    if draft.children or any(open_forks(draft, fork) for fork in forks) or draft.snapshot.children.live:
        return None
    reason = shutdown_reason(draft)
    if reason is not None and _cancelled_something(draft, forks):
        if draft.replaced:
            return Outcome(RunPhase.CANCELLED, RunReason.REPLACED, draft.replaced)
        return Outcome(RunPhase.CANCELLED, reason, f"shutdown: {draft.run.spec.shutdown}")
    if draft.stop == TaskReason.DEADLINE_EXCEEDED and _missed_deadline(draft, forks):
        told = f"not done by {draft.deadline:%Y-%m-%d %H:%M:%S} UTC"
        return Outcome(RunPhase.FAILED, RunReason.DEADLINE_EXCEEDED, told)
    failures = [node for node in nodes if draft.row(node).phase is TaskPhase.FAILED and not handled(draft, node)]
    direct = [(fork, one) for fork in forks if not _awaits(draft, fork) for one in bad_children(draft, fork)]
    if failures or direct:
        return _failed(draft, failures, [(fork.name, name, message) for fork, (name, message, _) in direct])
    if _partially(draft):
        return Outcome(RunPhase.PARTIALLY_SUCCEEDED, RunReason.PARTIALLY_SUCCEEDED, _let_pass(draft))
    return Outcome(RunPhase.SUCCEEDED, RunReason.SUCCEEDED)


def handled(draft: Draft, node: Node) -> bool:
    """Whether a failure does not fail the run: a matching `continueOn`, or the task that its route names has started."""
    row = draft.row(node)
    if lets_pass(node.task, exit_code=counting_exit_code(row)):
        return True
    target = draft.graph.node(fired_route(node.task, row) or "")
    return target is not None and draft.row(target).phase in _STARTED


def _cancelled_something(draft: Draft, forks: list[Node]) -> bool:
    """Whether a shutdown that was seen cancelled a task, an item, or the child of a fork."""
    for node in draft.graph.nodes:
        row = draft.row(node)
        if row.phase is TaskPhase.CANCELLED and row.reason != TaskReason.DEADLINE_EXCEEDED:
            return True
        if row.phase is TaskPhase.FAILED and row.reason == TaskReason.DEADLINE_EXCEEDED and row.items is not None:
            cancelled = IndexRanges.read(row.items.cancelled_indexes)
            if any(never_ran(draft.snapshot.children.of(node.name, index)) for index in cancelled):
                return True
    return any(stop_cancelled(draft, fork) for fork in forks)


def _missed_deadline(draft: Draft, forks: list[Node]) -> bool:
    """Whether something was still to be done when the deadline passed; what had ended by then may be seen only afterwards."""
    deadline = draft.deadline
    if draft.deadline_seen or deadline is None:
        return True
    for node in draft.graph.nodes:
        row = draft.row(node)
        if row.phase is TaskPhase.CANCELLED or (row.completion_time or draft.now) > deadline:
            return True
        if row.reason == TaskReason.DEADLINE_EXCEEDED and row.completion_time == deadline:
            return True
    return any(ended_at(child) > deadline for fork in forks for child in ended_children(draft, fork))


def _awaits(draft: Draft, fork: Node) -> list[Node]:
    """Return the awaits that ran for a fork: its children count through those."""
    found = [node for node in draft.graph.nodes if fork.position in node.wait_forks]
    return [node for node in found if draft.row(node).start_time is not None]


def _failed(draft: Draft, failures: list[Node], direct: list[tuple[str, str, str]]) -> Outcome:
    told = [f"task {node.name}: {draft.row(node).reason}: {draft.row(node).message}".rstrip(": ") for node in failures]
    told += [f"fork {fork}: child run {child}: {message}".rstrip(": ") for fork, child, message in direct]
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    codes = {counting_exit_code(draft.row(node)) for node in failures}
    code = codes.pop() if len(codes) == 1 else None
    return Outcome(RunPhase.FAILED, RunReason.TASK_FAILED, told[0] + more, code)


def _partially(draft: Draft) -> bool:
    for node in draft.graph.nodes:
        row = draft.row(node)
        if _passed(draft, node):
            return True
        if row.phase is TaskPhase.SUCCEEDED and node.body is not Body.FORK and _tolerated(node, row):
            return True
    return any(child.status.phase is RunPhase.PARTIALLY_SUCCEEDED for child in _children_that_count(draft))


def _passed(draft: Draft, node: Node) -> bool:
    row = draft.row(node)
    return row.phase is TaskPhase.FAILED and lets_pass(node.task, exit_code=counting_exit_code(row))


def _tolerated(node: Node, row: TaskStatus) -> bool:
    """Whether a parallel task succeeded although items failed or were cancelled, by `maxFailures` and not by `markSuccess`."""
    if row.items is None or node.task.parallel is None:
        return False
    bad = row.items.failed + row.items.cancelled
    return 0 < bad <= allowed_failures(node.task.parallel, row.items.total) and not row.items.skipped


def _children_that_count(draft: Draft) -> Iterator[RunView]:
    """Yield the children of tasks that succeeded; those of a fork count through the awaits that ran for it, else directly.

    An attempt before the last one failed, so it was not PartiallySucceeded.
    """
    for node in draft.graph.nodes:
        if node.task.parallel is None and node.body not in {Body.RUN, Body.FORK}:
            continue
        through = _awaits(draft, node) if node.body is Body.FORK else ()
        if any(draft.row(one).phase is TaskPhase.SUCCEEDED for one in through or (node,)):
            yield from draft.snapshot.children.all(node.name)


def _let_pass(draft: Draft) -> str:
    passed = [node.name for node in draft.graph.nodes if _passed(draft, node)]
    return f"let pass: {', '.join(passed)}" if passed else "some items or children did not succeed"
