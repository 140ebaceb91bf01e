"""Start, stop and look at a cluster."""

import os
import shutil
import time
from pathlib import Path

from tests.cluster import binaries, controlplane, debian, kwok, node, processes, registry, service, state, volumes
from tests.cluster.layers import layer
from tests.cluster.places import Missing, cache, say
from tests.cluster.state import State

KINDS = ("real", "kwok", "none")
# In the order in which they are stopped, those of the node apart.
PROGRAMS = ("volumes", "kwok", "scheduler", "controllers", "apiserver", "etcd", "registry")


def prepare(kind: str) -> None:
    """Make what does not belong to one cluster: programs, packages, images. Quick when all is in the cache.

    Raises
    ------
    Missing
        If this machine cannot run such a cluster; says what it lacks.
    """
    if kind == "real":
        if os.geteuid() != 0:
            raise Missing("root (a real node runs containers)")
        debian.install()
    elif shutil.which("openssl") is None:
        debian.install(("openssl",))
    binaries.build()
    if kind == "real":
        for name in {name for image in registry.IMAGES for name in image.layers}:
            layer(name)


def up(directory: Path, *, kind: str, audit: bool = False, owner: int = 0, nodes: int = 10) -> State:
    """Start a cluster in `directory`, or return the one of that kind that already runs there.

    Parameters
    ----------
    kind
        ``real`` (a kubelet on containerd), ``kwok`` (simulated nodes) or ``none`` (no nodes).
    audit
        Write an audit log.
    owner
        Process with whose end the cluster may be swept away by `sweep`; 0: never.
    nodes
        How many simulated nodes.
    """
    there = State.load(directory)
    if there is not None:
        if there.node == kind and not _ended(there):
            return there
        down(directory)
    prepare(kind)
    began = time.monotonic()
    fresh = state.new(directory, node=kind, audit=audit, owner=owner, nodes=nodes)
    try:
        _start(fresh)
    except BaseException:
        down(directory, keep_logs=True)
        raise
    say(f"cluster with {kind} nodes is up ({time.monotonic() - began:.1f} s): KUBECONFIG={fresh.kubeconfig}")
    return fresh


def _start(cluster: State) -> None:
    if cluster.node == "real":  # they get ready while the control plane does
        registry.start(cluster)
        node.start_runtime(cluster)
    controlplane.start(cluster)
    volumes.start(cluster)
    if cluster.node == "real":
        service.start(cluster)
        registry.push(cluster)
        node.start_kubelet(cluster)
    elif cluster.node == "kwok":
        kwok.start(cluster)
    controlplane.wait_for_default_account(cluster)


def down(directory: Path, *, keep_logs: bool = False) -> None:
    """Stop the cluster in `directory`, if there is one, and remove its state (with `keep_logs`, but for its logs)."""
    cluster = State.load(directory)
    if cluster is None:
        return
    node.stop(cluster)
    service.stop(cluster)
    for name in PROGRAMS:
        processes.stop(cluster, name)
    logs = cluster.directory.with_name(cluster.directory.name + ".logs")
    shutil.rmtree(logs, ignore_errors=True)
    if keep_logs:
        shutil.copytree(cluster.directory / "log", logs)
        say(f"the logs of what went wrong are in {logs}")
    shutil.rmtree(cluster.directory, ignore_errors=True)  # another session may be sweeping it away at this moment


def status(directory: Path) -> dict[str, bool]:
    """Return for each program of the cluster in `directory` whether it runs; nothing if there is no cluster."""
    cluster = State.load(directory)
    if cluster is None:
        return {}
    return {path.name: processes.running(cluster, path.name) is not None for path in (directory / "pid").iterdir()}


def sweep() -> None:
    """Stop clusters of test sessions that were killed before they could."""
    for directory in (cache() / "sessions").glob("*"):
        cluster = State.load(directory)
        if cluster is not None and cluster.owner and not Path(f"/proc/{cluster.owner}").exists():
            down(directory)


def _ended(cluster: State) -> bool:
    return not all(status(cluster.directory).values())
