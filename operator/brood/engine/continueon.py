"""`continueOn.markSuccess`: the one place where a failure for good becomes a success (§1.1)."""

from datetime import datetime

from brood.api.phases import TaskPhase
from brood.api.reasons import TaskReason
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.routes import CODED, lets_pass


def end_failed(
    draft: Draft, node: Node, reason: str, message: str, *, exit_code: int | None = None, at: datetime | None = None
) -> None:
    """End a task that failed for good: Succeeded in every respect where `markSuccess` says so, keeping its exit code."""
    rule = node.task.continue_on
    counting = exit_code if reason in CODED else None
    stopped = draft.stop == TaskReason.DEADLINE_EXCEEDED  # "no `continueOn` applies" (§2.1)
    marked = not stopped and rule is not None and rule.mark_success and lets_pass(node.task, exit_code=counting)
    when = at or draft.now
    if marked:
        draft.end(node, TaskPhase.SUCCEEDED, exit_code=exit_code, completion_time=when)
    else:
        draft.end(node, TaskPhase.FAILED, reason, message, exit_code=exit_code, completion_time=when)
