"""The status of a Pod, shaped as a kubelet writes it."""

from collections.abc import Sequence
from typing import Any

from brood.cluster.local.container import Container

NODE_NAME = "local"


def _conditions(now: str, *, initialized: bool, ready: bool, done: bool) -> list[dict[str, Any]]:
    def condition(name: str, *, true: bool) -> dict[str, Any]:
        made = {"type": name, "status": "True" if true else "False", "lastTransitionTime": now}
        if not true:
            made["reason"] = "PodCompleted" if done else "ContainersNotReady"
        return made

    return [
        condition("PodScheduled", true=True),
        condition("Initialized", true=initialized),
        condition("ContainersReady", true=ready),
        condition("Ready", true=ready),
    ]


def unschedulable(message: str, *, now: str) -> dict[str, Any]:
    """Return the status of a Pod that no node can take yet."""
    return {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": message,
                "lastTransitionTime": now,
            }
        ],
    }


def on_node(
    phase: str, *, inits: Sequence[Container], mains: Sequence[Container], start_time: str, now: str
) -> dict[str, Any]:
    """Return the status of a Pod that the node has taken."""
    done = phase in ("Succeeded", "Failed")
    status: dict[str, Any] = {
        "phase": phase,
        "startTime": start_time,
        "hostIP": "127.0.0.1",
        "podIP": "127.0.0.1",
        "conditions": _conditions(
            now, initialized=all(one.succeeded for one in inits), ready=phase == "Running", done=done
        ),
        "containerStatuses": [one.status() for one in mains],
    }
    if inits:
        status["initContainerStatuses"] = [one.status() for one in inits]
    return status
