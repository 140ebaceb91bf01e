"""Steps side by side on simulated nodes: overlap, limits and order, as a watch sees them."""

from tests.kubernetes.arenas import Arena, definition, fresh, row, run, simulated
from tests.kubernetes.history import Object

NAMES = [f"step-{number}" for number in range(8)]


def most_running(simulation: Arena, name: str) -> int:
    """Return how many Pods of a run lived at one event, at the most."""

    def lives(pod: Object) -> bool:
        mine = pod["metadata"]["labels"]["brood.dev/run"] == name
        return mine and pod.get("status", {}).get("phase", "Pending") in ("Pending", "Running")

    return simulation.history.most("pods", lives)


def test_p1_steps_without_dependencies_run_in_parallel(simulation: Arena) -> None:
    name = simulation.run([simulated(one, seconds=1.5) for one in NAMES])
    done = simulation.ended(name)
    assert most_running(simulation, name) == len(NAMES)
    assert max(row(done, one)["startTime"] for one in NAMES) <= min(row(done, one)["completionTime"] for one in NAMES)


def test_p2_max_active_tasks_is_never_exceeded(simulation: Arena) -> None:
    fixed = simulation.run([simulated(one, seconds=0.3) for one in NAMES], maxActiveTasks=3)
    given, steps = fresh(), [simulated(one, seconds=0.3) for one in NAMES]
    params = [{"name": "LIMIT", "default": 3}]
    asked = definition(given, steps, maxActiveTasks="{{ params.LIMIT }}", params=params)
    simulation.apply(asked, run(given, given, params={"LIMIT": 2}))
    for name, most in ((fixed, 3), (given, 2)):
        assert simulation.ended(name)["status"]["phase"] == "Succeeded"
        assert most_running(simulation, name) == most
        tasks = [one.object.get("status", {}).get("tasks", []) for one in simulation.history.events("jobruns", name)]
        assert max(sum(one["phase"] == "Running" for one in rows) for rows in tasks) <= most
        waiting = [one.get("reason") for rows in tasks for one in rows if one["phase"] == "Pending"]
        assert "MaxActiveTasks" in waiting


def test_p3_fan_out_fan_in_and_diamond_keep_their_order(simulation: Arena) -> None:
    edges: dict[str, list[str]] = {
        "a": [],
        "left": ["a"],
        "right": ["a"],
        "middle": ["a"],
        "join": ["left", "right", "middle"],
        "b": ["join"],
        "c": ["join", "a"],
    }
    name = simulation.run([simulated(one, seconds=0.2, dependsOn=before) for one, before in edges.items()])
    simulation.ended(name)
    pods = {
        one["metadata"]["labels"]["brood.dev/task"]: one["metadata"]["name"]
        for one in simulation.history.ever("pods", run=name)
    }
    created = {task: simulation.history.events("pods", pod)[0].at for task, pod in pods.items()}
    ended = {
        task: next(
            one.at for one in simulation.history.events("pods", pod) if one.object["status"]["phase"] == "Succeeded"
        )
        for task, pod in pods.items()
    }
    for task, before in edges.items():
        assert all(created[task] >= ended[one] for one in before), task
    assert most_running(simulation, name) == 3
