"""``brood operator`` as a process: how it starts, stands by, stops, and what it leaves behind."""

import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brood import __version__
from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, script
from tests.kubernetes.operators import Operator, operators

LEASE = "brood-operator"
QUICK = ("--lease-duration=3",)
CPU_SECONDS = 2.5


def cpu(operator: Operator) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{operator.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scrape(operator: Operator) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{operator.metrics_port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def leads(operator: Operator) -> bool:
    return f'leader_election_master_status{{name="{LEASE}"}} 1.0' in scrape(operator)


def holder(cluster: Cluster, namespace: str) -> str:
    return str(cluster.get("lease", LEASE, namespace=namespace)["spec"]["holderIdentity"])


@pytest.fixture
def home(kube: Cluster) -> Iterator[str]:
    with kube.namespace() as namespace:
        yield namespace


def test_it_is_ready_soon_and_stops_at_once_leaving_the_lease_free(kube: Cluster, home: str) -> None:
    with operators(kube, home, home=home) as (one,):
        one.start()
        assert cpu(one) < CPU_SECONDS  # not the time of day: the machine is shared
        assert (one.probe("healthz"), one.probe("readyz")) == (200, 200)
        assert f'brood_build_info{{version="{__version__}"}} 1.0' in scrape(one)
        assert holder(kube, home)
        asked = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - asked < 3
        assert holder(kube, home) == ""


def test_a_standby_is_ready_and_takes_over_when_the_leader_stops_or_dies(kube: Cluster, home: str) -> None:
    with operators(kube, home, home=home, number=3, options=QUICK) as (first, second, third):
        first.start()
        second.start()
        assert (leads(first), leads(second)) == (True, False)
        assert "controller_runtime_reconcile_total" not in scrape(second)
        assert first.stop() == 0
        wait_until(lambda: leads(second), seconds=5)
        third.start()
        second.kill()
        wait_until(lambda: leads(third), seconds=15)
        wait_until(lambda: third.probe() == 200, seconds=5)


def test_one_that_is_killed_and_restarts_under_its_own_name_leads_at_once(kube: Cluster, home: str) -> None:
    """As a container does in its Pod; the Lease of the dead would last for another ten minutes."""
    with operators(kube, home, home=home, options=("--lease-duration=600", "--identity=pod_uid")) as (one,):
        one.start()
        one.kill()
        one.start()
        wait_until(lambda: leads(one), seconds=20)
        assert holder(kube, home) == "pod_uid"


def test_who_loses_the_lease_ends_with_1_and_writes_nothing_more(kube: Cluster, home: str) -> None:
    with operators(kube, home, home=home, options=QUICK) as (one,):
        one.start()
        usurped = '{"spec": {"holderIdentity": "another", "leaseTransitions": 7}}'
        kube.kubectl("patch", "lease", LEASE, "-n", home, "--type=merge", "-p", usurped)
        assert one.wait(seconds=10) == 1
        assert holder(kube, home) == "another"
        said = [line for line in one.log().splitlines() if '"the process ends"' in line]
        assert len(said) == 1
        assert "another holds it" in said[0]


def test_a_frozen_leader_that_wakes_ends_before_it_writes(kube: Cluster, home: str) -> None:
    with operators(kube, home, home=home, number=2, options=QUICK) as (first, second):
        first.start()
        second.start()
        first.freeze()
        wait_until(lambda: leads(second), seconds=15)
        first.wake()
        assert first.wait(seconds=10) == 1
        assert leads(second)


def test_nothing_of_kopf_is_left_on_the_objects_of_users(real: Arena) -> None:
    name = real.run([script("a", "true")])
    done = real.ended(name)
    for found in (done, real.cluster.get("jd", name, namespace=real.namespace)):
        meta = found["metadata"]
        assert "finalizers" not in meta
        assert not [key for key in meta.get("annotations", {}) if "kopf" in key]
    events = real.cluster.list("events", namespace=real.namespace)
    assert not [one for one in events if "kopf" in str(one.get("source")) + str(one.get("reportingComponent"))]


def test_kopf_rings_only_for_new_roots(real: Arena) -> None:
    """The door is narrow on the server's side: the audit log shows its selectors."""
    log = real.cluster.audit_log
    if log is None:
        pytest.skip("the cluster writes no audit log")
    path = f"/namespaces/{real.namespace}/jobruns?"
    asked = [
        line for line in log.read_text().splitlines() if path in line and "labelSelector=!brood.dev/root-run" in line
    ]
    assert asked
    assert all("fieldSelector=status.phase%3D" in line for line in asked)


def wait_until(holds: Any, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)
