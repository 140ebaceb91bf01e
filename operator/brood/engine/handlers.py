"""`handlers`: small Pods that run when the result is fixed, the matching one first, then `onExit` (§2.1)."""

from brood.api.phases import RunPhase, TaskPhase
from brood.engine import containers, podstart
from brood.engine.draft import Draft
from brood.engine.graph import Node

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


def run_handlers(draft: Draft, result: RunPhase) -> bool:
    """Run the handlers one after another; True when all have ended.

    `Draft.stop` is Terminated where that was set while they run: "Terminate stops them, not the result" (§2.2).
    """
    for node in handlers_for(draft, result):
        if not draft.ended(node):
            containers.observe(draft, node)
        row = draft.row(node)
        if not row.phase.ended and row.pod_name is None:
            _start(draft, node)
        if not draft.ended(node):
            return False
    return True


def _start(draft: Draft, node: Node) -> None:
    """Start a handler, or wait until it may be tried again."""
    row = draft.row(node)
    if draft.stop:
        draft.end(node, TaskPhase.CANCELLED, draft.stop)
    elif row.next_attempt_time is not None and draft.now < row.next_attempt_time:
        draft.wake(row.next_attempt_time)
    else:
        podstart.start(draft, node)
