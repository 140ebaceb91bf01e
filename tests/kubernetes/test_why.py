"""`brood why` on a real API server, for every reason to wait of the contract (§2.1)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from brood.api.reasons import WaitingReason
from tests.cluster.access import Cluster
from tests.kubernetes.arenas import Arena, arena, definition, fresh, run, script, simulated
from tests.kubernetes.commandline import answers, brood, ended, waits


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
    assert answers(simulation, name)[name]["wayOut"].startswith("`brood resume NAME`")
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


@pytest.fixture(scope="module")
def narrow(kwok: Cluster) -> Iterator[Arena]:
    """Give an operator with narrow limits."""
    with arena(kwok, options=["--max-runs=2", "--max-pods=2", "--max-volumes=1"]) as made:
        yield made


def test_why_names_the_namespaces_limit_of_pods_and_of_runs(narrow: Arena) -> None:
    name = narrow.run([simulated(one, seconds=60) for one in ("a", "b", "c")])
    told = waits(narrow, name, "c", "NamespaceLimit")
    assert told["message"] == "live Pods in the namespace: 2 (limit: 2)"
    assert "--max-pods" in told["wayOut"]
    narrow.apply(run(f"{name}-2", name))
    narrow.history.run_is(f"{name}-2", lambda one: one.get("status", {}).get("phase") == "Running")
    narrow.apply(run(f"{name}-3", name))
    narrow.history.run_is(f"{name}-3", lambda one: one.get("status", {}).get("phase") == "Queued")
    told = answers(narrow, f"{name}-3")[f"{name}-3"]
    assert told["reason"] == "NamespaceLimit"
    assert told["message"] == "active root runs in the namespace: 2 (limit: 2)"
    for one in (f"{name}-3", f"{name}-2", name):
        ended(narrow, one)


def test_why_names_the_volume_that_is_not_bound_and_the_limit_of_volumes(narrow: Arena) -> None:
    files = {"storage": "1Mi", "storageClassName": "none-such"}
    keeps = [simulated("main", artifacts={"paths": ["f"]}, script="touch f")]
    del keeps[0]["container"]["command"]
    first = narrow.run(keeps, artifacts=files)
    told = waits(narrow, first, "main", "ArtifactVolumePending")
    assert first in told["message"] or "none-such" in told["message"]
    assert "StorageClass" in told["wayOut"]
    second = narrow.run(keeps, artifacts=files)
    told = waits(narrow, second, "main", "ArtifactVolumeLimit")
    assert told["message"] == "artifact volumes in the namespace: 1 (limit: 1)"
    for one in (second, first):
        ended(narrow, one)


def test_why_names_the_node_of_the_volume_that_has_no_room(simulation: Arena) -> None:
    """Two thirds of a simulated node each, which a volume that one node mounts keeps together."""
    name = fresh("full")
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Mi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": name,
            "hostPath": {"path": "/nowhere"},
        },
    }
    simulation.apply(volume)
    try:
        half = {"image": "alpine", "resources": {"requests": {"cpu": "170"}}}
        tasks = [
            {**simulated(one, seconds=60, artifacts={"paths": ["f"]}), "container": half, "script": "touch f"}
            for one in ("a", "b")
        ]
        simulation.run(tasks, name=name, artifacts={"storage": "1Mi", "storageClassName": name})
        told = simulation.history.until(
            lambda: [one for one in answers(simulation, name).values() if one["reason"] == "ArtifactVolumeNodeFull"],
            "a Pod that has to be where the volume is",
        )
        assert "pod affinity rules" in told[0]["message"]
        assert "ReadWriteMany" in told[0]["wayOut"]
        ended(simulation, name)
    finally:
        simulation.kubectl("delete", "pv", name, "--wait=false")


def test_why_names_the_pool_that_is_full_and_who_has_its_slot(simulation: Arena) -> None:
    name = simulation.run([simulated(one, seconds=60, pools=["gpu"]) for one in ("a", "b")])
    told = waits(simulation, name, "b", "PoolFull")
    assert told["message"].startswith(f"pool gpu: 1 of 1 slots taken by {name}-a-")
    assert "--pool" in told["wayOut"]
    ended(simulation, name)


def test_why_names_the_definition_that_is_not_there(simulation: Arena) -> None:
    name = fresh()
    simulation.apply(run(name, "none-such"))
    simulation.history.run_is(name, lambda one: "none-such" in one.get("status", {}).get("message", ""))
    told = answers(simulation, name)[name]
    assert told["reason"] == "DefinitionNotFound"
    assert "apply" in told["wayOut"].lower()
    ended(simulation, name)
    calls = simulation.run([{"name": "call", "run": {"definitionRef": {"name": "none-such"}}}])
    assert "none-such" in waits(simulation, calls, "call", "DefinitionNotFound")["message"]
    ended(simulation, calls)


def test_why_names_the_image_that_cannot_be_pulled_in_the_kubelets_words(real: Arena) -> None:
    name = real.run([script("main", "true", container={"image": "no-such/image:1"})])
    told = waits(real, name, "main", "ImagePull")
    assert "no-such/image:1" in told["message"]
    assert "imagePullSecrets" in told["wayOut"]
    ended(real, name)


def test_every_waiting_reason_of_the_contract_has_been_asked_for_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [one for one in WaitingReason if f'"{one}"' not in text] == []
