"""What of all that looks like brood's is brood's: the name of a Pod or child run is derived from what it was made for.

So a copy under another name is told from it, labels, annotations and owner and all: it takes no part in the run, whoever made it.
"""

from dataclasses import replace
from itertools import chain

from brood.api.names import object_name, pod_name
from brood.cluster.parse import parse_pod, parse_run
from brood.cluster.port import Manifest
from brood.views import Malformed, PodView, RunView

ATTEMPTS = 100
"""Of a child that has lost its label, the attempt is looked for among so many."""


def own_pod(manifest: Manifest) -> PodView | Malformed:
    """Read a Pod; a copy is malformed. One that has lost its owner cannot be told."""
    pod = parse_pod(manifest)
    if isinstance(pod, Malformed) or pod.meta.owner_uid is None:
        return pod
    made = pod_name(pod.run, pod.meta.owner_uid, task=pod.task, handler=pod.handler, attempt=pod.attempt)
    if pod.meta.name == made:
        return pod
    return Malformed(pod.meta, f"metadata.name: attempt {pod.attempt} of {pod.task} of run {pod.run} is Pod {made}")


def own_run(manifest: Manifest) -> RunView | Malformed:
    """Read a run; one that claims to be a child run and is none is malformed. Which attempt a child is, its name knows too."""
    run = parse_run(manifest)
    if isinstance(run, Malformed) or run.spec.parent_ref is None:
        return run
    parent, index = run.spec.parent_ref, run.spec.parent_ref.index
    for attempt in chain((run.attempt,), range(1, ATTEMPTS)):
        if run.meta.name == object_name(parent.name, parent.uid, task=parent.task, index=index, attempt=attempt):
            return run if attempt == run.attempt else replace(run, attempt=attempt)
    told = (
        f"spec.parentRef is set by brood only, and task {parent.task} of run {parent.name} made no child run of this name: "
        "delete it; a run of your own has no parentRef"
    )
    return Malformed(run.meta, told)
