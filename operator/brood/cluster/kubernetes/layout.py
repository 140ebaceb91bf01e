"""Where things are inside a Pod on Kubernetes: fixed mount points."""

from typing import Final

from brood.layout import PodPaths, VolumeUse

VOLUME: Final = "/brood/volume"
"""Where every Pod of a tree sees the root run's volume, read-only."""


class KubernetesLayout:
    """The paths are the same in every Pod, so that an artifact's URL is right in any Pod of the tree."""

    def paths(self, namespace: str, pod: str, volume: VolumeUse | None) -> PodPaths:  # noqa: ARG002
        """Return the paths of one Pod."""
        return PodPaths(
            control="/brood/run",
            work="/brood/work",
            files="/brood/files",
            volume=VOLUME if volume else "",
            artifacts="/brood/artifacts",
            termination_log="/dev/termination-log",
        )

    def volume_root(self, namespace: str, claim: str) -> str:  # noqa: ARG002
        """Return where the volume is seen by any Pod of the tree."""
        return VOLUME
