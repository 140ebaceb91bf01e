"""Time of attempts, starts, items and runs (contract §1.1, §2.1)."""

from datetime import timedelta

import pytest

from brood.api.reasons import WaitingReason
from tests.unit.engine.world import START, begun, deleted, exits, never, ok, played, waiting

# --- of a Pod ---


def test_a_pod_gets_the_time_of_its_task() -> None:
    world = begun("{tasks: [{name: a, script: x, timeoutSeconds: 30}, {name: b, script: x}]}")
    assert world.request("a").timeout_seconds == 30
    assert world.request("b").timeout_seconds is None


def test_a_timed_out_attempt_fails_by_that_and_each_attempt_has_the_whole_time() -> None:
    world = played(
        "{tasks: [{name: a, script: x, timeoutSeconds: 30, retryPolicy: {limit: 1, intervalSeconds: 5}}]}", never
    )
    row = world.row("a")
    assert (row.phase, row.reason, row.attempt) == ("Failed", "DeadlineExceeded", 2)
    assert row.completion_time == START + timedelta(seconds=65)
    assert world.condition("Succeeded") == ("False", "TaskFailed", "task a: DeadlineExceeded: timeoutSeconds passed")


@pytest.mark.parametrize(
    ("fields", "reason", "message", "after"),
    [
        ("pendingTimeoutSeconds: 20", "PendingTimeout", "the Pod did not start within 20 s: no node fits", 20),
        ("imagePullTimeoutSeconds: 15", None, "", 0),
        (
            "pendingTimeoutSeconds: 20, imagePullTimeoutSeconds: 10",
            "PendingTimeout",
            "the Pod did not start within 20 s: no node fits",
            20,
        ),
    ],
)
def test_a_pod_that_finds_no_node_has_its_pending_time(
    fields: str, reason: str | None, message: str, after: int
) -> None:
    world = waiting(f"{{tasks: [{{name: a, script: x, {fields}}}]}}")
    name = world.live_pod("a")
    world.pods[name] = type(world.pods[name])(
        world.pods[name].pod, waiting=(WaitingReason.UNSCHEDULABLE, "no node fits")
    )
    world.settle()
    row = world.row("a")
    assert (row.phase, row.reason, row.message) == ("Pending", "Unschedulable", "no node fits")
    if reason is None:
        assert not world.wakes()
        return
    world.pass_time(after - 1)
    world.settle()
    assert world.row("a").phase == "Pending"
    world.pass_time(1)
    world.settle()
    row = world.row("a")
    assert (row.phase, row.reason, row.message) == ("Failed", reason, message)
    assert name not in world.pods
    assert world.phase() == "Failed"


@pytest.mark.parametrize(
    ("fields", "reason", "after"),
    [
        ("imagePullTimeoutSeconds: 10", "ImagePullFailed", 10),
        ("pendingTimeoutSeconds: 10", "PendingTimeout", 10),
        ("imagePullTimeoutSeconds: 10, pendingTimeoutSeconds: 20", "ImagePullFailed", 10),
        ("imagePullTimeoutSeconds: 20, pendingTimeoutSeconds: 10", "PendingTimeout", 10),
    ],
)
def test_the_reason_says_whether_the_image_or_the_start_took_too_long(fields: str, reason: str, after: int) -> None:
    world = waiting(f"{{tasks: [{{name: a, script: x, {fields}}}]}}")
    name = world.live_pod("a")
    world.pods[name] = type(world.pods[name])(world.pods[name].pod, waiting=(WaitingReason.IMAGE_PULL, "ErrImagePull"))
    world.settle()
    world.sleep()
    assert world.now == START + timedelta(seconds=after)
    world.settle()
    assert world.row("a").reason == reason


def test_a_pod_that_never_started_is_tried_again_by_the_retry_policy() -> None:
    world = waiting("{tasks: [{name: a, script: x, pendingTimeoutSeconds: 10, retryPolicy: {limit: 1}}]}")
    world.sleep()
    world.settle()
    world.sleep()
    world.settle()
    assert world.row("a").attempt == 2
    world.start_pod(world.live_pod("a"))
    world.play()
    assert world.phase() == "Succeeded"


def test_a_started_pod_is_not_pending_any_more() -> None:
    world = waiting("{tasks: [{name: a, script: x, pendingTimeoutSeconds: 10}]}")
    world.start_pod(world.live_pod("a"))
    world.pass_time(60)
    world.settle()
    assert world.row("a").phase == "Running"
    assert world.row("a").start_time == START


# --- of a `run` ---

CALL = """
tasks: [{name: call, run: {definitionRef: {name: child}}, timeoutSeconds: 30, RETRY}]
definitions: [{name: child, tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}]
"""


def test_the_child_of_a_timed_out_run_is_terminated_first() -> None:
    world = begun(CALL.replace("RETRY", "retryPolicy: {limit: 0}"))
    child = world.children("call")[0].meta.name
    world.pass_time(30)
    world.settle()
    assert world.runs[child].spec.shutdown == "Terminate"
    assert world.row("call").phase == "Running"
    world.play()
    row = world.row("call")
    assert (row.phase, row.reason, row.exit_code) == ("Failed", "DeadlineExceeded", None)
    assert str(world.phase(child)) == "Cancelled"


@pytest.mark.parametrize(("retry", "attempts"), [("limit: 1", 2), ("limit: 1, exitCodes: [3]", 1)])
def test_a_timed_out_run_is_retried_unless_exit_codes_is_given(retry: str, attempts: int) -> None:
    world = played(CALL.replace("RETRY", f"retryPolicy: {{{retry}}}"), never)
    assert world.row("call").attempt == attempts


def test_a_child_that_ends_in_time_is_no_timeout_although_it_is_seen_later() -> None:
    world = begun(CALL.replace("RETRY", "retryPolicy: {}"))
    child = world.children("call")[0].meta.name
    for task in ("a", "b"):
        world.end_task(task, ok(), run=child)
        world.step(child)
        world.step(child)
    assert world.phase(child) == "Succeeded"
    world.pass_time(60)
    world.play()
    assert world.row("call").phase == "Succeeded"


# --- over all items ---

ITEMS = "{tasks: [{name: p, script: x, output: R, timeoutSeconds: 30, parallel: {items: [a, b, c], maxConcurrent: 1, RULE}}]}"


def test_the_time_of_a_parallel_task_is_that_of_all_its_items_together() -> None:
    world = begun(ITEMS.replace("RULE", "maxFailures: 2"))
    world.pass_time(20)
    world.end(world.live_pods()[0], ok("A"))
    world.settle()
    world.pass_time(10)
    world.settle()
    items = world.row("p").items
    assert items is not None
    assert (items.succeeded, items.running, items.cancelled) == (1, 1, 1)
    world.play()
    row = world.row("p")
    assert (row.phase, row.reason, row.message) == ("Failed", "DeadlineExceeded", "not done within 30 s")
    assert '"summary":{"total":3,"succeeded":1,"failed":0,"cancelled":2,"skipped":0}' in world.outputs()["R"]


def test_items_that_wait_for_a_retry_when_the_time_is_over_are_not_tried_again() -> None:
    spec = "{tasks: [{name: p, script: x, timeoutSeconds: 30, retryPolicy: {limit: 5, intervalSeconds: 20}, parallel: {items: [a]}}]}"
    world = played(spec, lambda _: exits(1))
    row = world.row("p")
    assert row.items is not None
    assert (row.phase, row.reason, row.items.cancelled) == ("Failed", "DeadlineExceeded", 1)
    assert len(world.children("p")) == 2


def test_items_that_all_ended_in_time_are_judged_as_ever_although_it_is_seen_later() -> None:
    world = begun(ITEMS.replace("RULE", "maxFailures: 0"))
    for _ in "abc":
        world.end(world.live_pods()[0], ok("x"))
        for name in [one.meta.name for one in world.children("p")]:
            world.step(name)
            world.step(name)
        if world.now == START and len(world.children("p")) < 3:
            world.settle()
    world.pass_time(100)
    world.settle()
    assert world.row("p").phase == "Succeeded"


# --- where no kubelet keeps the time ---


def test_a_pod_that_no_kubelet_stops_is_deleted_and_has_failed_by_its_time() -> None:
    """Its node is gone, or simulated; whatever its end looks like then, it came too late."""
    grace = "podTemplate: {spec: {terminationGracePeriodSeconds: 10}}"
    world = begun(f"{{tasks: [{{name: a, script: x, timeoutSeconds: 30, retryPolicy: {{limit: 1}}, {grace}}}]}}")
    for attempt in (1, 2):
        name = world.live_pod("a")
        assert world.wakes() == [world.now + timedelta(seconds=45)]
        world.pass_time(44)  # the kubelet's TERM came after 30 s, its KILL after 40
        world.settle()
        assert not world.pods[name].pod.meta.deleting
        world.pass_time(1)
        world.settle()
        assert world.pods[name].pod.meta.deleting
        assert world.row("a").phase == "Running"  # it holds its slot until it has ended
        world.end(name, deleted() if attempt == 1 else ok())
        world.settle()
        world.sleep() if attempt == 1 else None
        world.settle()
    row = world.row("a")
    assert (row.phase, row.reason, row.attempt, row.infra_retries) == ("Failed", "DeadlineExceeded", 2, 0)
    assert row.message == "timeoutSeconds passed"


def test_a_handler_has_its_time_also_where_no_kubelet_keeps_it() -> None:
    world = begun("{tasks: [{name: a, script: x}], handlers: {onExit: {script: x, timeoutSeconds: 10}}}")
    world.end_task("a", ok())
    world.settle()
    name = world.live_pod("onExit")
    world.pass_time(45)
    world.settle()
    world.end(name, deleted())
    world.settle()
    assert world.phase() == "Succeeded"
    assert [one.reason for one in world.runs["run"].status.handlers] == ["DeadlineExceeded"]


def test_a_pod_that_somebody_deletes_in_time_is_made_again() -> None:
    world = begun("{tasks: [{name: a, script: x, timeoutSeconds: 30}]}")
    world.pass_time(20)
    world.end_task("a", deleted())
    world.settle()
    assert (world.row("a").attempt, world.row("a").infra_retries) == (2, 1)
