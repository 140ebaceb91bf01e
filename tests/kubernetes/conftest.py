"""The clusters that tests ask for: `kube` with a real node, `kwok` with simulated ones; started on first use.

- ``KUBECONFIG``: an existing cluster, used as `kube` instead of one of our own.
- ``BROOD_KEEP_CLUSTER=1``: leave the clusters running, and use them again next time.
- ``BROOD_REQUIRE_CLUSTER=1``: a machine that cannot run them is a failure and no skip.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import access, lifecycle
from tests.cluster.access import Cluster
from tests.cluster.places import Missing, cache


@pytest.fixture(scope="session")
def kube() -> Iterator[Cluster]:
    """Give a cluster with a real node and the CRDs."""
    there = access.existing()
    if there is not None:
        lifecycle.prepare("none")  # for kubectl
        access.install_crds(there)
        yield there
        return
    with _cluster("real", audit=True) as started:
        yield started


@pytest.fixture(scope="session")
def kwok() -> Iterator[Cluster]:
    """Give a cluster with simulated nodes, the CRDs and an audit log; needs no root."""
    with _cluster("kwok", audit=True) as started:
        yield started


@contextmanager
def _cluster(kind: str, *, audit: bool) -> Iterator[Cluster]:
    keep = bool(os.environ.get("BROOD_KEEP_CLUSTER"))
    directory = _directory(kind, keep=keep)
    try:
        lifecycle.sweep()
        state = lifecycle.up(directory, kind=kind, audit=audit, owner=0 if keep else os.getpid())
    except Missing as missing:
        if os.environ.get("BROOD_REQUIRE_CLUSTER"):
            pytest.fail(f"the test cluster cannot run here; missing: {missing}")
        pytest.skip(f"the test cluster cannot run here; missing: {missing}")
    try:
        cluster = Cluster(kubeconfig=state.kubeconfig, audit_log=state.audit_log if audit else None)
        access.install_crds(cluster)
        yield cluster
    finally:
        if not keep:
            lifecycle.down(directory)


def _directory(kind: str, *, keep: bool) -> Path:
    """Return where the cluster lives: a kept one in a place to find it again, another in one of this session's own."""
    return cache() / f"kept-{kind}" if keep else cache() / "sessions" / f"{kind}-{os.getpid()}"
