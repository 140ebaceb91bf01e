"""`shutdown` and the deadline: why nothing new starts in a run (§2.1, §2.2)."""

from brood.api.conditions import get_condition
from brood.api.jobrun import Shutdown
from brood.api.reasons import ConditionType, RunReason, TaskReason
from brood.api.status import JobRunStatus
from brood.engine.concurrency import replacer
from brood.engine.draft import Draft

REASONS = {Shutdown.INTERRUPT: TaskReason.INTERRUPTED, Shutdown.TERMINATE: TaskReason.TERMINATED}

_RUN_REASONS: dict[str, RunReason] = {
    one: one for one in (RunReason.INTERRUPTED, RunReason.TERMINATED, RunReason.REPLACED)
}


def stop_of(draft: Draft) -> str:
    """Return why the run is being stopped: DeadlineExceeded, Terminated, Interrupted, or "".

    A deadline still ends what an Interrupt lets run; what stops everything, Terminate or the deadline, is whichever came first. That
    is kept in the conditions, so that it holds over restarts.
    """
    wanted = draft.run.spec.shutdown
    if draft.deadline_seen:
        return TaskReason.DEADLINE_EXCEEDED
    if draft.replaced:
        return TaskReason.TERMINATED
    seen = get_condition(draft.run.status.conditions, ConditionType.INTERRUPTED)
    if seen is not None and seen.reason == TaskReason.TERMINATED:
        return TaskReason.TERMINATED
    if draft.deadline is not None and draft.now >= draft.deadline:
        return TaskReason.DEADLINE_EXCEEDED
    return REASONS[wanted] if wanted is not None else ""


def shutdown_reason(draft: Draft) -> RunReason | None:
    """Return the reason of a shutdown that may have cancelled something: one that came before the deadline; else None."""
    if draft.stop in {TaskReason.INTERRUPTED, TaskReason.TERMINATED}:
        return _RUN_REASONS[draft.stop]
    seen = get_condition(draft.run.status.conditions, ConditionType.INTERRUPTED)
    first = seen.last_transition_time if seen is not None else None
    if seen is None or first is None or draft.deadline is None or first >= draft.deadline:
        return None
    return _RUN_REASONS.get(seen.reason)


def replaced_by(draft: Draft) -> str:
    """Return the message of a run that a newer one of its key replaces, "" for any other.

    What was observed once stays in the condition Interrupted, whatever becomes of the newcomer.
    """
    seen = get_condition(draft.run.status.conditions, ConditionType.INTERRUPTED)
    if seen is not None and seen.reason == RunReason.REPLACED:
        return seen.message
    newcomer = replacer(draft.run, draft.snapshot.lock, draft.snapshot.lock_state)
    return "" if newcomer is None else f"replaced by {newcomer.meta.name}"


def deadline_recorded(status: JobRunStatus) -> bool:
    """Whether the status says already that the deadline has passed."""
    succeeded = get_condition(status.conditions, ConditionType.SUCCEEDED)
    return succeeded is not None and succeeded.reason == RunReason.DEADLINE_EXCEEDED


def stop_of_handlers(draft: Draft, status: JobRunStatus) -> str:
    """Return why handlers are stopped: a Terminate that came after the result was fixed; "" otherwise.

    ``status`` is that of this plan, which notes a shutdown that was seen together with the end.
    """
    seen = get_condition(status.conditions, ConditionType.INTERRUPTED)
    late = seen is None or seen.reason == RunReason.INTERRUPTED
    return TaskReason.TERMINATED if draft.run.spec.shutdown is Shutdown.TERMINATE and late else ""
