"""The API server hangs or dies while runs are at work: the operator waits, and nothing is lost or done twice."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import controlplane, processes
from tests.cluster.access import Cluster
from tests.cluster.state import State
from tests.kubernetes.arenas import Arena, arena, row, simulated

AWAY_SECONDS = 6.0
ITEMS = 40


@pytest.fixture
def patient(kwok: Cluster) -> Iterator[Arena]:
    """Give an arena whose operator does not lose its Lease meanwhile."""
    with arena(kwok, options=["--lease-duration=120"]) as made:
        yield made


def _state(cluster: Cluster) -> State:
    found = State.load(cluster.kubeconfig.parent)
    assert found is not None
    return found


def _hang(state: State) -> None:
    """Let the server answer nothing for a while, on connections that stay open."""
    pid = processes.running(state, "apiserver")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    time.sleep(AWAY_SECONDS)
    os.kill(pid, signal.SIGCONT)


def _die(state: State) -> None:
    """Kill the server and start it again, as a node that comes back does."""
    pid = processes.running(state, "apiserver")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    time.sleep(AWAY_SECONDS)
    controlplane.start_apiserver(state)


@pytest.mark.parametrize("ends", [_hang, _die], ids=["hangs", "dies"])
def test_nothing_is_lost_while_the_api_server(patient: Arena, ends: Callable[[State], None]) -> None:
    tasks = [simulated("each", seconds=0.5, parallel={"items": [f"i{n}" for n in range(ITEMS)], "maxConcurrent": 4})]
    name = patient.run(tasks)
    patient.history.until(lambda: len(patient.history.ever("pods")) > 8, "the run is at work")
    ends(_state(patient.cluster))
    patient.cluster.wait(f"jr/{name}", "condition=Succeeded", namespace=patient.namespace, seconds=60)
    done = patient.cluster.get("jr", name, namespace=patient.namespace)
    assert row(done, "each")["items"]["completedIndexes"] == f"0-{ITEMS - 1}"
    pods = patient.cluster.list("pods", namespace=patient.namespace)
    indexes = [one["metadata"]["labels"]["brood.dev/index"] for one in pods]
    assert sorted(map(int, indexes)) == list(range(ITEMS))
    assert patient.operator.running
    said = [json.loads(line) for line in patient.operator.log().splitlines()]
    ours = [one for one in said if one["logger"].startswith("brood") and one["level"] in ("error", "critical")]
    assert ours == []
    assert [one["event"] for one in said].count("starting") == 1
    patient.operator.stop()  # kopf calls each try again an error, and is right
