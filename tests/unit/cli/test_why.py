"""`brood why` on runs as they are stored, for every reason to wait of §2.1."""

from typing import Any

import pytest

from brood.api.reasons import RunReason, TaskReason, WaitingReason
from brood.cli.forest import Forest, key_of
from brood.cli.why import Why, why
from tests.unit.cli.objects import job_run, task

ROW_REASONS = {
    WaitingReason.QUOTA_EXCEEDED: 'pods "root-a" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2',
    WaitingReason.NAMESPACE_LIMIT: "live Pods in the namespace: 3 (limit: 3)",
    WaitingReason.ARTIFACT_VOLUME_PENDING: "claim root-artifacts is Pending",
    WaitingReason.ARTIFACT_VOLUME_LIMIT: "artifact volumes in the namespace: 2 (limit: 2)",
    WaitingReason.ARTIFACT_VOLUME_NODE_FULL: "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match pod affinity rules.",
    WaitingReason.UNSCHEDULABLE: "0/1 nodes are available: 1 Insufficient cpu.",
    WaitingReason.IMAGE_PULL: 'ImagePullBackOff: Back-off pulling image "nowhere/none"',
    WaitingReason.RETRY_BACKOFF: "until 12:00:30 UTC; attempt 1: ExitCode: exit code 3",
    WaitingReason.SUSPENDED: "spec.suspend is true",
    WaitingReason.MAX_ACTIVE_TASKS: "maxActiveTasks: 2 of 2 are active",
    WaitingReason.DEFINITION_NOT_FOUND: "no JobDefinition child",
    WaitingReason.POOL_FULL: "pool gpu: 1 of 1 slots taken by other-train",
}
RUN_REASONS = {
    WaitingReason.QUEUED: ("Queued", "2 runs hold key acme: encode-40, encode-41; position 3"),
    WaitingReason.NAMESPACE_LIMIT: ("Queued", "active root runs in the namespace: 4 (limit: 4)"),
    WaitingReason.SUSPENDED: ("Suspended", "spec.suspend is true"),
    WaitingReason.DEFINITION_NOT_FOUND: ("Pending", "there is no JobDefinition encode"),
}


def answers(*manifests: dict[str, Any], **waits: list[str]) -> list[Why]:
    forest = Forest()
    for manifest in manifests:
        forest.put(manifest)
    return why(forest, key_of(manifests[0]), lambda _: waits)


def condition(kind: str, reason: str, message: str = "", status: str = "True") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize("reason", ROW_REASONS)
def test_what_a_task_waits_for_is_told_with_its_meaning_and_a_way_out(reason: WaitingReason) -> None:
    message = ROW_REASONS[reason]
    root = job_run("root", tasks=[task("a"), task("b", "Pending", reason=reason, message=message)])
    [_, answer] = answers(root)
    assert (answer.path, answer.phase, answer.reason, answer.message) == ("root/b", "Pending", reason, message)
    assert answer.meaning
    assert answer.way_out


@pytest.mark.parametrize("reason", RUN_REASONS)
def test_what_a_run_waits_for_is_told(reason: WaitingReason) -> None:
    phase, message = RUN_REASONS[reason]
    [answer] = answers(job_run("root", phase, conditions=[condition("Reconciling", reason, message)], message=message))
    assert (answer.path, answer.phase, answer.reason, answer.message) == ("root", phase, reason, message)
    assert answer.way_out


def test_every_waiting_reason_has_been_asked_for_here() -> None:
    assert {*ROW_REASONS, *RUN_REASONS, WaitingReason.MAX_CONCURRENT} == {*WaitingReason}


def test_a_fan_out_at_maxconcurrent_says_so_and_what_its_live_items_wait_for() -> None:
    items = {"total": 10, "running": 3, "succeeded": 1, "pending": 6}
    row = task("fan", "Running", items=items, reason="MaxConcurrent", message="maxConcurrent: 3 items run")
    children = [
        job_run(
            f"root-fan-{index}",
            tasks=[task("main", "Pending", reason="Unschedulable", message=f"no node for {index}")],
            parent=("root", "fan", index),
        )
        for index in (1, 2, 5)
    ]
    done = job_run("root-fan-0", "Succeeded", tasks=[task("main")], parent=("root", "fan", 0))
    _, fan, waiting = answers(job_run("root", tasks=[row]), done, *children)
    assert (fan.reason, fan.message) == ("MaxConcurrent", "maxConcurrent: 3 items run")
    assert fan.way_out
    assert (waiting.path, waiting.reason, waiting.count) == ("root/fan[1-2,5]/main", "Unschedulable", 3)


def test_the_task_of_a_child_run_answers_for_its_parents() -> None:
    root = job_run("root", tasks=[task("sub", "Running", childName="root-sub")])
    child = job_run(
        "root-sub", tasks=[task("a", "Pending", reason="ImagePull", message="no")], parent=("root", "sub", None)
    )
    assert [one.path for one in answers(root, child)] == ["root", "root/sub/a"]


def test_a_fork_whose_child_goes_on_is_why_the_run_has_not_ended() -> None:
    root = job_run("root", tasks=[task("fork", childName="root-fork")])
    child = job_run("root-fork", tasks=[task("a", "Running", podName="p")], parent=("root", "fork", None))
    assert [(one.path, one.message) for one in answers(root, child)][1:] == [("root/fork/a", "Pod p")]


def test_a_task_that_waits_for_others_names_those_that_have_not_ended() -> None:
    root = job_run("root", tasks=[task("a"), task("b", "Running", podName="p"), task("c", "Pending")])
    told = answers(root, c=["a", "b"])[-1]
    assert (told.path, told.reason, told.message) == ("root/c", "WaitsForTasks", "waits for b")


def test_a_run_that_nobody_looked_at_says_so() -> None:
    [answer] = answers(job_run("root", None))
    assert "is the operator running" in answer.message


def test_an_invalid_definition_is_named_with_the_way_out() -> None:
    stalled = [condition("Stalled", "InvalidSpec", "d: spec.tasks[0]: no")]
    [answer] = answers(job_run("root", "Pending", conditions=stalled, message="d: spec.tasks[0]: no"))
    assert (answer.reason, answer.message) == ("InvalidSpec", "d: spec.tasks[0]: no")
    assert "brood lint" in answer.way_out


def test_a_word_of_the_kubelet_is_told_as_its_own() -> None:
    message = 'secret "database" not found'
    root = job_run("root", tasks=[task("a", "Pending", reason="CreateContainerConfigError", message=message)])
    told = answers(root)[-1]
    assert (told.reason, told.message) == ("CreateContainerConfigError", message)
    assert "kubelet" in told.meaning
    assert "Secret" in told.way_out


def test_one_word_means_what_it_means_for_a_run_or_a_task_while_it_waits_or_at_its_end() -> None:
    missing = {"reason": "DefinitionNotFound", "message": "no JobDefinition child"}
    meanings = {
        answers(job_run("root", tasks=[task("a", "Pending", **missing)]))[-1].meaning,
        answers(job_run("root", "Failed", tasks=[task("a", "Failed", **missing)]))[-1].meaning,
        answers(job_run("root", "Failed", conditions=[condition("Succeeded", "DefinitionNotFound", "no", "False")]))[
            0
        ].meaning,
    }
    assert meanings == {one.DEFINITION_NOT_FOUND.description for one in (WaitingReason, TaskReason, RunReason)}


def test_of_a_failed_run_only_what_failed_by_itself_is_told() -> None:
    failed = [condition("Succeeded", "TaskFailed", "task sub", "False")]
    root = job_run(
        "root",
        "Failed",
        tasks=[task("sub", "Failed", reason="ChildFailed", childName="root-sub"), task("z", "Skipped")],
        conditions=failed,
        message="task sub",
    )
    child = job_run(
        "root-sub",
        "Failed",
        tasks=[task("a"), task("b", "Failed", reason="ExitCode", message="exit code 3")],
        conditions=failed,
        parent=("root", "sub", None),
    )
    assert [(one.path, one.reason) for one in answers(root, child)] == [
        ("root", "TaskFailed"),
        ("root/sub/b", "ExitCode"),
    ]


def test_a_retried_child_counts_by_its_newest_attempt() -> None:
    root = job_run("root", tasks=[task("sub", "Running", childName="root-sub-2", attempt=2)])
    old = job_run("root-sub-1", "Failed", tasks=[task("a", "Failed", reason="ExitCode")], parent=("root", "sub", None))
    new = job_run("root-sub-2", tasks=[task("a", "Running", podName="p")], parent=("root", "sub", None))
    new["metadata"]["labels"] = {"brood.dev/attempt": "2"}
    assert [one.phase for one in answers(root, new, old)] == ["Running", "Running"]
