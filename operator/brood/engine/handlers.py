"""`handlers`: small Pods that run when the result is fixed, the matching one first, then `onExit` (§2.1)."""

from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason
from brood.engine import containers
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.plan import PodDeletion

_FIRST = {
    RunPhase.SUCCEEDED: "onSuccess",
    RunPhase.PARTIALLY_SUCCEEDED: "onSuccess",
    RunPhase.FAILED: "onFailure",
    RunPhase.CANCELLED: "onCancel",
}


def handlers_for(draft: Draft, result: RunPhase) -> list[Node]:
    """Return the handlers of a result, in the order in which they run."""
    by_name = {node.name: node for node in draft.graph.handlers}
    return [by_name[name] for name in (_FIRST.get(result, ""), "onExit") if name in by_name]


def run_handlers(draft: Draft, result: RunPhase, *, stop: bool) -> bool:
    """Run the handlers one after another; True when all have ended.

    ``stop``: Terminate was set while they run; it stops them, never the result.
    """
    for node in handlers_for(draft, result):
        if draft.ended(node):
            continue
        containers.observe(draft, node)
        row = draft.row(node)
        if draft.ended(node):
            continue
        live = containers.live(draft, node)
        if stop and live is not None:
            if not live.pod.meta.deleting:
                draft.deletions.append(PodDeletion(live.pod))
            return False
        if stop:
            draft.end(node, TaskPhase.CANCELLED, TaskReason.TERMINATED)
            continue
        if live is None and row.pod_name is None:
            if row.next_attempt_time is not None and draft.now < row.next_attempt_time:
                draft.wake(row.next_attempt_time)
            else:
                containers.start(draft, node)
            if draft.ended(node):
                continue
        return False
    return True
