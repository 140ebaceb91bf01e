"""What the tests on a real API server share."""

from collections.abc import Generator, Iterator

import pytest

from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, arena
from tests.kubernetes.operators import RUNNING

LINES = 60


@pytest.fixture(scope="module")
def real(kube: Cluster) -> Iterator[Arena]:
    """Give a namespace on a real node with an operator at work in it."""
    with arena(kube) as made:
        yield made


@pytest.fixture(scope="module")
def simulation(kwok: Cluster) -> Iterator[Arena]:
    """Give a namespace on simulated nodes with an operator at work in it."""
    with arena(kwok) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the operators said."""
    report = yield
    if report.failed:
        for one in RUNNING:
            report.sections.append((f"log of {one.name}", "\n".join(one.log().splitlines()[-LINES:])))
    return report
