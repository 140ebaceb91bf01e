"""Why a Pod waits, and why one ended as it did, from its status alone.

The words of the kubelet and the scheduler are looked up in tables; whatever they say of it goes into the message.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from brood.api.reasons import TaskReason, WaitingReason
from brood.pods.text import one_line
from brood.views import ContainerEnd, PodView

IMAGE_WAITS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"}
)
"""Reasons of a kubelet that has no image yet."""

IMAGE_NEVER: Final = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Reasons of a kubelet that will never have it: waiting changes nothing."""

STARTS: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
"""A container that is on its way."""

NO_CONTAINER: Final = "ContainerStatusUnknown"
"""Reason of a kubelet that was told to end a Pod and finds no container of it, nor a log."""

START_ERRORS: Final = frozenset({"StartError", "ContainerCannotRun", "CreateContainerError", "RunContainerError"})

INFRASTRUCTURE: Final[Mapping[str, TaskReason]] = {
    # status.reason of the Pod
    "Evicted": TaskReason.EVICTED,
    "Preempting": TaskReason.PREEMPTED,
    "NodeLost": TaskReason.NODE_LOST,
    "NodeShutdown": TaskReason.EVICTED,
    "Terminated": TaskReason.EVICTED,  # a node that is shut down gracefully
    "Shutdown": TaskReason.EVICTED,
    # reason of the condition DisruptionTarget
    "PreemptionByScheduler": TaskReason.PREEMPTED,
    "PreemptionByKubeScheduler": TaskReason.PREEMPTED,
    "EvictionByEvictionAPI": TaskReason.EVICTED,
    "TerminationByKubelet": TaskReason.EVICTED,
    "DeletionByTaintManager": TaskReason.NODE_LOST,
    "DeletionByPodGC": TaskReason.NODE_LOST,
    # reason of the container's end
    NO_CONTAINER: TaskReason.NODE_LOST,
}
"""What was done to a Pod that is no fault of its task's."""

_SIGNALLED = 128


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed; ``message`` is one line of at most 256 characters."""

    reason: TaskReason
    message: str
    infrastructure: bool = False


def waiting(pod: PodView) -> tuple[str, str] | None:
    """Return why a Pod cannot start now (a reason and one line in the words of who said it), or None.

    Image reasons come as ``ImagePull``, the scheduler's as ``Unschedulable``, any other of the kubelet's as it is
    (``CreateContainerConfigError`` where a Secret or ConfigMap is missing).
    """
    if pod.ended is not None or pod.started_at is not None:
        return None
    if pod.unschedulable:
        return WaitingReason.UNSCHEDULABLE, one_line(pod.unschedulable)
    if pod.waiting_reason in STARTS:
        return None
    said = one_line(f"{pod.waiting_reason}: {pod.waiting_message}" if pod.waiting_message else pod.waiting_reason)
    if pod.waiting_reason in IMAGE_WAITS | IMAGE_NEVER:
        return WaitingReason.IMAGE_PULL, said
    return pod.waiting_reason, one_line(pod.waiting_message) or pod.waiting_reason


def is_ended(pod: PodView) -> bool:
    """Whether an attempt is over.

    "The task ends when container `main` ends" (contract §1.4), or when that can never start.
    """
    if pod.ended is not None or pod.phase in ("Succeeded", "Failed"):
        return True
    if pod.meta.deleting and (pod.node is None or pod.deletion_grace == 0):
        return True  # no kubelet will ever say more of it: its last word, or that of who deletes by force, is 0 seconds
    return pod.started_at is None and pod.waiting_reason in IMAGE_NEVER


def classify(pod: PodView) -> Failure | None:
    """Say why an ended attempt failed; None where its container exited with 0, or with a code that is its own.

    "A Pod deleted … that still exits 0 is Succeeded"; past its own deadline it is not.
    """
    if pod.reason == "DeadlineExceeded":
        return Failure(TaskReason.DEADLINE_EXCEEDED, "timeoutSeconds passed")
    end = pod.ended
    if end is not None and end.exit_code == 0:
        return None
    if end is None:
        return _never_ran(pod)
    if end.reason == "OOMKilled":
        return Failure(TaskReason.OOM_KILLED, f"out of memory (exit code {end.exit_code})")
    if end.reason in START_ERRORS:
        return Failure(TaskReason.CREATE_CONTAINER_FAILED, one_line(end.message or end.reason))
    return _disrupted(pod, end)


def _disrupted(pod: PodView, end: ContainerEnd) -> Failure | None:
    """Whether a failed container was ended from outside, and by what."""
    for word in (pod.disruption, pod.reason, end.reason):
        if word in INFRASTRUCTURE:
            return Failure(
                INFRASTRUCTURE[word], one_line(f"{word}: {pod.message}" if pod.message else word), infrastructure=True
            )
    if pod.meta.deleting and _by_deletion(pod, end):
        return _deleted(pod)
    return None


def _done_to(pod: PodView, words: Iterable[str]) -> Failure | None:
    """Return the first of the words that says what was done to the Pod."""
    for word in words:
        if word in INFRASTRUCTURE:
            said = f"{word}: {pod.message}" if pod.message else word
            return Failure(INFRASTRUCTURE[word], one_line(said), infrastructure=True)
    return None


def _by_deletion(pod: PodView, end: ContainerEnd) -> bool:
    """Whether the container ended because the Pod was deleted, not before: times have whole seconds."""
    if pod.deleted_at is None or end.finished_at is None:
        return end.exit_code > _SIGNALLED
    return end.finished_at >= pod.deleted_at - timedelta(seconds=1)


def _never_ran(pod: PodView) -> Failure:
    """Say why a Pod is over whose container never ended."""
    for word in (pod.disruption, pod.reason):
        if word in INFRASTRUCTURE:
            return Failure(
                INFRASTRUCTURE[word], one_line(f"{word}: {pod.message}" if pod.message else word), infrastructure=True
            )
    if pod.meta.deleting:
        return _deleted(pod)
    if pod.waiting_reason in IMAGE_NEVER:
        said = f"{pod.waiting_reason}: {pod.waiting_message}"
        return Failure(TaskReason.IMAGE_PULL_FAILED, one_line(said))
    if pod.reason:  # the kubelet did not admit it: OutOfcpu, NodeAffinity, UnexpectedAdmissionError, …
        said = f"the node refused the Pod: {pod.reason}: {pod.message}"
        return Failure(TaskReason.EVICTED, one_line(said), infrastructure=True)
    if pod.waiting_reason not in STARTS:
        return Failure(TaskReason.CREATE_CONTAINER_FAILED, one_line(f"{pod.waiting_reason}: {pod.waiting_message}"))
    if pod.phase == "Failed":
        return Failure(TaskReason.CREATE_CONTAINER_FAILED, one_line(pod.message) or "an init container failed")
    return Failure(TaskReason.NODE_LOST, "the Pod ended, its container was never seen to", infrastructure=True)


def _deleted(pod: PodView) -> Failure:
    return Failure(TaskReason.POD_DELETED, one_line(f"Pod {pod.meta.name} was deleted"), infrastructure=True)
