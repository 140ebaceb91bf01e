"""`podRetention` and `artifacts.retain`: which ended Pods, and which volumes, stay until their run goes (§1)."""

from brood.api.jobdefinition import PodRetention, Retain
from brood.api.phases import RunPhase
from brood.engine.graph import Graph
from brood.engine.snapshot import Snapshot
from brood.views import ClaimView, PodView


def unwanted_claim(snapshot: Snapshot) -> ClaimView | None:
    """Return the claim of an ended root run whose files are not kept, by `artifacts.retain`."""
    run, claim, wanted = snapshot.run, snapshot.claim, snapshot.artifacts
    if claim is None or wanted is None or claim.meta.deleting or claim.meta.owner_uid != run.meta.uid:
        return None
    good = run.status.phase in {RunPhase.SUCCEEDED, RunPhase.PARTIALLY_SUCCEEDED}
    dropped = wanted.retain is Retain.NEVER or (wanted.retain is Retain.ON_FAILURE and good)
    return claim if dropped else None


def is_retained(graph: Graph, pod: PodView) -> bool:
    """Whether a Pod whose end is recorded stays."""
    match graph.spec.pod_retention:
        case PodRetention.ALWAYS:
            return True
        case PodRetention.ON_FAILURE:
            return pod.ended is None or pod.ended.exit_code != 0
        case _:
            return False
