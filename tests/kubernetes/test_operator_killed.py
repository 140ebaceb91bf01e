"""The operator is killed with SIGKILL and started again: nothing is lost, nothing is done twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.cluster.access import Cluster
from tests.cluster.places import PROJECT
from tests.kubernetes.arenas import Arena, arena, definition, row, run, simulated
from tests.kubernetes.history import History, Object

EXAMPLE = PROJECT / "examples/02-parallel-video"


def _splits(history: History) -> bool:
    return any(one["metadata"]["labels"]["brood.dev/task"] == "split" for one in history.ever("pods"))


def _both_children_exist(history: History) -> bool:
    return len(history.ever("jobruns", run="encode")) == 2


def _both_children_have_ended(history: History) -> bool:
    made = history.ever("jobruns", run="encode")
    return len(made) == 2 and all("completionTime" in one.get("status", {}) for one in made)


MOMENTS: dict[str, Callable[[History], bool]] = {
    "the split begins": _splits,
    "both children exist": _both_children_exist,
    "both children have ended": _both_children_have_ended,
}


@pytest.fixture(scope="module")
def disturbed(kube: Cluster) -> Iterator[dict[str, Arena]]:
    """Give for each of `MOMENTS` a run of example 02 whose operator was killed then; they run side by side."""
    with ExitStack() as stack:
        arenas = {moment: stack.enter_context(arena(kube)) for moment in MOMENTS}
        threads = [threading.Thread(target=_disturb, args=(arenas[moment], MOMENTS[moment])) for moment in MOMENTS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield arenas


def _disturb(one: Arena, comes: Callable[[History], bool]) -> None:
    one.apply(EXAMPLE)
    one.history.until(lambda: comes(one.history), "the moment to kill the operator", seconds=90)
    one.kill_and_restart()


@pytest.mark.parametrize("moment", MOMENTS)
def test_o19_example_02_survives_the_operators_death_when(disturbed: dict[str, Arena], moment: str) -> None:
    one = disturbed[moment]
    done = one.ended("encode", seconds=100)
    assert (done["status"]["phase"], done["status"]["progress"]) == ("Succeeded", "7/7")
    assert one.operator.log().count('"starting"') == 2, "it was killed once"
    assert set(one.history.attempts().values()) == {1}
    assert len(one.history.ever("pods")) == 4 + 2 * 2
    assert len(one.history.ever("jobruns", run="encode")) == 2
    assert {child["status"]["phase"] for child in one.history.ever("jobruns")} == {"Succeeded"}


def _tree() -> list[Object]:
    """Return a tree with everything that has to be remembered: order, items, forks, a failure, a retry."""
    item = [{"name": "work", "container": {"image": "a", "command": ["true"]}}]
    return [
        definition("leaf", [simulated("leaf", seconds=0.3)], params=[{"name": "NUMBER"}]),
        definition(
            "tree",
            [
                simulated("first", seconds=0.3),
                {"name": "fork", "dependsOn": ["first"], "fork": {"definitionRef": {"name": "leaf"}}},
                {
                    "name": "items",
                    "dependsOn": ["first"],
                    "run": {"definitionRef": {"name": "item"}},
                    "parallel": {"items": [{"KWOK_RUN_FOR": f"{n * 100}ms"} for n in range(1, 7)], "maxConcurrent": 2},
                },
                simulated("fails", code=3, dependsOn=["first"], retryPolicy={"limit": 1}, continueOn={"failure": True}),
                {"name": "joined", "await": {"tasks": ["fork"]}},
                simulated("last", dependsOn=["items", "fails", "joined"]),
            ],
            definitions=[{"name": "item", "params": [{"name": "KWOK_RUN_FOR"}], "tasks": item}],
        ),
    ]


def test_o19_a_tree_survives_an_operator_that_dies_again_and_again(kwok: Cluster) -> None:
    """It is killed at ten moments that fall as they fall; `tests/local` has every write for itself."""
    with arena(kwok) as one:
        one.apply(*_tree())
        one.apply(run("tree", "tree"))
        for number in range(10):
            time.sleep(0.2 + number * 0.06)
            one.kill_and_restart()
        done = one.ended("tree")
        assert done["status"]["phase"] == "PartiallySucceeded"
        assert row(done, "items")["items"]["completedIndexes"] == "0-5"
        assert row(done, "fails")["attempt"] == 2
        made = one.history.attempts()
        twice = {task: count for (_, task, _), count in made.items() if count != 1}
        assert twice == {"fails": 2}
        assert len(one.history.ever("jobruns")) == 1 + 1 + 6
        assert len(made) == 1 + 1 + 6 + 1 + 1
        one.history.until(
            lambda: not any("finalizers" in pod["metadata"] for pod in one.history.now("pods")), "released"
        )
