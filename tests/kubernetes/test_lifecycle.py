"""Ends and pauses of runs as Kubernetes plays them: timeouts, shutdowns, suspension, retention, schedules."""

import json
import time

from tests.kubernetes.arenas import Arena, condition, definition, fresh, row, run, script, simulated
from tests.kubernetes.history import Object

QUICK_END = {"spec": {"terminationGracePeriodSeconds": 2}}


def patched(where: Arena, name: str, **spec: object) -> None:
    where.kubectl("patch", "jr", name, "--type=merge", "-p", json.dumps({"spec": spec}))


def started(where: Arena, name: str, number: int = 1) -> None:
    """Wait until so many Pods of a run are Running."""
    where.history.until(
        lambda: (
            sum(one["status"].get("phase") == "Running" for one in where.history.ever("pods", root_run=name)) >= number
        ),
        f"{number} running Pods of {name}",
    )


def test_a_timeout_stops_the_pod_and_is_told_from_a_failure(real: Arena) -> None:
    name = real.run([script("main", "sleep 60", timeoutSeconds=2, podTemplate=QUICK_END)])
    failed = row(real.ended(name), "main")
    assert (failed["phase"], failed["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_pod_that_its_node_does_not_stop_in_time_is_stopped(simulation: Arena) -> None:
    """Simulated nodes keep no `activeDeadlineSeconds`, nor does a node that is gone."""
    task = simulated("main", seconds=60, timeoutSeconds=1)
    task["podTemplate"]["spec"] = {"terminationGracePeriodSeconds": 1}
    name = simulation.run([task])
    failed = row(simulation.ended(name, seconds=30), "main")
    assert (failed["phase"], failed["reason"], failed["attempt"]) == ("Failed", "DeadlineExceeded", 1)


def test_a_deadline_of_the_run_cancels_what_has_not_started(real: Arena) -> None:
    tasks = [script("first", "sleep 60", podTemplate=QUICK_END), script("second", "true", dependsOn=["first"])]
    name = real.run(tasks, activeDeadlineSeconds=3)
    failed = real.ended(name)
    assert (failed["status"]["phase"], condition(failed, "Succeeded")["reason"]) == ("Failed", "DeadlineExceeded")
    assert (row(failed, "first")["phase"], row(failed, "first")["reason"]) == ("Failed", "DeadlineExceeded")
    assert row(failed, "second")["phase"] == "Cancelled"


def test_a_pod_without_a_node_says_so_in_the_schedulers_words_and_times_out(real: Arena) -> None:
    nowhere = {"spec": {"nodeSelector": {"disk": "none-such"}}}
    name = real.run([script("main", "true", podTemplate=nowhere, pendingTimeoutSeconds=4)])
    waits = real.history.run_is(name, lambda one: row(one, "main").get("reason") == "Unschedulable")
    assert "node" in row(waits, "main")["message"]
    assert "Unschedulable" in condition(waits, "Reconciling")["message"]
    assert row(real.ended(name), "main")["reason"] == "PendingTimeout"


def test_a_container_that_cannot_be_made_says_why_until_it_can(real: Arena) -> None:
    secret = fresh("secret")
    env = [{"name": "WORD", "valueFrom": {"secretKeyRef": {"name": secret, "key": "word"}}}]
    name = real.run([script("main", 'echo "$WORD"', env=env, output="SAID")])
    waits = real.history.run_is(name, lambda one: secret in row(one, "main").get("message", ""))
    assert row(waits, "main")["reason"] == "CreateContainerConfigError"
    real.kubectl("create", "secret", "generic", secret, "--from-literal=word=sesame")
    assert real.ended(name, seconds=90)["status"]["outputs"] == {"SAID": "sesame"}


def test_terminate_lets_a_script_clean_up_and_cancels_the_others(real: Arena) -> None:
    tasks = [
        script("polite", "trap 'echo bye; exit 0' TERM; sleep 60 & wait", output="SAID", podTemplate=QUICK_END),
        script("deaf", "trap '' TERM; while :; do sleep 1; done", podTemplate=QUICK_END),
        script("never", "true", dependsOn=["polite"]),
    ]
    name = real.run(tasks)
    started(real, name, 2)
    time.sleep(1)
    patched(real, name, shutdown="Terminate")
    done = real.ended(name)
    assert (done["status"]["phase"], condition(done, "Succeeded")["reason"]) == ("Cancelled", "Terminated")
    assert (row(done, "polite")["phase"], done["status"]["outputs"]) == ("Succeeded", {"SAID": "bye"})
    assert (row(done, "deaf")["phase"], row(done, "deaf")["reason"]) == ("Cancelled", "Terminated")
    assert row(done, "never")["phase"] == "Cancelled"


def test_a_claim_that_is_deleted_by_hand_fails_what_needs_its_files(real: Arena) -> None:
    tasks = [
        script("make", "echo x > file", artifacts={"paths": ["file"]}),
        script("pause", "sleep 4", dependsOn=["make"]),
        script("take", "cat file", artifactsFrom=["make"], dependsOn=["pause"]),
    ]
    name = real.run(tasks)
    real.history.run_is(name, lambda one: row(one, "make").get("phase") == "Succeeded")
    real.kubectl("delete", "pvc", "--all", "--wait=false")
    done = real.ended(name)
    assert done["status"]["phase"] == "Failed"
    assert row(done, "take")["reason"] == "ArtifactMissing"
    assert "is being deleted" in row(done, "take")["message"]


def test_a_run_waits_for_the_claim_that_its_definition_names_and_goes_on_when_it_appears(real: Arena) -> None:
    claim = fresh("claim")
    tasks = [script("make", "echo x > file", artifacts={"paths": ["file"]})]
    name = real.run(tasks, artifacts={"claimName": claim})
    waits = real.history.run_is(name, lambda one: row(one, "make").get("reason") == "ArtifactVolumePending")
    assert row(waits, "make")["message"] == f"claim {claim} does not exist"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    real.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": claim}, "spec": spec})
    assert real.ended(name, seconds=60)["status"]["phase"] == "Succeeded"


def test_a_volume_goes_as_its_retention_says_and_the_pods_that_mount_it_with_it(real: Arena) -> None:
    """The API server keeps a claim for as long as there are Pods, ended ones too, that mount it; those of children as well."""
    keeps: Object = {"artifacts": {"retain": "OnFailure"}}
    make = script("make", "echo x > file", artifacts={"paths": ["file"]})
    call = {"name": "call", "run": {"definitionRef": {"name": "child"}}}
    good = real.run(
        [script("plain", "true"), {**call, "dependsOn": ["plain"]}],
        definitions=[{"name": "child", "tasks": [make]}],
        **keeps,
    )
    bad = real.run([script("make", "echo x > file; exit 1", artifacts={"paths": ["file"], "keep": "Always"})], **keeps)
    for name in (good, bad):
        real.ended(name)

    def claims(root: str) -> list[Object]:
        return [
            one
            for one in real.cluster.list("persistentvolumeclaims", namespace=real.namespace)
            if one["metadata"].get("labels", {}).get("brood.dev/root-run") == root
        ]

    real.history.until(lambda: not claims(good), "the volume of the good run is gone", seconds=30)
    assert real.history.run(good) is not None
    assert [one["metadata"]["labels"]["brood.dev/task"] for one in real.history.now("pods", run=good)] == ["plain"]
    assert len(claims(bad)) == len(real.history.now("pods", run=bad)) == 1


def test_o12_one_child_is_interrupted_and_its_siblings_go_on(simulation: Arena) -> None:
    local = {
        "name": "item",
        "params": [{"name": "KWOK_RUN_FOR"}],
        "tasks": [
            {"name": "first", "container": {"image": "a", "command": ["true"]}},
            {"name": "second", "container": {"image": "a", "command": ["true"]}, "dependsOn": ["first"]},
        ],
    }
    each = {"name": "each", "run": {"definitionRef": {"name": "item"}}, "parallel": {"items": ["1501ms", "1502ms"]}}
    name = simulation.run([each], definitions=[local])
    started(simulation, name, 2)
    (child,) = simulation.history.now("jobruns", run=name, index="0")
    patched(simulation, child["metadata"]["name"], shutdown="Interrupt")
    done = simulation.ended(name)
    ends = {one["spec"]["parentRef"]["index"]: one["status"] for one in simulation.history.ever("jobruns", run=name)}
    assert (ends[0]["phase"], ends[1]["phase"]) == ("Cancelled", "Succeeded")
    assert [one["phase"] for one in ends[0]["tasks"]] == ["Succeeded", "Cancelled"]
    assert (done["status"]["phase"], row(done, "each")["items"]["cancelled"]) == ("Failed", 1)


def test_a_suspended_run_starts_nothing_until_it_goes_on(simulation: Arena) -> None:
    name = simulation.run([simulated("first", seconds=1), simulated("second", dependsOn=["first"])])
    started(simulation, name)
    patched(simulation, name, suspend=True)
    simulation.history.run_is(name, lambda one: one["status"]["phase"] == "Suspended")
    simulation.history.run_is(name, lambda one: row(one, "first").get("phase") == "Succeeded")
    time.sleep(1)
    assert len(simulation.history.ever("pods", run=name)) == 1
    patched(simulation, name, suspend=False)
    assert simulation.ended(name)["status"]["phase"] == "Succeeded"


def test_a_finished_run_goes_when_its_time_is_over_with_its_pods(simulation: Arena) -> None:
    name = simulation.run([simulated("main")], ttlSecondsAfterFinished=1)
    simulation.ended(name)
    simulation.history.until(lambda: simulation.history.run(name) is None, "the run is gone", seconds=20)
    simulation.history.until(lambda: not simulation.history.now("pods", run=name), "no Pods", seconds=20)


def test_pods_go_as_their_retention_says(simulation: Arena) -> None:
    tasks: list[Object] = [simulated("good"), simulated("bad", code=1)]
    none = simulation.run(tasks, podRetention="Never")
    some = simulation.run(tasks, podRetention="OnFailure")
    for name, left in ((none, []), (some, ["bad"])):
        simulation.ended(name)

        def tasks_left(name: str = name) -> list[str]:
            return [one["metadata"]["labels"]["brood.dev/task"] for one in simulation.history.now("pods", run=name)]

        simulation.history.until(lambda left=left: tasks_left() == left, f"{left} left of {name}", seconds=20)  # type: ignore[misc]
        assert len(simulation.history.ever("pods", run=name)) == 2


def test_revisions_go_when_no_run_names_them_but_for_the_last_ten(simulation: Arena) -> None:
    name, number = fresh(), 13
    for one in range(number):
        simulation.apply(definition(name, [simulated(f"task-{one}")]), run(f"{name}-{one}", name))
        simulation.history.run_is(f"{name}-{one}", lambda found: "revision" in found.get("status", {}))

    def stored() -> set[str]:
        found = simulation.cluster.list("controllerrevisions", namespace=simulation.namespace)
        specs = [one["data"]["spec"] for one in found if one["metadata"]["labels"]["brood.dev/definition"] == name]
        return {spec["tasks"][0]["name"] for spec in specs}

    def left(*tasks: int) -> None:
        wanted = {f"task-{one}" for one in tasks}
        simulation.history.until(lambda: stored() == wanted, f"the revisions {tasks} left", seconds=30)

    simulation.ended(f"{name}-0")
    simulation.kubectl("delete", "jr", *(f"{name}-{one}" for one in range(1, number)))
    simulation.kill_and_restart()  # else it waits for ten minutes, lest a run is about to name one
    left(0, *range(2, number))  # named; the last ten that are not; the current one
    simulation.kubectl("delete", "jd", name)
    left(0)
    simulation.kubectl("delete", "jr", f"{name}-0")
    left()


def test_a_schedule_on_change_makes_a_run_of_each_revision(simulation: Arena) -> None:
    name = fresh()

    def made() -> list[Object]:
        runs = simulation.history.now("jobruns")
        return [one for one in runs if one["spec"]["definitionRef"].get("name") == name and "status" in one]

    for number in (1, 2):
        simulation.apply(definition(name, [simulated(f"task-{number}")], schedule={"onChange": True}))
        simulation.history.until(
            lambda number=number: [one["status"].get("phase") for one in made()] == ["Succeeded"] * number,  # type: ignore[misc]
            f"{number} runs",
        )


def test_a_stricter_newcomer_replaces_all_holders_that_it_needs_to_enter(simulation: Arena) -> None:
    name, strict = fresh(), fresh("strict")
    tasks: list[Object] = [simulated("main", seconds=60)]
    simulation.apply(definition(name, tasks, concurrency={"key": name, "maxActiveRuns": 3}))
    only: Object = {"key": name, "maxActiveRuns": 1, "policy": "Replace"}
    simulation.apply(definition(strict, [simulated("main")], concurrency=only))
    for which in "ab":
        simulation.apply(run(f"{name}-{which}", name))
        started(simulation, f"{name}-{which}")
    simulation.apply(run(f"{name}-new", strict))
    assert simulation.ended(f"{name}-new", seconds=40)["status"]["phase"] == "Succeeded"
    for which in "ab":
        assert condition(simulation.ended(f"{name}-{which}"), "Succeeded")["reason"] == "Replaced"


def test_waiting_runs_go_by_priority(simulation: Arena) -> None:
    name = fresh()
    simulation.apply(definition(name, [simulated("main", seconds=1)], concurrency={"maxActiveRuns": 1}))
    simulation.apply(run(f"{name}-first", name))
    started(simulation, f"{name}-first")
    simulation.apply(run(f"{name}-low", name), run(f"{name}-high", name, priority=5))
    for which in ("low", "high"):
        simulation.history.run_is(f"{name}-{which}", lambda one: one.get("status", {}).get("phase") == "Queued")
    ends = {which: simulation.ended(f"{name}-{which}")["status"]["startTime"] for which in ("first", "high", "low")}
    assert ends["first"] < ends["high"] < ends["low"]
