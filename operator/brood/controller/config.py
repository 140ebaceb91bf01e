"""The operator's configuration: one frozen object, made by the command line or the chart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Config:
    """What an operator is told at its start; every default is what most clusters want.

    Times are seconds.
    """

    namespaces: tuple[str, ...] | None = None  # None: all of them
    workers: int = 32  # keys that are worked on at once
    creates_in_flight: int = 16  # creates of one plan that are on their way at once
    status_interval: float = 0.2  # a run's counters are written at most this often
    status_patience: float = 0.0  # counters and Running marks that are younger than that are not written yet
    definition_interval: float = 5.0  # a definition's activeRuns likewise
    resync_interval: float = 600.0  # how often every unfinished run is looked at without a reason
    backoff_first: float = 0.05
    backoff_most: float = 30.0
    crashes_until_stalled: int = 3  # failed passes after which a run says itself that it is stuck
    revisions_kept: int = 512  # specs of revisions, and their graphs, that are kept in memory
    revision_history: int = 10  # stored revisions of a definition that stay although no run names them
    values_kept: int = 16 * 1024 * 1024  # characters of large outputs that are kept in memory
    max_depth: int = 16  # "Runs nest to a depth of 16"
    definition_wait: int = 300  # "Applied before its definition, a root run waits 5 minutes"
    pools: Mapping[str, int] = field(default_factory=dict)  # sizes of pools; one that is not named here has one slot
    max_runs: int | None = None  # active root runs of a namespace
    max_pods: int | None = None  # live Pods of a namespace
    max_volumes: int | None = None  # artifact volumes of a namespace
    pod_defaults: Mapping[str, Any] = field(
        default_factory=dict
    )  # a PodTemplateSpec that lies under the Pod of every task
    refuse_invalid: bool = False  # an invalid definition ends its runs at once: nobody is there to mend it
