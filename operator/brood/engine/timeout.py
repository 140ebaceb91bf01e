"""`timeoutSeconds` of a Pod (§1.1): the kubelet keeps it, also while no operator runs; where none does, the operator."""

from dataclasses import replace
from datetime import datetime, timedelta

from brood.api.reasons import TaskReason
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.engine.plan import PodDeletion
from brood.views import PodView, TaskResult

HANDLER_SECONDS = 300
"""Time of a handler that sets no `timeoutSeconds`."""

KUBELET_SECONDS = 5
"""So much longer than its time and its grace a Pod may go on; then its node is gone, or simulated, and it is deleted."""

GRACE_SECONDS = 30
"""Of a Pod that asks for no other, from the kubelet's TERM to its KILL."""


def handler_seconds(node: Node) -> int:
    """Return the time that a handler has."""
    return node.task.timeout_seconds or HANDLER_SECONDS


def stop_overdue(draft: Draft, node: Node, pod: PodView) -> None:
    """Delete a Pod that no kubelet stopped when its time was over."""
    over = _over(node, pod)
    if over is None or pod.meta.deleting:
        return
    if draft.now >= over:
        draft.deletions.append(PodDeletion(pod))
    else:
        draft.wake(over)


def judged(draft: Draft, node: Node, pod: PodView, result: TaskResult) -> TaskResult:
    """Return what became of a Pod; one that was deleted because its time was over has failed by that."""
    over, ended = _over(node, pod), result.finished_at or draft.now
    if over is not None and pod.meta.deleting and ended >= over and not draft.stop:
        return replace(
            result, reason=TaskReason.DEADLINE_EXCEEDED, message="timeoutSeconds passed", infrastructure=False
        )
    return result


def _over(node: Node, pod: PodView) -> datetime | None:
    seconds = handler_seconds(node) if node.handler else node.task.timeout_seconds
    if seconds is None or pod.started_at is None:
        return None
    return pod.started_at + timedelta(seconds=seconds + _grace(node) + KUBELET_SECONDS)


def _grace(node: Node) -> int:
    spec = (node.task.pod_template or {}).get("spec")
    asked = spec.get("terminationGracePeriodSeconds") if isinstance(spec, dict) else None
    return asked if isinstance(asked, int) else GRACE_SECONDS
