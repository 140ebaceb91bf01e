"""`activeDeadlineSeconds`: counted from admission; a run may only shorten what its definition says (§1, §2.1).

Every Pod has what is left of it as its own `activeDeadlineSeconds`, so that it holds while no operator runs. A kubelet's clock
cannot be stopped: where "deadlines stop" because the run is suspended (§2), a Pod that it ends too early is made again.
"""

from datetime import datetime, timedelta
from math import ceil

from brood.api.reasons import TaskReason
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.suspend import suspended_time
from brood.views import TaskResult

DEADLINE_PASSED = "the run's deadline passed"
"""What the row of a task says that it ended."""


def deadline_of(draft: Draft) -> datetime | None:
    """Return when the run's time is over, None where it has no limit or was not admitted."""
    started = draft.run.status.start_time
    limits = [draft.run.spec.active_deadline_seconds]
    if draft.graph.local is None and not draft.graph.implicit:
        limits.append(draft.graph.spec.active_deadline_seconds)
    seconds = [one for one in limits if one is not None]
    if started is None or not seconds:
        return None
    return started + timedelta(seconds=min(seconds)) + suspended_time(draft.run, draft.now)


def overran(draft: Draft, ended: datetime) -> bool:
    """Whether an attempt that ended then was still running when the deadline passed.

    "A task that was running is Failed, `DeadlineExceeded`, whatever its body" (§2.1); one that had ended before is what it was,
    although that may be seen only afterwards.
    """
    if draft.stop != TaskReason.DEADLINE_EXCEEDED or draft.deadline is None:
        return False
    return draft.deadline_seen or ended > draft.deadline


def remaining_seconds(draft: Draft) -> int | None:
    """Return what is left of the run's time, at least one second; None without a limit."""
    return None if draft.deadline is None else max(1, ceil((draft.deadline - draft.now).total_seconds()))


def killed_at_deadline(draft: Draft, result: TaskResult) -> bool:
    """Whether the kubelet was as quick as the operator: no failure of the task's own."""
    late = draft.stop == result.reason == TaskReason.DEADLINE_EXCEEDED
    return late and draft.deadline is not None and (result.finished_at or draft.now) >= draft.deadline


def cut_short(draft: Draft, node: Node, result: TaskResult) -> bool:
    """Whether a kubelet stopped an attempt at a deadline that is later by now: the run was suspended, or given more time."""
    if node.handler or draft.deadline is None or result.reason != TaskReason.DEADLINE_EXCEEDED:
        return False
    ended, limit = result.finished_at or draft.now, node.task.timeout_seconds
    own = limit is not None and (result.started_at is None or ended >= result.started_at + timedelta(seconds=limit))
    moved = limit is None or bool(suspended_time(draft.run, draft.now))  # else it may be the task's own limit after all
    return not own and ended < draft.deadline and moved
