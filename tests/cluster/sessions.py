"""A cluster for as long as a test session lasts.

- ``KUBECONFIG``: an existing cluster, used instead of a real node of our own.
- ``BROOD_KEEP_CLUSTER=1``: leave the clusters running, and use them again next time.
- ``BROOD_REQUIRE_CLUSTER=1``: a machine that cannot run them is a failure and no skip.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import access, lifecycle
from tests.cluster.access import Cluster
from tests.cluster.places import Missing, cache


@contextmanager
def cluster(kind: str) -> Iterator[Cluster]:
    """Give a cluster of one of `lifecycle.KINDS` with the CRDs and an audit log; skips where there can be none."""
    there = access.existing() if kind == "real" else None
    if there is not None:
        with _skip_where_impossible():
            if shutil.which(access.kubectl_program()) is None:
                lifecycle.prepare("none")
        access.install_crds(there)
        yield there
        return
    keep = bool(os.environ.get("BROOD_KEEP_CLUSTER"))
    directory = _directory(kind, keep=keep)
    with _skip_where_impossible():
        lifecycle.sweep()
        state = lifecycle.up(directory, kind=kind, audit=True, owner=0 if keep else os.getpid())
    try:
        started = Cluster(kubeconfig=state.kubeconfig, audit_log=state.audit_log)
        access.install_crds(started)
        yield started
    finally:
        if not keep:
            lifecycle.down(directory)


@contextmanager
def _skip_where_impossible() -> Iterator[None]:
    try:
        yield
    except Missing as missing:
        verdict = pytest.fail if os.environ.get("BROOD_REQUIRE_CLUSTER") else pytest.skip
        verdict(f"the test cluster cannot run here; missing: {missing}")


def _directory(kind: str, *, keep: bool) -> Path:
    """Return where the cluster lives: a kept one where it is found again, another in a place of this session's own."""
    return cache() / f"kept-{kind}" if keep else cache() / "sessions" / f"{kind}-{os.getpid()}"
