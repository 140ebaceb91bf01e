"""What the server refused to create: a wait that costs nothing, a few tries, or the end of the task (§2.1)."""

from brood.api.reasons import TaskReason, WaitingReason
from brood.engine import retry
from brood.engine.continueon import end_failed
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.waiting import clock_time, retry_at


def refused(draft: Draft, node: Node, name: str) -> bool:
    """Whether the server refused to create that object a moment ago: the row waits for another try, or has failed."""
    refusal = draft.refusal(name)
    if refusal is None:
        return False
    reason = take(draft, node, *refusal)
    if reason is not None:
        end_failed(draft, node, reason, refusal[1])
    return True


def take(draft: Draft, node: Node, kind: str, message: str) -> TaskReason | None:
    """Take in what the server said to a create a moment ago.

    "Of the answers 403 only `exceeded quota` and of the others 429 are a wait that costs nothing; […] any other 403 (Pod Security,
    LimitRange, service account) is `PodForbidden` with the server's message, an infrastructure failure with 5 tries"; but
    "a terminating namespace ends the run": there is no second try.

    Returns
    -------
    TaskReason or None
        Why it is over; None where the row waits for another try.
    """
    row = draft.row(node)
    since = row.waiting_since or draft.now
    if kind == "Quota":
        at, reason, told = retry_at(since, draft.now), WaitingReason.QUOTA_EXCEEDED, message
    elif kind == "Forbidden":
        tries = row.infra_retries + 1
        draft.set(node, infra_retries=tries)
        if tries >= retry.FORBIDDEN_TRIES:
            return TaskReason.POD_FORBIDDEN
        at = retry.infra_due(retries=tries + 1, ended=draft.now)
        reason = WaitingReason.RETRY_BACKOFF
        told = f"until {clock_time(at, draft.now)}; {TaskReason.POD_FORBIDDEN}: {message}"
    elif kind == "Terminating":
        return TaskReason.POD_FORBIDDEN
    else:
        return TaskReason.NAME_CONFLICT if kind == "NameConflict" else TaskReason.INVALID_POD
    draft.set(node, waiting_since=since, next_attempt_time=at)
    draft.say(node, reason, told)
    draft.wake(at)
    return None
