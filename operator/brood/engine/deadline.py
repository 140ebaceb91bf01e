"""`activeDeadlineSeconds`: counted from admission; a run may only shorten what its definition says (§1, §2.1).

It is no Pod's: a kubelet's clock cannot be stopped, and "running tasks finish … deadlines stop" while a run is suspended (§2).
"""

from datetime import datetime, timedelta

from brood.api.reasons import TaskReason
from brood.engine.draft import Draft
from brood.engine.suspend import suspended_time


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
