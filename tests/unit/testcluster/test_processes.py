import json
import os
import time
from pathlib import Path

import pytest

from tests.cluster import processes, state
from tests.cluster.processes import NotReadyError
from tests.cluster.state import State


@pytest.fixture
def cluster(tmp_path: Path) -> State:
    return state.new(tmp_path / "c", node="none")


def test_a_program_and_its_children_end_together(cluster: State, tmp_path: Path) -> None:
    child = tmp_path / "child"
    processes.start(cluster, "tree", ["sh", "-c", f"sleep 60 & echo $! > {child}.new; mv {child}.new {child}; wait"])
    processes.wait_until(child.exists, state=cluster, name="tree", seconds=10)
    assert processes.running(cluster, "tree")
    processes.stop(cluster, "tree")
    assert processes.running(cluster, "tree") is None
    deadline = time.monotonic() + 5
    while processes._born(int(child.read_text())):  # its new parent has to collect it
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_that_ignores_term_is_killed(cluster: State) -> None:
    ready = cluster.directory / "ready"
    processes.start(cluster, "deaf", ["sh", "-c", f"trap '' TERM; touch {ready}; while :; do sleep 0.05; done"])
    processes.wait_until(ready.exists, state=cluster, name="deaf", seconds=10)
    processes.stop(cluster, "deaf", patience=0.2)
    assert processes.running(cluster, "deaf") is None


def test_a_recycled_process_id_is_left_alone(cluster: State) -> None:
    record = {"pid": os.getpid(), "born": "1"}  # the id is this test's now, its owner was another process
    (cluster.directory / "pid" / "old").write_text(json.dumps(record))
    assert processes.running(cluster, "old") is None
    processes.stop(cluster, "old")
    assert not (cluster.directory / "pid" / "old").exists()


def test_what_ends_too_early_is_reported_with_its_log(cluster: State) -> None:
    processes.start(cluster, "broken", ["sh", "-c", "echo no such flag >&2; exit 1"])
    with pytest.raises(NotReadyError, match=r"broken ended[^$]*no such flag"):
        processes.wait_until(lambda: False, state=cluster, name="broken", seconds=10)
    processes.stop(cluster, "broken")


def test_what_is_never_ready_is_reported(cluster: State) -> None:
    processes.start(cluster, "slow", ["sleep", "60"])
    with pytest.raises(NotReadyError, match="slow was not ready after 0 s"):
        processes.wait_until(lambda: False, state=cluster, name="slow", seconds=0.2)
    processes.stop(cluster, "slow")
