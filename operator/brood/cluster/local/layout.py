"""Where things lie below the state directory of a local cluster."""

from dataclasses import dataclass
from pathlib import Path

from brood.layout import PodPaths, VolumeUse


@dataclass(frozen=True, slots=True)
class LocalLayout:
    """Directories in place of mounts; all paths are absolute.

    ``pods/<namespace>/<pod>/{run,work,files}`` live as long as the Pod runs, ``volumes/<namespace>/<claim>`` as long as
    the claim, ``logs/<namespace>/<pod>.log`` as long as the state directory.
    """

    state: Path

    def pod_directory(self, namespace: str, pod: str) -> Path:
        """Return the directory that is a Pod's own."""
        return self.state.joinpath("pods", namespace, pod)

    def volume_directory(self, namespace: str, claim: str) -> Path:
        """Return the directory that stands for a claim's volume."""
        return self.state.joinpath("volumes", namespace, claim)

    def log(self, namespace: str, pod: str, container: str = "main") -> Path:
        """Return the file that holds what a container wrote."""
        name = f"{pod}.log" if container == "main" else f"{pod}.{container}.log"
        return self.state.joinpath("logs", namespace, name)

    def paths(self, namespace: str, pod: str, volume: VolumeUse | None) -> PodPaths:
        """Return the paths of one Pod."""
        own = f"{self.state}/pods/{namespace}/{pod}"
        root = self.volume_root(namespace, volume.claim) if volume else ""
        return PodPaths(
            control=f"{own}/run",
            work=f"{own}/work",
            files=f"{own}/files",
            volume=root,
            artifacts=f"{root}/{volume.directory}" if volume else f"{own}/artifacts",
            termination_log=f"{own}/termination-log",
        )

    def volume_root(self, namespace: str, claim: str) -> str:
        """Return the directory of a claim's volume; artifact URLs are ``file://`` and a path below it."""
        return f"{self.state}/volumes/{namespace}/{claim}"
