"""What is kept and what goes: ended Pods (`podRetention`), volumes (`artifacts.retain`), revisions (§1, §2)."""

from collections.abc import Container, Iterable

from brood.api.jobdefinition import Artifacts, PodRetention, Retain
from brood.api.phases import RunPhase
from brood.engine.graph import Graph
from brood.engine.snapshot import Snapshot
from brood.views import ClaimView, PodView, RevisionView, RunView


def unwanted_claim(snapshot: Snapshot) -> ClaimView | None:
    """Return the claim of an ended root run whose files are not kept, by `artifacts.retain`."""
    run, claim = snapshot.run, snapshot.claim
    if claim is None or not claim.made or claim.meta.deleting or snapshot.claim_shared or not run.is_root:
        return None
    return None if keeps_files(snapshot.artifacts, run) else claim


def keeps_files(wanted: Artifacts | None, run: RunView) -> bool:
    """Whether the files of an ended root run stay, by `artifacts.retain`."""
    good = run.status.phase in {RunPhase.SUCCEEDED, RunPhase.PARTIALLY_SUCCEEDED}
    retain = Retain.ALWAYS if wanted is None else wanted.retain
    return retain is Retain.ALWAYS or (retain is Retain.ON_FAILURE and not good)


def is_retained(graph: Graph, pod: PodView) -> bool:
    """Whether a Pod whose end is recorded stays."""
    match graph.spec.pod_retention:
        case PodRetention.ALWAYS:
            return True
        case PodRetention.ON_FAILURE:
            return pod.ended is None or pod.ended.exit_code != 0
        case _:
            return False


def unneeded_revisions(
    revisions: Iterable[RevisionView], *, named: Container[str], current: str | None, kept: int
) -> list[RevisionView]:
    """Return the revisions of one definition that go, the oldest first.

    Contract §2: "brood collects revisions that no run names, beyond the last 10".

    Parameters
    ----------
    named
        Names of revisions that runs follow, whatever became of these runs.
    current
        The revision that the next run would follow; None where the definition is gone.
    kept
        How many that nobody names stay.
    """
    unused = [one for one in revisions if one.meta.name not in named and one.meta.name != current]
    unused.sort(key=lambda one: (one.meta.created_at, one.number))
    return unused[: max(0, len(unused) - kept)]
