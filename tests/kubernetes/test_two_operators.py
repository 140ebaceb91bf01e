"""Two operators on one API server while runs are at work: one of them freezes, wakes, dies."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.cluster.access import Cluster
from tests.kubernetes.arenas import definition, fresh, row, run, simulated
from tests.kubernetes.history import History, Object, watching
from tests.kubernetes.operators import Operator, operators

TAKE_OVER_SECONDS = 20.0
ITEMS = 60


class Pair(NamedTuple):
    """A namespace with a leader and a standby."""

    cluster: Cluster
    namespace: str
    history: History
    leader: Operator
    standby: Operator


@pytest.fixture
def pair(kwok: Cluster) -> Iterator[Pair]:
    """Give two operators with the times of a real installation."""
    with (
        kwok.namespace() as namespace,
        watching(kwok, namespace) as history,
        operators(kwok, namespace, home=namespace, number=2) as (leader, standby),
    ):
        leader.start()
        standby.start()
        assert '"leading"' in leader.log()
        assert '"leading"' not in standby.log()
        yield Pair(kwok, namespace, history, leader, standby)


def _work() -> tuple[str, list[Object]]:
    """Return a run that is at work for half a minute: items, a chain, a fork, a retry."""
    name = fresh()
    item = [{"name": "work", "container": {"image": "a", "command": ["true"]}}]
    each = {
        "name": "each",
        "run": {"definitionRef": {"name": "item"}},
        "parallel": {"items": [{"KWOK_RUN_FOR": f"{2000 + number}ms"} for number in range(ITEMS)], "maxConcurrent": 5},
    }
    chain = [simulated("step-0", seconds=1)]
    chain += [simulated(f"step-{n}", seconds=1, dependsOn=[f"step-{n - 1}"]) for n in range(1, 12)]
    retried = {"limit": 3, "intervalSeconds": 2}
    fails = simulated("fails", seconds=3, code=1, retryPolicy=retried, continueOn={"failure": True})
    local = {"name": "item", "params": [{"name": "KWOK_RUN_FOR"}], "tasks": item}
    return name, [definition(name, [each, *chain, fails], definitions=[local]), run(name, name)]


def test_a_frozen_leader_loses_nothing_and_does_nothing_twice(
    pair: Pair, record_property: Callable[[str, object], None]
) -> None:
    name, work = _work()
    pair.cluster.apply(work, namespace=pair.namespace)
    pair.history.until(lambda: len(pair.history.ever("pods")) > 10, "the run is at work")
    pair.leader.freeze()
    frozen = time.monotonic()
    pair.history.until(lambda: '"leading"' in pair.standby.log(), "the other one leads")
    took = time.monotonic() - frozen
    record_property("figure", f"a frozen leader's work was taken over after {took:.1f} s")
    assert took <= TAKE_OVER_SECONDS
    known = len(pair.history.ever("pods"))
    pair.history.until(lambda: len(pair.history.ever("pods")) > known, "the other one works")
    pair.leader.wake()
    assert pair.leader.wait(seconds=10) == 1
    done = pair.history.ended(name, seconds=100)
    assert done["status"]["phase"] == "PartiallySucceeded"
    assert row(done, "each")["items"]["completedIndexes"] == f"0-{ITEMS - 1}"
    made = pair.history.attempts()
    twice = {task: number for (_, task, _), number in made.items() if number != 1}
    assert twice == {"fails": 4}
    assert len(made) == ITEMS + 12 + 1
    assert len(pair.history.ever("jobruns")) == 1 + ITEMS
    ends = {one["metadata"]["name"]: one["status"]["phase"] for one in pair.history.ever("jobruns", run=name)}
    assert set(ends.values()) == {"Succeeded"}
    pair.history.until(
        lambda: not any("finalizers" in one["metadata"] for one in pair.history.now("pods")), "all released"
    )
