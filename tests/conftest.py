"""What all tests share: how hypothesis runs, the clusters, and how tests are spread over workers.

`tests.cluster.sessions` says how the environment changes what the fixtures `kube` and `kwok` give.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.cluster import sessions
from tests.cluster.access import Cluster

CLUSTER_FIXTURES = {"kube", "kwok"}
CLUSTER_TESTS = ("tests/kubernetes/", "tests/contract/")

# No deadline per example: the machine is shared. `HYPOTHESIS_PROFILE=thorough` is for a night.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def kube() -> Iterator[Cluster]:
    """Give a cluster with a real node and the CRDs; an existing one where ``KUBECONFIG`` names it."""
    with sessions.cluster("real") as started:
        yield started


@pytest.fixture(scope="session")
def kwok() -> Iterator[Cluster]:
    """Give a cluster with simulated nodes, the CRDs and an audit log; needs no root."""
    with sessions.cluster("kwok") as started:
        yield started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured: the properties ``figure`` that they record."""
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.getreports(outcome)]
    figures = [text for one in reports for name, text in one.user_properties if name == "figure" and one.when == "call"]
    if figures:
        terminalreporter.section("figures")
        for text in figures:
            terminalreporter.line(text)


@pytest.hookimpl(tryfirst=True)  # before `-m` selects by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a cluster by what it uses."""
    for item in items:
        used = CLUSTER_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if used:
            item.add_marker(pytest.mark.kubernetes)
        if "kwok" in used:
            item.add_marker(pytest.mark.kwok)


class _ClustersApart(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Spreads tests one by one, but one worker has all that want a real node, one all that want simulated ones alone.

    So there are three clusters at the most: each takes a quarter of a processor while nothing happens in it.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _cluster_of(file) if file.startswith(CLUSTER_TESTS) else nodeid


@cache
def _cluster_of(file: str) -> str:
    text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
    asks = set(re.findall(r"\b(kube|real|kwok|simulation): (?:Cluster|Arena)\b", text))
    return "simulated" if asks and asks <= {"kwok", "simulation"} else "real"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Schedule `-n` workers; xdist's own groups are not kept by pytest 9."""
    return _ClustersApart(config, log)
