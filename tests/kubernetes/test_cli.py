"""The command line against a real API server: what it says of runs there, and what it does to them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.arenas import Arena, definition, fresh, run, script, simulated

BROOD = [sys.executable, "-c", "from brood.cli.app import main; main()"]
SECONDS = 60


def brood(where: Arena, *words: str, code: int = 0) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        [*BROOD, *words, f"--kubeconfig={where.cluster.kubeconfig}", f"--namespace={where.namespace}"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def answers(where: Arena, name: str) -> dict[str, dict[str, Any]]:
    """Return what `brood why` says, by path."""
    return {one["path"]: one for one in json.loads(brood(where, "why", name, "-o", "json"))}


def waits(where: Arena, name: str, task: str, reason: str) -> dict[str, Any]:
    """Wait until a row says so, and return what `brood why` says of it."""
    where.history.run_is(
        name, lambda one: any(row.get("reason") == reason for row in one.get("status", {}).get("tasks", []))
    )
    return answers(where, name)[f"{name}/{task}"]


def ended(where: Arena, name: str) -> None:
    brood(where, "terminate", name)
    brood(where, "wait", name, "--timeout", "50s", code=1)


def test_why_names_what_a_queued_run_waits_for(simulation: Arena) -> None:
    name = fresh()
    tasks = [simulated("main", seconds=60)]
    simulation.apply(definition(name, tasks, concurrency={"key": name, "maxActiveRuns": 1}), run(f"{name}-1", name))
    simulation.history.run_is(f"{name}-1", lambda one: one.get("status", {}).get("phase") == "Running")
    simulation.apply(run(f"{name}-2", name))
    simulation.history.run_is(f"{name}-2", lambda one: one.get("status", {}).get("phase") == "Queued")
    queued = answers(simulation, f"{name}-2")[f"{name}-2"]
    assert queued["reason"] == "Queued"
    assert f"{name}-1" in queued["message"]
    for one in (f"{name}-2", f"{name}-1"):
        ended(simulation, one)


def test_why_names_maxactivetasks_suspended_and_the_tasks_before(simulation: Arena) -> None:
    tasks = [simulated("a", seconds=60), simulated("b", seconds=60), simulated("c", dependsOn=["a"])]
    name = simulation.run(tasks, maxActiveTasks=1)
    assert waits(simulation, name, "b", "MaxActiveTasks")["wayOut"]
    told = answers(simulation, name)[f"{name}/c"]
    assert (told["reason"], told["message"]) == ("WaitsForTasks", "waits for a")
    assert "suspended" in brood(simulation, "suspend", name)
    simulation.history.run_is(name, lambda one: one["status"]["phase"] == "Suspended")
    assert answers(simulation, name)[name]["wayOut"] == "brood resume"
    assert "resumed" in brood(simulation, "resume", name)
    ended(simulation, name)


def test_why_names_quota_and_back_off(simulation: Arena) -> None:
    simulation.kubectl("create", "quota", "none", "--hard=pods=0")
    try:
        simulation.cluster.kubectl(
            "wait", "-n", simulation.namespace, "quota/none", "--for=jsonpath={.status.hard.pods}=0", "--timeout=20s"
        )
        name = simulation.run([simulated("main", seconds=1)])
        assert "exceeded quota" in waits(simulation, name, "main", "QuotaExceeded")["message"]
        ended(simulation, name)
    finally:
        simulation.kubectl("delete", "quota", "none")
    retried = simulation.run([simulated("main", code=3, retryPolicy={"limit": 1, "intervalSeconds": 300})])
    assert "exit code 3" in waits(simulation, retried, "main", "RetryBackoff")["message"]
    ended(simulation, retried)


def test_why_names_maxconcurrent_and_what_the_items_wait_for(simulation: Arena) -> None:
    nowhere = {"spec": {"nodeSelector": {"disk": "none-such"}}}
    fan = {"name": "fan", "container": {"image": "alpine", "command": ["true"]}, "podTemplate": nowhere}
    name = simulation.run([{**fan, "parallel": {"items": ["a", "b", "c", "d"], "maxConcurrent": 3}}])
    assert waits(simulation, name, "fan", "MaxConcurrent")["message"] == "maxConcurrent: 3 items run"
    simulation.history.until(
        lambda: (
            f"{name}/fan[0-2]" in (found := answers(simulation, name))
            and found[f"{name}/fan[0-2]"]["reason"] == "Unschedulable"
        ),
        "three items that no node takes",
    )
    ended(simulation, name)


def test_a_file_is_submitted_watched_and_told_about(simulation: Arena, tmp_path: Path) -> None:
    name = fresh()
    parallel = {"items": ["a", "b", "c"], "maxConcurrent": 2}
    tasks = [simulated("first", seconds=1), simulated("fan", code=3, dependsOn=["first"], parallel=parallel)]
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(definition(name, tasks)))
    made = brood(simulation, "submit", str(tmp_path / "a.yaml"), "--name", f"{name}-1", "-o", "name")
    assert made == f"jobrun.brood.dev/{name}-1\n"
    text = brood(simulation, "watch", f"{name}-1", code=1)
    assert f"{name}-1/first  Succeeded" in text
    assert "3/3 items, 3 failed (0-2)" in text
    assert f"{name}-1/fan[0-2]" in answers(simulation, f"{name}-1")
    assert 'class="box Failed"' in brood(simulation, "report", f"{name}-1")
    assert "✘ fan (for each item)" in brood(simulation, "graph", f"{name}-1")
    again = brood(simulation, "rerun", f"{name}-1", "--name", f"{name}-2", "--wait", code=1)
    assert f"jobrun.brood.dev/{name}-2 Failed" in again


def test_what_the_server_finds_wrong_is_refused_before_anything_is_created(simulation: Arena, tmp_path: Path) -> None:
    name = fresh()
    made = definition(name, [simulated("main")])
    made["spec"]["tasks"].append(
        {"name": "main2", "container": {"image": "alpine"}, "podTemplate": {"spec": {"nope": 1}}}
    )
    (tmp_path / "a.yaml").write_text(yaml.safe_dump_all([made, run(f"{name}_1", name)]))
    assert "refused, nothing ran" in brood(simulation, "submit", str(tmp_path / "a.yaml"), code=2)
    assert f"JobDefinition {name} is not in namespace" in brood(simulation, "submit", name, code=2)


@pytest.mark.parametrize(
    "words", [["tree", "nothing"], ["why", "nothing"], ["logs", "nothing"], ["wait", "nothing"], ["report", "nothing"]]
)
def test_a_run_that_is_not_there_is_named(simulation: Arena, words: list[str]) -> None:
    assert brood(simulation, *words, code=2).startswith(
        f"JobRun nothing is not in namespace {simulation.namespace}; there "
    )


def test_logs_are_followed_to_the_end_with_their_origin(real: Arena) -> None:
    lines = 'for i in 1 2 3; do echo "line $i"; sleep 0.5; done'
    fan = script("fan", 'echo "item $1"', parallel={"items": ["a", "b"]}, dependsOn=["one"])
    name = real.run([script("one", lines), fan, script("bad", "echo oops >&2; exit 3")])
    text = brood(real, "logs", "-f", name)
    assert [line.partition("|")[2].strip() for line in text.splitlines() if line.startswith("one ")] == [
        "line 1",
        "line 2",
        "line 3",
    ]
    assert {line.replace(" ", "") for line in text.splitlines()} >= {"fan[0]|itema", "fan[1]|itemb", "bad|oops"}
    assert brood(real, "logs", name, "fan/1") == "fan[1] | item b\n"
    assert "ExitCode" in answers(real, name)[f"{name}/bad"]["reason"]
