"""Root runs and their children on a real API server: unique roots, results, interrupts. Nodes are simulated."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, arena, condition, definition, fresh, row, run, simulated
from tests.kubernetes.history import Object, phases

ENDS = {"Succeeded", "PartiallySucceeded", "Failed", "Cancelled", "Rejected"}
ORDER = ["Pending", "Queued", "Running", "end"]
WORK = {"name": "work", "container": {"image": "a", "command": ["true"]}}
STORM = 20


def ran_for(name: str, *, policy: str = "Queue", **spec: object) -> Object:
    """Return a definition whose one Pod runs for as long, and ends as, the run's params say; one run at a time."""
    params = [{"name": "KWOK_RUN_FOR", "default": "0s"}, {"name": "KWOK_EXIT_CODE", "default": "0"}]
    return definition(name, [WORK], params=params, concurrency={"maxActiveRuns": 1, "policy": policy}, **spec)


def fan_out(durations: list[str], **task: object) -> list[Object]:
    """Return a task with an item for each of the durations."""
    items = [{"KWOK_RUN_FOR": one} for one in durations]
    many = {"items": items, "maxConcurrent": len(items)} | dict(task.pop("parallel", {}))  # type: ignore[call-overload]
    return [{"name": "each", "run": {"definitionRef": {"name": "item"}}, "parallel": many, **task}]


def item(tasks: list[Object] | None = None) -> Object:
    """Return the local definition of an item."""
    params = [{"name": "KWOK_RUN_FOR", "default": "0s"}, {"name": "KWOK_EXIT_CODE", "default": "0"}]
    return {"name": "item", "params": params, "tasks": tasks or [WORK]}


def is_active(one: Object) -> bool:
    """Whether a run is admitted and has not ended."""
    return condition(one, "Admitted").get("status") == "True" and "completionTime" not in one["status"]


def most_active(one: Arena, of: str) -> int:
    """Return how many root runs of a definition were active at one event, at the most."""

    def counts(found: Object) -> bool:
        spec = found["spec"]
        return "parentRef" not in spec and spec["definitionRef"]["name"] == of and is_active(found)

    return one.history.most("jobruns", counts)


def test_o1_a_second_run_of_the_key_is_rejected_and_the_holder_named(simulation: Arena) -> None:
    name = fresh()
    simulation.apply(ran_for(name, policy="Reject"), run(f"{name}-a", name, params={"KWOK_RUN_FOR": "2s"}))
    simulation.history.run_is(f"{name}-a", is_active)
    simulation.apply(run(f"{name}-b", name))
    second = simulation.ended(f"{name}-b", seconds=5)
    assert second["status"]["phase"] == "Rejected"
    assert condition(second, "Succeeded")["reason"] == "Rejected"
    assert f"{name}-a" in condition(second, "Succeeded")["message"]
    assert simulation.history.ever("pods", run=f"{name}-b") == []
    assert simulation.ended(f"{name}-a")["status"]["phase"] == "Succeeded"


@pytest.mark.parametrize("last", ["runs", "backs off"])
def test_o2_f8_the_lock_lasts_until_all_jobs_are_done(simulation: Arena, last: str) -> None:
    name = fresh()
    code, retry = ("1", {"limit": 1, "intervalSeconds": 2}) if last == "backs off" else ("0", {"limit": 0})
    tasks = [simulated("plan"), *fan_out(["2s"], dependsOn=["plan"], retryPolicy=retry)]
    if last == "backs off":
        tasks[1]["parallel"]["items"] = [{"KWOK_RUN_FOR": "100ms", "KWOK_EXIT_CODE": code}]
    one_at_a_time = {"maxActiveRuns": 1, "policy": "Queue"}
    simulation.apply(definition(name, tasks, definitions=[item()], concurrency=one_at_a_time), run(f"{name}-a", name))
    simulation.history.until(lambda: simulation.history.ever("jobruns", run=f"{name}-a"), "a child")
    simulation.apply(run(f"{name}-b", name))
    waits = simulation.history.run_is(f"{name}-b", lambda one: one.get("status", {}).get("phase") == "Queued")
    assert f"{name}-a" in condition(waits, "Reconciling")["message"]
    simulation.ended(f"{name}-b")
    assert most_active(simulation, name) == 1
    first, second = (simulation.history.run(f"{name}-{one}") for one in "ab")
    assert first is not None
    assert second is not None
    assert second["status"]["startTime"] >= first["status"]["completionTime"]
    children = simulation.history.ever("jobruns", run=f"{name}-a")
    assert all(first["status"]["completionTime"] >= child["status"]["completionTime"] for child in children)


@pytest.fixture(scope="module")
def storm(simulation: Arena) -> dict[str, str]:
    """Give a definition for each policy, of which 20 runs were created at once."""
    names = {policy: fresh(policy.lower()) for policy in ("Queue", "Reject", "Replace")}
    times = {"Queue": "0s", "Reject": "4s", "Replace": "1s"}
    for policy, name in names.items():
        params = {"KWOK_RUN_FOR": times[policy]}
        runs = [run(f"{name}-{number:02}", name, params=params) for number in range(STORM)]
        simulation.apply(ran_for(name, policy=policy), *runs)
    return names


@pytest.mark.parametrize("policy", ["Reject", "Replace", "Queue"])
def test_o3_at_no_event_of_a_storm_is_more_than_one_run_active(
    simulation: Arena, storm: dict[str, str], policy: str
) -> None:
    name = storm[policy]
    ends = [simulation.ended(f"{name}-{number:02}")["status"]["phase"] for number in range(STORM)]
    assert most_active(simulation, name) == 1
    expected = {
        "Queue": ["Succeeded"] * STORM,
        "Reject": ["Rejected"] * (STORM - 1) + ["Succeeded"],
        "Replace": ["Cancelled"] * (STORM - 1) + ["Succeeded"],
    }
    assert sorted(ends) == expected[policy]
    if policy == "Replace":
        reasons = [
            condition(one.object, "Succeeded").get("reason")
            for number in range(STORM - 1)
            for one in simulation.history.events("jobruns", f"{name}-{number:02}")[-1:]
        ]
        assert reasons.count("Replaced") >= STORM - 2


def test_o4_the_next_run_starts_after_success_failure_and_cancellation(simulation: Arena) -> None:
    name = fresh()
    ways = [{}, {"KWOK_EXIT_CODE": "1"}, {"KWOK_RUN_FOR": "60s"}, {}]
    runs = [run(f"{name}-{number}", name, params=params) for number, params in enumerate(ways)]
    simulation.apply(ran_for(name), *runs)
    simulation.history.run_is(f"{name}-2", is_active)
    simulation.kubectl("patch", "jr", f"{name}-2", "--type=merge", "-p", '{"spec":{"shutdown":"Terminate"}}')
    ends = [simulation.ended(f"{name}-{number}")["status"]["phase"] for number in range(4)]
    assert ends == ["Succeeded", "Failed", "Cancelled", "Succeeded"]
    assert most_active(simulation, name) == 1


def test_o7_jobs_stay_recorded_when_their_pods_are_gone_and_the_operator_is_another(simulation: Arena) -> None:
    name = simulation.run(fan_out(["10ms", "20ms", "30ms"]), definitions=[item()])
    simulation.ended(name)
    simulation.kubectl("delete", "pods", "-l", f"brood.dev/root-run={name}")
    pods = len(simulation.history.ever("pods", root_run=name))
    simulation.kill_and_restart()
    simulation.ended(simulation.run([simulated("main")]))  # by now it has looked at everything
    shown = simulation.kubectl("get", "jr", "-l", f"brood.dev/root-run={name}", "--no-headers")
    assert len(re.findall(r"Succeeded +1/1", shown)) == 3
    assert re.search(rf"{name} +Succeeded +1/1", simulation.kubectl("get", "jr", name, "--no-headers"))
    assert len(simulation.history.ever("pods", root_run=name)) == pods == 3


def test_o8_o9_the_root_runs_until_the_last_child_has_ended_and_then_fails(simulation: Arena) -> None:
    tasks = fan_out(["100ms", "500ms", "3s"])
    tasks[0]["parallel"]["items"][0]["KWOK_EXIT_CODE"] = "1"
    name = simulation.run(tasks, definitions=[item()])

    def child(index: int) -> Object:
        return simulation.history.ever("jobruns", run=name, index=str(index))[0]

    def states() -> list[str]:
        made = simulation.history.ever("jobruns", run=name)
        return sorted(one.get("status", {}).get("phase", "") for one in made)

    simulation.history.until(lambda: states() == ["Failed", "Running", "Succeeded"], "children in three states")
    shown = simulation.kubectl("get", "jr", "-l", f"brood.dev/run={name}", "--no-headers")
    assert sorted(line.split()[1] for line in shown.splitlines()) == ["Failed", "Running", "Succeeded"]
    assert condition(child(0), "Succeeded")["status"] == "False"
    assert condition(child(1), "Succeeded")["status"] == "True"
    assert condition(child(2), "Succeeded")["status"] == "Unknown"
    root = simulation.history.run(name)
    assert root is not None
    assert root["status"]["phase"] == "Running"
    done = simulation.ended(name)
    assert done["status"]["phase"] == "Failed"
    assert done["status"]["completionTime"] >= child(2)["status"]["completionTime"]
    assert child(2)["status"]["phase"] == "Succeeded"
    for found in (done, *simulation.history.ever("jobruns", run=name)):
        seen = ["end" if one in ENDS else one for one in phases(simulation.history, found["metadata"]["name"])]
        assert seen == sorted(seen, key=ORDER.index), "monotonic"


def test_o10_o11_an_interrupt_lets_what_runs_complete_and_nothing_else_start(simulation: Arena) -> None:
    first = WORK | {"name": "first"}
    second = WORK | {"name": "second", "dependsOn": ["first"]}
    tasks = [*fan_out(["1500ms"] * 5, parallel={"maxConcurrent": 2}), simulated("after", dependsOn=["each"])]
    for number, one in enumerate(tasks[0]["parallel"]["items"]):
        one["KWOK_RUN_FOR"] = f"150{number}ms"  # equal items run once
    handlers = {"onCancel": {"container": {"image": "a", "command": ["true"]}}}
    name = simulation.run(tasks, definitions=[item([first, second])], handlers=handlers)
    running = simulation.history.until(
        lambda: [one for one in simulation.history.now("jobruns", run=name) if is_active(one)][1:] and True,
        "2 children",
    )
    assert running
    simulation.kubectl("patch", "jr", name, "--type=merge", "-p", '{"spec":{"shutdown":"Interrupt"}}')
    done = simulation.ended(name)
    assert done["status"]["phase"] == "Cancelled"
    assert condition(done, "Interrupted")["status"] == "True"
    items = row(done, "each")["items"]
    assert (items["succeeded"], items["cancelled"], items["completedIndexes"]) == (2, 3, "0-1")
    assert row(done, "after")["phase"] == "Cancelled"
    children = simulation.history.ever("jobruns", run=name)
    assert [one["status"]["phase"] for one in children] == ["Succeeded"] * 2
    assert {one["status"]["progress"] for one in children} == {"2/2"}
    pods = simulation.history.ever("pods", root_run=name)
    assert {one["status"]["phase"] for one in pods} == {"Succeeded"}, "no Pod is killed"
    assert sorted(one["metadata"]["labels"]["brood.dev/task"] for one in pods) == [
        "first",
        "first",
        "onCancel",
        "second",
        "second",
    ]


def test_o13_an_interrupt_after_the_end_changes_nothing(simulation: Arena) -> None:
    name = simulation.run([simulated("main")])
    before = simulation.ended(name)["status"]
    simulation.kubectl("patch", "jr", name, "--type=merge", "-p", '{"spec":{"shutdown":"Interrupt"}}')
    simulation.ended(simulation.run([simulated("main")]))
    after = simulation.cluster.get("jr", name, namespace=simulation.namespace)["status"]
    # but that they were seen, which `kubectl wait` wants of a condition
    assert {one.pop("observedGeneration") for one in after["conditions"]} == {2}
    assert {one.pop("observedGeneration") for one in before["conditions"]} == {1}
    assert (after["phase"], after["conditions"]) == (before["phase"], before["conditions"])


@pytest.fixture
def patient(kwok: Cluster) -> Iterator[Arena]:
    """Give an arena whose operator may be frozen for a while without losing its Lease."""
    with arena(kwok, options=["--lease-duration=120"]) as made:
        yield made


def test_o20_200_children_that_end_at_once_are_counted_exactly(patient: Arena) -> None:
    """The operator is frozen while they end, so that it finds all of them at one moment."""
    tasks = [
        {"name": "each", "container": WORK["container"], "env": [{"name": "KWOK_RUN_FOR", "value": "12s"}]}
        | {"parallel": {"items": [f"i{number}" for number in range(200)], "maxConcurrent": 200}}
    ]
    name = patient.run(tasks)
    history = patient.history
    history.until(lambda: len(history.ever("pods", root_run=name)) == 200, "200 Pods")
    patient.operator.freeze()
    history.until(
        lambda: all(one["status"]["phase"] == "Succeeded" for one in history.ever("pods", root_run=name)), "all ends"
    )
    patient.operator.wake()
    done = patient.ended(name)
    items = row(done, "each")["items"]
    assert (items["total"], items["succeeded"], items["completedIndexes"]) == (200, 200, "0-199")
    assert items.get("failed", 0) == items.get("running", 0) == items.get("pending", 0) == 0
    finals = [one for one in history.events("jobruns", name) if "completionTime" in one.object.get("status", {})]
    assert len({json.dumps(one.object["status"], sort_keys=True) for one in finals}) == 1
    assert set(history.attempts().values()) == {1}
    assert len(history.ever("jobruns", run=name)) == 200


def test_o21_deleting_a_root_takes_everything_below_it(simulation: Arena) -> None:
    inner = {"name": "deeper", "run": {"definitionRef": {"name": "item"}, "params": {"KWOK_RUN_FOR": "60s"}}}
    deep = {"name": "deep", "tasks": [inner]}
    name = simulation.run([{"name": "down", "run": {"definitionRef": {"name": "deep"}}}], definitions=[deep, item()])
    simulation.history.until(lambda: simulation.history.ever("pods", root_run=name), "a Pod on the third level")
    assert len(simulation.history.now("jobruns", root_run=name)) == 2
    simulation.kubectl("delete", "jr", name)
    simulation.history.until(lambda: not simulation.history.now("jobruns", root_run=name), "no children", seconds=20)
    simulation.history.until(lambda: not simulation.history.now("pods", root_run=name), "no Pods", seconds=20)
