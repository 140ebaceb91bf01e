"""The output of a plan: what to create and delete, the status to write, and when to look again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from brood.api.status import JobRunStatus
from brood.views import (
    ChildRequest,
    ClaimRequest,
    ClaimView,
    ConfigMapRequest,
    DefinitionView,
    EventRequest,
    PodRequest,
    PodView,
    RunView,
)


@dataclass(frozen=True, slots=True)
class PodDeletion:
    """Stop a Pod: its container gets TERM and ``grace_seconds`` (None: the Pod's own)."""

    pod: PodView
    grace_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class ChildShutdown:
    """Set ``spec.shutdown`` of a child run."""

    child: RunView
    shutdown: Literal["Interrupt", "Terminate"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order.

    1. ``pin``: store the revision of that definition. 2. ``config_maps``, ``claim``, ``share_claim``. 3. ``pods`` and ``children``.
    4. ``shutdowns`` and ``deletions``. 5. ``status`` (None: nothing changed), with the resourceVersion of the run that was
    planned. 6. ``releases``: finalizers of Pods whose end that status records. 7. ``events``.
    ``status_first`` puts 5 before 2: the first status of a run says that it is admitted before anything is made for it.
    A crash anywhere leaves a state from which the next plan goes on.

    ``needs`` alone (everything else empty): the plan depends on these values, (ConfigMap, key), of `outputRefs` of this run, its
    parent or its children; read them into `Snapshot.values` and plan again.
    """

    needs: tuple[tuple[str, str], ...] = ()
    pin: DefinitionView | None = None
    config_maps: tuple[ConfigMapRequest, ...] = ()
    claim: ClaimRequest | None = None
    share_claim: ClaimView | None = None  # of the run that this one reruns: lives as long as one of the two
    pods: tuple[PodRequest, ...] = ()
    children: tuple[ChildRequest, ...] = ()
    shutdowns: tuple[ChildShutdown, ...] = ()
    deletions: tuple[PodDeletion, ...] = ()
    status: JobRunStatus | None = None
    status_first: bool = False
    status_can_wait: bool = False  # only counters and Running marks changed: may be put off for a moment and coalesced
    releases: tuple[PodView, ...] = ()
    waits_for_slots: bool = False  # a pool or a limit of the namespace holds something back: look again when it changes
    delete_claim: ClaimView | None = None  # artifacts.retain: the files of this run are not kept
    delete_run: bool = False  # its ttlSecondsAfterFinished is over
    events: tuple[EventRequest, ...] = ()
    wake_at: datetime | None = None
