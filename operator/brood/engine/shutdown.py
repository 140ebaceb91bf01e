"""`shutdown` and the deadline: why nothing new starts in a run (§2.1, §2.2)."""

from brood.api.conditions import get_condition
from brood.api.jobrun import Shutdown
from brood.api.reasons import ConditionType, RunReason, TaskReason
from brood.api.status import JobRunStatus
from brood.engine.concurrency import replacer
from brood.engine.draft import Draft
from brood.views import RunView

_REASONS = {Shutdown.INTERRUPT: TaskReason.INTERRUPTED, Shutdown.TERMINATE: TaskReason.TERMINATED}


def stop_of(draft: Draft) -> str:
    """Return why the run is being stopped: DeadlineExceeded, Terminated, Interrupted, or "".

    Which of shutdown and deadline came first is kept in the conditions, so that it holds over restarts; a deadline that passes
    while a shutdown is under way does not matter any more.
    """
    status, wanted = draft.run.status, draft.run.spec.shutdown
    if deadline_recorded(status):
        return TaskReason.DEADLINE_EXCEEDED
    if draft.replaced:
        return TaskReason.TERMINATED
    if wanted is not None and get_condition(status.conditions, ConditionType.INTERRUPTED) is not None:
        return _REASONS[wanted]
    if draft.deadline is not None and draft.now >= draft.deadline:
        return TaskReason.DEADLINE_EXCEEDED
    return _REASONS[wanted] if wanted is not None else ""


def replaced_by(draft: Draft) -> str:
    """Return the message of a run that a newer one of its key replaces, "" for any other.

    What was observed once stays in the condition Interrupted, whatever becomes of the newcomer.
    """
    seen = get_condition(draft.run.status.conditions, ConditionType.INTERRUPTED)
    if seen is not None and seen.reason == RunReason.REPLACED:
        return seen.message
    newcomer = replacer(draft.run, draft.snapshot.lock_state)
    return "" if newcomer is None else f"replaced by {newcomer.meta.name}"


def deadline_recorded(status: JobRunStatus) -> bool:
    """Whether the status says already that the deadline has passed."""
    succeeded = get_condition(status.conditions, ConditionType.SUCCEEDED)
    return succeeded is not None and succeeded.reason == RunReason.DEADLINE_EXCEEDED


def terminated_during_handlers(run: RunView) -> bool:
    """Whether Terminate came after the result was fixed."""
    seen = get_condition(run.status.conditions, ConditionType.INTERRUPTED)
    return run.spec.shutdown is Shutdown.TERMINATE and (seen is None or seen.reason != RunReason.TERMINATED)
