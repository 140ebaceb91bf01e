"""What work costs, on simulated nodes: time per step, requests per run and item, memory, and the size of a parent.

Figures are shown at the end of the session. Times are compared with those of the same Pods in the same cluster:
on a machine that is shared nothing else means anything. ``BROOD_THOROUGH=1`` plays 10,000 items too.
"""

import itertools
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import audit
from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, definition, fresh, row, run, simulated
from tests.kubernetes.history import Object
from tests.kubernetes.operators import Operator, operator

AGENT = "brood/"
STEPS = 20
STEP_SECONDS = 0.06
WRITES_PER_RUN = 6
WRITES_PER_ITEM = 6
EVENTS_PER_RUN = 2
PARENT_BYTES = 64 * 1024
Record = Callable[[str, object], None]
APART = {"create events", "create leases", "patch leases"}


def written(cluster: Cluster, namespace: str) -> Counter[str]:
    """Count what operators wrote in a namespace until now."""
    assert cluster.audit_log is not None
    return audit.writes(cluster.audit_log, agent=AGENT, namespace=namespace)


def _ended_pods(simulation: Arena, name: str) -> list[Object]:
    """Return a chain's Pods in order once all have ended; the watch of runs may be ahead of that of Pods."""
    pods = simulation.history.ever("pods", run=name)
    over = len(pods) == STEPS and all(one["status"]["phase"] == "Succeeded" for one in pods)
    return sorted(pods, key=lambda one: str(one["metadata"]["labels"]["brood.dev/task"])) if over else []


def _chain(simulation: Arena) -> tuple[list[float], list[float]]:
    """Play a chain, and return how long its Pods took and what lay between two of them, as a watch saw it."""
    names = [f"step-{number:02}" for number in range(STEPS)]
    tasks = [simulated(names[0])]
    tasks += [simulated(one, dependsOn=[before]) for before, one in itertools.pairwise(names)]
    name = simulation.run(tasks)
    assert simulation.ended(name)["status"]["phase"] == "Succeeded"
    pods = simulation.history.until(lambda: _ended_pods(simulation, name), "the watch of Pods has seen all of them end")
    seen = [simulation.history.events("pods", one["metadata"]["name"]) for one in pods]
    began = [events[0].at for events in seen]
    ended = [next(one.at for one in events if one.object["status"]["phase"] == "Succeeded") for events in seen]
    bare = [end - start for start, end in zip(began, ended, strict=True)]
    return bare, [start - end for start, end in zip(began[1:], ended, strict=False)]


def test_t1_a_step_of_a_chain_of_20_costs_little_more_than_its_pod(simulation: Arena, record_property: Record) -> None:
    """The better one of two chains: another program may have the processor for a while."""
    medians = []
    for _ in range(2):
        bare, over = _chain(simulation)
        told = f"a Pod takes {_ms(bare)}, a step {_ms(over)} more; all {sum(bare) + sum(over):.2f} s"
        record_property("figure", f"chain of {STEPS} tasks: {told}")
        medians.append((statistics.median(over), statistics.median(bare)))
    over_bare, bare_itself = min(medians)
    assert over_bare <= max(STEP_SECONDS, bare_itself)


def test_t5_a_run_of_one_task_costs_at_most_six_writes(simulation: Arena, record_property: Record) -> None:
    name = simulation.run([simulated("main")])
    simulation.ended(name)
    time.sleep(1)
    before = written(simulation.cluster, simulation.namespace)
    more = [f"{name}-{number}" for number in range(10)]
    simulation.apply(*(run(one, name) for one in more))
    for one in more:
        simulation.ended(one)
    time.sleep(6)  # the definition's activeRuns follows with a delay
    spent = written(simulation.cluster, simulation.namespace) - before
    record_property("figure", f"writes of {len(more)} runs of one task: {dict(spent)}")
    assert sum(count for what, count in spent.items() if what not in APART) <= WRITES_PER_RUN * len(more)
    assert spent["create events"] <= EVENTS_PER_RUN * len(more)


def _fan_out(cluster: Cluster, namespace: str, one: Operator, *, items: int, seconds: float, record: Record) -> None:
    """Play a run with so many items and hold it against the budgets."""
    name = fresh("many")
    listed = " ".join(f"i{number}" for number in range(items))
    parallel = {"itemsFrom": "{{ params.LIST }}", "maxConcurrent": 100, "maxItems": items}
    tasks: list[Object] = [simulated("each", parallel=parallel)]
    before = written(cluster, namespace)
    began = time.monotonic()
    cluster.apply([definition(name, tasks), run(name, name, params={"LIST": listed})], namespace=namespace)
    cluster.wait(f"jr/{name}", "condition=Succeeded", namespace=namespace, seconds=int(seconds))
    took, memory = time.monotonic() - began, one.memory
    done = cluster.get("jr", name, namespace=namespace)
    stored = json.loads(
        cluster.kubectl("get", "--raw", f"/apis/brood.dev/v1alpha1/namespaces/{namespace}/jobruns/{name}")
    )
    stored["metadata"].pop("annotations", None)  # kubectl keeps there what was applied, the items once more
    spent = written(cluster, namespace) - before
    number = sum(count for what, count in spent.items() if what not in APART)
    parent = len(json.dumps(stored)) - len(listed)
    told = f"{took:.1f} s, {number / items:.2f} writes an item {dict(spent)}, parent {parent} bytes beside its params"
    record("figure", f"{items} items: {told}, operator {memory / 2**20:.0f} MiB")
    found = row(done, "each")["items"]
    assert (found["total"], found["succeeded"], found["completedIndexes"]) == (items, items, f"0-{items - 1}")
    assert number <= WRITES_PER_ITEM * items + 60
    assert parent <= PARENT_BYTES
    assert cluster.audit_log is not None
    own = [one for one in audit.requests(cluster.audit_log, agent=AGENT, namespace=namespace) if one.name == name]
    assert sum(one.resource == "jobruns/status" for one in own) <= 5 * took + 4


@pytest.fixture
def alone(kwok: Cluster) -> Iterator[tuple[str, Operator]]:
    """Give a namespace with an operator, that nothing else follows."""
    with kwok.namespace() as namespace, operator(kwok, namespace) as one:
        yield namespace, one
        kwok.kubectl("delete", "jobruns", "-n", namespace, "-l", "!brood.dev/root-run", "--wait=false")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_t5_t6_d17_1000_items(kwok: Cluster, alone: tuple[str, Operator], record_property: Record) -> None:
    _fan_out(kwok, *alone, items=1_000, seconds=280, record=record_property)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif("BROOD_THOROUGH" not in os.environ, reason="takes minutes; BROOD_THOROUGH=1 plays it")
def test_t5_t6_d17_10000_items(kwok: Cluster, alone: tuple[str, Operator], record_property: Record) -> None:
    _fan_out(kwok, *alone, items=10_000, seconds=3500, record=record_property)


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms (mean {statistics.mean(seconds) * 1000:.0f})"
