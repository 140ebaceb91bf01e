"""Labels, annotations and finalizers that brood writes and reads.

Nothing is copied from the labels or annotations of users' objects, because GitOps tools prune by them.
"""

from typing import Final

from brood.api.base import GROUP

ROOT_RUN: Final = f"{GROUP}/root-run"
"""On Pods, children and everything else of a tree: name of the root run. ``kubectl get pods,jr -l
brood.dev/root-run=X`` is the whole tree; on JobRuns it tells children from roots, which have none."""

RUN: Final = f"{GROUP}/run"
"""Name of the run that made the object: on Pods, ConfigMaps and children (there, the parent run)."""

TASK: Final = f"{GROUP}/task"
"""Name of the task that the Pod or child was made for, or of the handler: ``onSuccess``, …, ``onExit``."""

INDEX: Final = f"{GROUP}/index"
"""Position of the item that the Pod or child was made for, counted from 0; absent where there are no items."""

ATTEMPT: Final = f"{GROUP}/attempt"
"""Which Pod or child this is of all ever made for that task or item, counted from 1; it never resets."""

DEFINITION: Final = f"{GROUP}/definition"
"""Name of the JobDefinition that the run follows; for a local definition, of the one that holds it."""

HANDLER: Final = f"{GROUP}/handler"
"""``true`` on the Pods of handlers, so that a task that is named ``onExit`` is told from the handler."""

LOCK: Final = f"{GROUP}/lock"
"""Hash of the concurrency key that the root run holds, on all Pods of its tree: such a Pod holds the key even when its run is gone."""

VOLUME: Final = f"{GROUP}/volume"
"""Name of the claim that a Pod mounts; a pod affinity on it keeps those of a ReadWriteOnce claim on one node."""

SCHEDULED_BY: Final = f"{GROUP}/scheduled-by"
"""Name of the JobDefinition whose schedule made the run; ``history`` counts by it."""

DEFINITION_UID: Final = f"{GROUP}/definition-uid"
"""On ControllerRevisions: the definition's UID; one made anew under that name has none of the old one's revisions."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
"""``brood`` on everything that brood makes."""

MANAGED_BY_BROOD: Final = "brood"
"""Value of `MANAGED_BY`."""

NONCE: Final = f"{GROUP}/nonce"
"""Annotation of a Pod: the random word that marks the frames of a large result in its log."""

CAPTURE: Final = f"{GROUP}/capture"
"""Annotation ``log`` of a Pod without a script: its log is the task's output."""

POOLS: Final = f"{GROUP}/pools"
"""Annotation of a Pod: JSON array of the pools in which it holds a slot while it lives."""

ITEM_INDEX: Final = f"{GROUP}/item-index"
"""Annotation of the Pods in an item's child run: the item's index, for ``$BROOD_INDEX``."""

SCHEDULED_TIME: Final = f"{GROUP}/scheduled-time"
"""Annotation of a run that a schedule made: the tick, RFC 3339."""

RESULT_FINALIZER: Final = f"{GROUP}/result"
"""Finalizer of a Pod: keeps it until its result is recorded or its run is deleted."""

GITOPS_MARKERS: Final = (
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
    "meta.helm.sh/release-name",
)
"""Labels or annotations that say that a GitOps tool owns an object: ``ttlSecondsAfterFinished`` is off there."""

GITOPS_MANAGERS: Final = frozenset({"argocd-controller", "argocd-application-controller"})
"""Field managers that say the same: of Argo CD's label tracking there is only a label that others use, too."""


def made_for(*, root: str, run: str, task: str, index: int | None, attempt: int) -> dict[str, str]:
    """Return the labels by which a Pod, or a child run, tells what it was made for."""
    found = {MANAGED_BY: MANAGED_BY_BROOD, ROOT_RUN: root, RUN: run, TASK: task, ATTEMPT: str(attempt)}
    if index is not None:
        found[INDEX] = str(index)
    return found
