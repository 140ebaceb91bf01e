"""Which way it goes after a task: what counts as ended well, which route fires, and which failures are handled (§1.2)."""

from brood.api.phases import TaskPhase
from brood.api.reasons import TaskReason
from brood.api.status import TaskStatus
from brood.api.task import Task

ENDED = frozenset({TaskPhase.SUCCEEDED, TaskPhase.FAILED, TaskPhase.SKIPPED, TaskPhase.CANCELLED})
CODED = frozenset({TaskReason.EXIT_CODE, TaskReason.OOM_KILLED, TaskReason.CHILD_FAILED})


def counting_exit_code(row: TaskStatus) -> int | None:
    """Return the exit code where it is what ended the task; None matches no list."""
    if row.phase == TaskPhase.SUCCEEDED or row.reason in CODED:
        return row.exit_code
    return None


def lets_pass(task: Task, *, exit_code: int | None) -> bool:
    """Whether `continueOn` lets a failure with this exit code pass."""
    rule = task.continue_on
    return rule is not None and (rule.failure or (exit_code is not None and exit_code in (rule.exit_codes or ())))


def ended_well(task: Task, row: TaskStatus) -> bool:
    """Whether the tasks behind this one may start."""
    match row.phase:
        case TaskPhase.SUCCEEDED:
            return True
        case TaskPhase.FAILED:
            return lets_pass(task, exit_code=counting_exit_code(row))
        case TaskPhase.SKIPPED:
            return row.reason == TaskReason.NO_ITEMS or (task.continue_on is not None and task.continue_on.skipped)
        case _:
            return False


def fired_route(task: Task, row: TaskStatus) -> str | None:
    """Return the task whose route fires now that this one has ended, if any."""
    succeeded = row.phase == TaskPhase.SUCCEEDED or (
        row.phase == TaskPhase.SKIPPED and row.reason == TaskReason.NO_ITEMS
    )
    if not succeeded and row.phase != TaskPhase.FAILED:
        return None
    code = counting_exit_code(row)
    if code is not None:
        for route in task.on_exit_code:
            if code in route.codes:
                return route.task
    return task.on_succeeded if succeeded else task.on_failed
