"""Where things are inside of Pods: the one place that the builders of Pods and the clusters agree on."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """The claim that a Pod mounts, whole and read-only, and the directory on it that is this attempt's own."""

    claim: str
    directory: str
    single_node: bool  # ReadWriteOnce: the Pods that mount it are kept on one node


@dataclass(frozen=True, slots=True)
class PodPaths:
    """Absolute paths as the container sees them."""

    control: str  # the runner's own files: FIFO, captured stdout, $BROOD_OUTPUT, $BROOD_INPUTS
    work: str  # $BROOD_WORKDIR, empty at start
    files: str  # files projected from ConfigMaps
    volume: str  # the root run's volume, read-only; "" without one
    artifacts: str  # this attempt's own directory, writable: on the volume where there is one
    termination_log: str


class Layout(Protocol):
    """Which paths a cluster gives to Pods: fixed mount points on Kubernetes, directories on the local node."""

    def paths(self, namespace: str, pod: str, volume: VolumeUse | None) -> PodPaths:
        """Return the paths of one Pod."""

    def volume_root(self, namespace: str, claim: str) -> str:
        """Return where the volume is seen by any Pod of the tree; artifact URLs are ``file://`` and a path below it."""
