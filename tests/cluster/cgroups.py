"""The control groups of a node: a root of its own, so that two kubelets never clean up after one another."""

import os
import signal
import time
from pathlib import Path

from tests.cluster.state import State

MOUNTS = Path("/proc/mounts")
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


def is_v1() -> bool:
    """Whether this machine has the first version of control groups, one hierarchy a controller."""
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists()


def make(state: State) -> None:
    """Make the cluster's control group in every hierarchy."""
    for root in _hierarchies():
        group = root / state.identity
        if not is_v1():
            wanted = " ".join(f"+{name}" for name in (root / "cgroup.controllers").read_text().split())
            (root / "cgroup.subtree_control").write_text(wanted)
        group.mkdir(exist_ok=True)
        for name in CPUSET_FILES:  # a new group of a v1 hierarchy has no processors until it is given some
            if is_v1() and (group / name).exists() and not (group / name).read_text().strip():
                (group / name).write_text((root / name).read_text())


def remove(state: State) -> None:
    """Kill what still runs in the cluster's control group, which are its containers, and remove the group."""
    groups = [root / state.identity for root in _hierarchies(v2_beside_v1=True)]
    for _ in range(100):
        members = {int(pid) for group in groups for file in group.rglob("cgroup.procs") for pid in _read(file)}
        if not members:
            break
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)
    for group in groups:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()


def _read(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []  # the group went away, or is of a kind that has no members


def _hierarchies(*, v2_beside_v1: bool = False) -> list[Path]:
    """Return where the hierarchies are mounted; beside v1 ones there may be one of v2, where runc makes groups too."""
    kinds = {"cgroup", "cgroup2"} if v2_beside_v1 else {"cgroup" if is_v1() else "cgroup2"}
    lines = [line.split() for line in MOUNTS.read_text().splitlines()]
    return [Path(words[1]) for words in lines if words[2] in kinds and words[1].startswith("/sys/fs/cgroup")]
