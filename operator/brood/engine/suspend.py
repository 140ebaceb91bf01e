"""`suspend` of a run: running tasks finish, nothing starts, deadlines stand still (§2).

A shutdown ends a suspension, also of the children that it stops; a running child of a suspended run goes on.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from brood.api.reasons import WaitingReason
from brood.api.status import JobRunStatus
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.waiting import clock_time
from brood.views import RunView

SUSPENDED = "spec.suspend is true"
"""What is said of what waits for the end of a suspension."""


def is_suspended(run: RunView) -> bool:
    """Whether nothing may start in a run."""
    return run.spec.suspend and run.spec.shutdown is None


def suspended_time(run: RunView, now: datetime) -> timedelta:
    """Return how long the run has been suspended so far: its deadline is later by that."""
    status = run.status
    current = now - status.suspended_since if status.suspended_since is not None else timedelta()
    return timedelta(seconds=status.suspended_seconds) + current


def account(run: RunView, status: JobRunStatus, now: datetime) -> JobRunStatus:
    """Return the status with the beginning or the end of a suspension noted."""
    if is_suspended(run):
        return status if status.suspended_since is not None else replace(status, suspended_since=now)
    if status.suspended_since is None:
        return status
    return replace(status, suspended_since=None, suspended_seconds=round(suspended_time(run, now).total_seconds()))


def hold(draft: Draft, node: Node) -> None:
    """Say that a task would start, were the run not suspended."""
    draft.wait(node, WaitingReason.SUSPENDED, SUSPENDED)


def resume(draft: Draft, node: Node, due: datetime) -> None:
    """Say of a task that was suspended, and still waits for its next attempt, how long that is."""
    if draft.row(node).reason == WaitingReason.SUSPENDED:
        draft.wait(node, WaitingReason.RETRY_BACKOFF, f"until {clock_time(due, draft.now)}")
