"""What happens to a cluster while runs are at work in it."""

import json
import time

import pytest

from tests.kubernetes.arenas import Arena, definition, row, script, simulated
from tests.kubernetes.history import Object

NOBODY_WAITS = {"spec": {"terminationGracePeriodSeconds": 1}}


def _pod_runs(arena: Arena, name: str, *, number: int = 1) -> Object:
    """Wait until the Pod of a run's only task is Running, the `number`-th that was made for it."""

    def found() -> Object | None:
        pods = [
            pod
            for pod in arena.history.now("pods", run=name, attempt=str(number))
            if pod.get("status", {}).get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        ]
        return pods[0] if pods else None

    running: Object = arena.history.until(found, f"a running Pod of {name}")
    return running


def test_o16_a_deleted_pod_is_replaced_and_counted_as_infrastructure(real: Arena) -> None:
    name = real.run([script("main", 'test "$BROOD_ATTEMPT" = 2 || sleep 60', podTemplate=NOBODY_WAITS)])
    pod = _pod_runs(real, name)
    real.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
    done = real.ended(name)
    assert done["status"]["phase"] == "Succeeded"
    assert (row(done, "main")["attempt"], row(done, "main")["infraRetries"]) == (2, 1)


def test_o16_an_evicted_pod_is_replaced(real: Arena) -> None:
    name = real.run([script("main", 'test "$BROOD_ATTEMPT" = 2 || sleep 60', podTemplate=NOBODY_WAITS)])
    pod = _pod_runs(real, name)["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": real.namespace}}
    path = f"/api/v1/namespaces/{real.namespace}/pods/{pod}/eviction"
    real.cluster.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))
    done = real.ended(name)
    assert done["status"]["phase"] == "Succeeded"
    assert row(done, "main")["infraRetries"] == 1


def test_o16_a_pod_that_is_deleted_by_force_is_replaced(real: Arena) -> None:
    name = real.run([script("main", 'test "$BROOD_ATTEMPT" = 2 || sleep 60')])
    pod = _pod_runs(real, name)["metadata"]["name"]
    real.kubectl("delete", "pod", pod, "--force", "--grace-period=0", "--wait=false")
    assert row(real.ended(name), "main")["infraRetries"] == 1


@pytest.mark.parametrize(
    ("done", "reason"),
    [("PreemptionByScheduler", "Preempted"), ("DeletionByPodGC", "NodeLost")],
    ids=["preempted", "lost_with_its_node"],
)
def test_o16_a_pod_is_replaced_once_that_was(simulation: Arena, done: str, reason: str) -> None:
    name = simulation.run([simulated("main", seconds=30, infraRetries=1)])
    disruption = {"type": "DisruptionTarget", "status": "True", "reason": done, "lastTransitionTime": None}
    patch = json.dumps({"status": {"phase": "Failed", "conditions": [disruption]}})
    for number in (1, 2):
        pod = _pod_runs(simulation, name, number=number)["metadata"]["name"]
        simulation.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", patch)
    failed = row(simulation.ended(name), "main")
    assert (failed["reason"], failed["attempt"], failed["infraRetries"]) == (reason, 2, 1)
    assert done in failed["message"]


def test_o16_infra_retries_are_limited_and_say_why(real: Arena) -> None:
    name = real.run([script("main", "sleep 60", podTemplate=NOBODY_WAITS, infraRetries=1)])
    for number in (1, 2):
        pod = _pod_runs(real, name, number=number)["metadata"]["name"]
        real.kubectl("delete", "pod", pod, "--wait=false")
    failed = real.ended(name)
    assert failed["status"]["phase"] == "Failed"
    assert row(failed, "main")["reason"] == "PodDeleted"


def test_o16_an_exit_code_is_not_tried_again(real: Arena) -> None:
    name = real.run([script("main", "exit 4")])
    assert row(real.ended(name), "main")["attempt"] == 1
    assert len(real.history.ever("pods", run=name)) == 1


def test_o16_a_memory_hog_is_told_from_a_bug(real: Arena) -> None:
    hog = script("main", "tail /dev/zero", container={"image": "alpine", "resources": {"limits": {"memory": "16Mi"}}})
    failed = row(real.ended(real.run([hog])), "main")
    assert (failed["reason"], failed["exitCode"]) == ("OOMKilled", 137)


def test_a_pod_that_is_stripped_while_no_operator_runs_is_found_and_its_copy_is_left_alone(simulation: Arena) -> None:
    name = simulation.run([simulated("main", seconds=4)])
    pod = _pod_runs(simulation, name)
    simulation.operator.kill()
    simulation.kubectl("delete", "lease", "brood-operator", "--ignore-not-found")
    kept = {field: pod["metadata"][field] for field in ("labels", "annotations", "ownerReferences", "finalizers")}
    copied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "copied", **kept}, "spec": pod["spec"]}
    simulation.apply({**copied, "spec": {field: pod["spec"][field] for field in ("containers", "restartPolicy")}})
    taken = json.dumps({"metadata": {"labels": None, "ownerReferences": None}})
    simulation.kubectl("patch", "pod", pod["metadata"]["name"], "--type=merge", "-p", taken)
    simulation.operator.start()
    done = simulation.ended(name)
    assert done["status"]["phase"] == "Succeeded"
    assert (row(done, "main")["attempt"], row(done, "main")["podName"]) == (1, pod["metadata"]["name"])
    found = json.loads(simulation.kubectl("get", "pod", pod["metadata"]["name"], "-o", "json"))["metadata"]
    assert (found["labels"].get("brood.dev/task"), len(found["ownerReferences"])) == ("main", 1)
    simulation.kubectl("delete", "pod", "copied", "--timeout=20s")


def test_a_quota_is_waited_for_without_a_failure(simulation: Arena) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "pods"}, "spec": {"hard": {"pods": "0"}}}
    simulation.apply(quota)
    time.sleep(0.5)
    try:
        name = simulation.run([simulated("main")])
        waits = simulation.history.run_is(name, lambda one: "uota" in str(one.get("status", {}).get("tasks")))
        assert row(waits, "main")["phase"] == "Pending"
        assert "exceeded quota" in row(waits, "main")["message"]
    finally:
        simulation.kubectl("delete", "resourcequota", "pods")
    done = simulation.ended(name)
    assert done["status"]["phase"] == "Succeeded"
    assert (row(done, "main")["attempt"], row(done, "main")["infraRetries"]) == (1, 0)


def test_a_status_that_somebody_else_writes_is_repaired(simulation: Arena) -> None:
    name = simulation.run([simulated("main", seconds=2.5)])
    simulation.history.run_is(name, lambda one: one.get("status", {}).get("phase") == "Running")
    wrong = {"phase": "Succeeded", "progress": "9/9", "summary": {"total": 9}}
    patch = json.dumps({"status": wrong})
    simulation.kubectl("patch", "jr", name, "--subresource=status", "--type=merge", "-p", patch)
    simulation.history.run_is(name, lambda one: one["status"]["phase"] == "Running", "is repaired", seconds=10)
    done = simulation.ended(name)
    assert (done["status"]["phase"], done["status"]["progress"]) == ("Succeeded", "1/1")
    assert done["status"]["summary"]["total"] == 1


def test_a_status_that_somebody_else_empties_is_made_again(simulation: Arena) -> None:
    """What has run is known from its Pods: nothing runs twice."""
    name = simulation.run([simulated("first"), simulated("second", seconds=2.5, dependsOn=["first"])])
    simulation.history.run_is(name, lambda one: row(one, "second").get("phase") == "Running")
    patch = json.dumps([{"op": "remove", "path": "/status"}])
    simulation.kubectl("patch", "jr", name, "--subresource=status", "--type=json", "-p", patch)
    done = simulation.ended(name)
    assert done["status"]["phase"] == "Succeeded"
    assert set(simulation.history.attempts(run=name).values()) == {1}


def test_a_definition_that_changes_or_goes_does_not_change_a_started_run(simulation: Arena) -> None:
    name = simulation.run([simulated("first", seconds=1), simulated("second", dependsOn=["first"])])
    simulation.history.run_is(name, lambda one: one.get("status", {}).get("phase") == "Running")
    simulation.apply(definition(name, [simulated("other", code=1)]))
    simulation.kubectl("delete", "jd", name)
    done = simulation.ended(name)
    assert [one["name"] for one in done["status"]["tasks"]] == ["first", "second"]
    assert done["status"]["phase"] == "Succeeded"


def test_a_child_that_is_deleted_by_hand_is_no_loss_of_the_others(simulation: Arena) -> None:
    item = [{"name": "work", "container": {"image": "a", "command": ["true"]}}]
    local = {"name": "item", "params": [{"name": "KWOK_RUN_FOR"}], "tasks": item}
    each = {
        "name": "each",
        "run": {"definitionRef": {"name": "item"}},
        "parallel": {"items": ["1501ms", "1502ms", "1503ms"]},
    }
    name = simulation.run([each], definitions=[local])
    made = simulation.history.until(lambda: simulation.history.now("jobruns", run=name, index="1"), "a second child")
    simulation.kubectl("delete", "jr", made[0]["metadata"]["name"], "--wait=false")
    done = simulation.ended(name)
    items = row(done, "each")["items"]
    assert items["total"] == 3
    assert items["succeeded"] + items.get("failed", 0) + items.get("cancelled", 0) == 3
    assert items["succeeded"] >= 2


def test_a_volume_that_cannot_be_made_is_explained_by_the_claims_own_event(real: Arena) -> None:
    keeps = script("main", "touch f", artifacts={"paths": ["f"]})
    name = real.run([keeps], artifacts={"storage": "1Mi", "storageClassName": "none-such"})
    waits = real.history.run_is(name, lambda one: "none-such" in row(one, "main").get("message", ""), seconds=40)
    assert row(waits, "main")["reason"] == "ArtifactVolumePending"
    assert row(waits, "main")["message"].startswith("ProvisioningFailed: ")
    assert "none-such" in waits["status"]["message"]
