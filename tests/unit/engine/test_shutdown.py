"""Interrupt and Terminate at every stage of a run (contract §2.1, §2.2, §4)."""

import pytest

from brood.engine.reconcile import plan
from brood.views import PodRequest, TaskResult
from tests.unit.engine.world import START, World, begun, deleted, exits, ok

LOCAL = "definitions: [{name: l, tasks: [{name: x, script: x}, {name: y, script: x, dependsOn: [x]}]}]"


def stopped(spec: str, how: str = "Interrupt") -> World:
    """Return a world whose run was begun and then stopped."""
    world = begun(spec)
    world.shutdown("run", how)
    world.settle()
    return world


def made_after(world: World, before: list[str]) -> list[str]:
    """Return the tasks (or runs) of what was made since."""
    return [world.requests[one].task if one in world.requests else one for one in world.made if one not in before]


# --- Interrupt: tasks ---


def test_o10_what_runs_ends_normally_and_what_has_not_started_never_does() -> None:
    spec = (
        "{maxActiveTasks: 1, tasks: [{name: a, script: x}, {name: b, script: x}, {name: c, script: x, dependsOn: [a]}]}"
    )
    world = stopped(spec)
    assert world.phases() == {"a": "Running", "b": "Cancelled", "c": "Pending"}
    assert not any(one.pod.meta.deleting for one in world.pods.values())
    world.play(lambda _: ok())
    assert world.phases() == {"a": "Succeeded", "b": "Cancelled", "c": "Cancelled"}
    assert {world.row(one).reason for one in "bc"} == {"Interrupted"}
    assert world.phase() == "Cancelled"
    assert world.condition("Succeeded") == ("False", "Interrupted", "shutdown: Interrupt")
    assert world.condition("Interrupted") == ("True", "Interrupted", "shutdown: Interrupt")


def test_a_task_behind_a_cancelled_one_is_cancelled_and_one_that_could_not_start_is_skipped() -> None:
    spec = """
    tasks:
    - {name: a, script: x, onSucceeded: good, onFailed: bad}
    - {name: good, script: x}
    - {name: bad, script: x}
    - {name: behind, script: x, dependsOn: [good]}
    - {name: junction, dependsOn: [a]}
    - {name: never, script: x, dependsOn: [a], when: "false"}
    - {name: both, script: x, dependsOn: [bad, good]}
    """
    world = stopped(spec)
    world.play()
    assert world.phases() == {
        "a": "Succeeded", "good": "Cancelled", "bad": "Skipped", "behind": "Cancelled", "junction": "Cancelled", "never": "Skipped",
        "both": "Cancelled",
    }  # fmt: skip


def test_if_nothing_was_cancelled_the_natural_result_stands() -> None:
    for end, result in ((ok(), "Succeeded"), (exits(1), "Failed")):
        world = stopped("{tasks: [{name: a, script: x}, {name: b, script: x, when: 'false'}]}")
        world.play(lambda _, one=end: one)  # type: ignore[misc]
        assert world.phase() == result
        assert world.condition("Interrupted") is not None


@pytest.mark.parametrize("end", [exits(1), TaskResult(None), deleted()])
def test_o11_a_failed_attempt_that_would_be_retried_leaves_its_task_cancelled(end: TaskResult) -> None:
    world = stopped("{tasks: [{name: a, script: x, retryPolicy: {limit: 1}}]}")
    world.end_task("a", end)
    world.play()
    row = world.row("a")
    if end.reason is None:
        assert row.phase == "Succeeded"
    else:
        assert (row.phase, row.reason) == ("Cancelled", "Interrupted")
        assert row.message.startswith("not retried after: ")
        assert world.phase() == "Cancelled"


def test_a_last_failure_is_a_failure_also_during_an_interrupt() -> None:
    world = stopped("{tasks: [{name: a, script: x}, {name: b, script: x}]}")
    world.end_task("a", exits(3))
    world.play()
    assert world.row("a").phase == "Failed"
    assert world.phase() == "Failed"


def test_o11_a_task_in_back_off_is_cancelled_at_once() -> None:
    world = begun("{tasks: [{name: a, script: x, retryPolicy: {limit: 1, intervalSeconds: 1000}}]}")
    world.end_task("a", exits(1))
    world.settle()
    world.shutdown("run")
    world.settle()
    assert (world.row("a").phase, world.phase(), world.now) == ("Cancelled", "Cancelled", START)


def test_a_pod_that_waits_for_its_start_is_an_attempt_that_goes_on() -> None:
    world = World(pods_wait=True)
    world.define("{tasks: [{name: a, script: x}]}")
    world.submit()
    world.settle()
    world.shutdown("run")
    world.settle()
    assert world.row("a").phase == "Pending"
    world.start_pod(world.live_pod("a"))
    world.play()
    assert world.phase() == "Succeeded"


def test_a_task_that_waits_for_its_definition_is_cancelled() -> None:
    world = stopped("{tasks: [{name: c, run: {definitionRef: {name: none}}}]}")
    assert (world.row("c").phase, world.phase()) == ("Cancelled", "Cancelled")


# --- Interrupt: children and items ---


def test_o11_a_running_child_finishes_its_whole_graph() -> None:
    world = stopped(
        f"{{tasks: [{{name: c, run: {{definitionRef: {{name: l}}}}}}, {{name: after, script: x, dependsOn: [c]}}], {LOCAL}}}"
    )
    child = world.children("c")[0].meta.name
    assert world.runs[child].spec.shutdown is None
    world.play()
    assert world.phases(child) == {"x": "Succeeded", "y": "Succeeded"}
    assert world.phases() == {"c": "Succeeded", "after": "Cancelled"}


def test_o11_a_child_that_has_not_started_never_starts() -> None:
    world = World()
    world.define(
        f"{{tasks: [{{name: c, run: {{definitionRef: {{name: l}}}}}}, {{name: f, fork: {{definitionRef: {{name: l}}}}}}], {LOCAL}}}"
    )
    world.submit()
    world.step("run")
    world.step("run")
    assert [one.status.start_time for one in world.children_of(world.runs["run"])] == [None, None]
    world.shutdown("run")
    world.step("run")
    world.play()
    assert not world.requests
    for child in world.children_of(world.runs["run"]):
        assert (child.spec.shutdown, str(child.status.phase)) == ("Interrupt", "Cancelled")
        assert {str(row.phase) for row in child.status.tasks} == {"Cancelled"}
    assert world.phases() == {"c": "Cancelled", "f": "Succeeded"}
    assert world.phase() == "Cancelled"


ITEMS = "{tasks: [{name: p, script: x, retryPolicy: {limit: 1, intervalSeconds: 50}, parallel: {items: [a, b, c, d, e], maxConcurrent: 2}}]}"


def test_o10_two_running_items_finish_and_three_pending_ones_are_cancelled() -> None:
    world = stopped(ITEMS)
    before = list(world.made)
    items = world.row("p").items
    assert items is not None
    assert (items.running, items.cancelled, items.cancelled_indexes) == (2, 3, "2-4")
    world.play()
    items = world.row("p").items
    assert items is not None
    assert (items.succeeded, items.cancelled) == (2, 3)
    assert (world.row("p").phase, world.row("p").reason, world.phase()) == ("Cancelled", "Interrupted", "Cancelled")
    assert made_after(world, before) == []


def test_o11_an_item_that_would_be_retried_is_cancelled_one_that_would_not_has_failed() -> None:
    world = begun(ITEMS)
    world.end(world.live_pods()[0], exits(1))
    world.settle()
    assert world.row("p").items is not None
    world.shutdown("run")
    world.settle()
    items = world.row("p").items
    assert items is not None
    assert (items.cancelled_indexes, items.running) == ("0,3-4", 2)
    world.play(lambda request: exits(1) if request.index == 1 else ok())
    items = world.row("p").items
    assert items is not None
    assert (items.cancelled_indexes, items.completed_indexes, items.failed) == ("0-1,3-4", "2", 0)


def test_a_parallel_task_all_of_whose_items_have_started_ends_as_ever() -> None:
    world = stopped("{tasks: [{name: p, script: x, parallel: {items: [a, b]}}]}")
    world.play()
    assert (world.row("p").phase, world.phase()) == ("Succeeded", "Succeeded")


def test_a_parallel_task_whose_start_was_not_recorded_is_not_cancelled_beside_its_children() -> None:
    world = World()
    world.define("{tasks: [{name: p, script: x, parallel: {items: [a, b]}}]}")
    world.submit()
    world.step("run")
    world.step("run", crash_after=1)  # one child exists, the status does not say so
    assert (world.row("p").phase, len(world.children("p"))) == ("Pending", 1)
    world.step(world.children("p")[0].meta.name)  # it was admitted
    world.shutdown("run")
    world.play()
    items = world.row("p").items
    assert items is not None
    assert (items.succeeded, items.cancelled, len(world.children("p"))) == (1, 1, 1)
    assert world.phase() == "Cancelled"


def test_a_fork_whose_start_was_not_recorded_has_succeeded() -> None:
    world = World()
    world.define(f"{{tasks: [{{name: f, fork: {{definitionRef: {{name: l}}}}}}], {LOCAL}}}")
    world.submit()
    world.step("run")
    world.step("run", crash_after=1)
    world.step(world.children("f")[0].meta.name)
    world.shutdown("run")
    world.play()
    assert (world.row("f").phase, world.phase()) == ("Succeeded", "Succeeded")


@pytest.mark.parametrize("wait", ["", "- {name: w, await: {tasks: [f]}}"])
def test_items_of_a_fork_that_have_no_child_are_cancelled(wait: str) -> None:
    world = stopped(f"""
    tasks:
    - {{name: f, fork: {{definitionRef: {{name: l}}}}, parallel: {{items: [a, b, c], maxConcurrent: 1}}}}
    {wait}
    definitions: [{{name: l, tasks: [{{name: x, script: x}}]}}]
    """)
    items = world.row("f").items
    assert items is not None
    assert (items.cancelled, items.running) == (2, 1)
    world.play()
    assert world.phases()["f"] == "Succeeded"
    if wait:
        assert (world.row("w").phase, world.row("w").reason) == ("Cancelled", "Interrupted")
    assert world.phase() == "Cancelled"


def test_an_await_that_is_running_ends_by_its_children() -> None:
    world = stopped(
        f"{{tasks: [{{name: f, fork: {{definitionRef: {{name: l}}}}}}, {{name: w, await: {{tasks: [f]}}}}], {LOCAL}}}"
    )
    assert world.row("w").phase == "Running"
    world.play()
    assert (world.row("w").phase, world.phase()) == ("Succeeded", "Succeeded")


def test_a_running_child_that_somebody_else_cancels_during_an_interrupt_fails_its_task() -> None:
    world = stopped(f"{{tasks: [{{name: c, run: {{definitionRef: {{name: l}}}}}}], {LOCAL}}}")
    world.shutdown(world.children("c")[0].meta.name, "Terminate")
    world.play()
    assert (world.row("c").phase, world.row("c").reason, world.phase()) == ("Failed", "ChildCancelled", "Failed")


def test_o12_a_child_that_waits_is_cancelled_alone() -> None:
    world = World()
    world.define(f"{{tasks: [{{name: c, run: {{definitionRef: {{name: l}}}}}}, {{name: a, script: x}}], {LOCAL}}}")
    world.submit()
    world.step("run")
    world.step("run")
    child = world.children("c")[0].meta.name
    world.shutdown(child)
    world.play()
    assert str(world.phase(child)) == "Cancelled"
    assert world.phases() == {"c": "Failed", "a": "Succeeded"}
    assert world.row("c").reason == "ChildCancelled"


# --- Terminate ---


def test_terminate_stops_pods_and_children_and_what_still_exits_with_0_has_succeeded() -> None:
    spec = f"""
    tasks:
    - {{name: a, script: x, retryPolicy: {{limit: 3}}}}
    - {{name: b, script: x}}
    - {{name: c, run: {{definitionRef: {{name: l}}}}}}
    - {{name: f, fork: {{definitionRef: {{name: l}}}}}}
    - {{name: p, script: x, parallel: {{items: [1, 2, 3], maxConcurrent: 1}}}}
    - {{name: w, await: {{tasks: [f]}}}}
    {LOCAL}
    """
    world = stopped(spec, "Terminate")
    before = list(world.made)
    assert all(one.pod.meta.deleting for one in world.pods.values())
    assert {one.spec.shutdown for one in world.children_of(world.runs["run"])} == {"Terminate"}
    world.end_task("b", ok())
    world.play()
    assert world.phases() == {
        "a": "Cancelled", "b": "Succeeded", "c": "Cancelled", "f": "Succeeded", "p": "Cancelled", "w": "Cancelled"
    }  # fmt: skip
    assert {world.row(one).reason for one in ("a", "c", "p", "w")} == {"Terminated"}
    assert world.phase() == "Cancelled"
    assert world.condition("Succeeded") == ("False", "Terminated", "shutdown: Terminate")
    assert world.made == before
    for run in world.runs.values():
        assert run.status.finished


def test_a_pod_that_had_failed_before_it_was_stopped_has_failed() -> None:
    world = begun("{tasks: [{name: a, script: x}, {name: b, script: x}]}")
    world.end_task("a", exits(3))
    world.shutdown("run", "Terminate")
    world.play()
    assert (world.row("a").phase, world.row("a").reason) == ("Failed", "ExitCode")
    assert (world.row("b").phase, world.phase()) == ("Cancelled", "Cancelled")


def test_a_pod_that_never_started_is_stopped_too() -> None:
    world = World(pods_wait=True)
    world.define("{tasks: [{name: a, script: x}]}")
    world.submit()
    world.settle()
    world.shutdown("run", "Terminate")
    world.settle()
    world.end_task("a", deleted())
    world.play()
    assert (world.row("a").phase, world.row("a").reason) == ("Cancelled", "Terminated")


def test_a_pod_that_is_gone_while_it_is_stopped_is_cancelled_not_tried_again() -> None:
    world = stopped("{tasks: [{name: a, script: x}]}", "Terminate")
    world.remove_pod(world.live_pod("a"))
    world.play()
    assert (world.row("a").phase, world.row("a").attempt) == ("Cancelled", 1)


def test_interrupt_and_then_terminate_has_the_reason_terminated() -> None:
    world = stopped("{maxActiveTasks: 1, tasks: [{name: a, script: x}, {name: b, script: x}]}")
    world.shutdown("run", "Terminate")
    world.play()
    assert [world.row(one).reason for one in "ab"] == ["Terminated", "Interrupted"]
    assert world.condition("Succeeded") == ("False", "Terminated", "shutdown: Terminate")


def test_a_child_that_fails_while_it_is_terminated_has_failed() -> None:
    spec = "{tasks: [{name: c, run: {definitionRef: {name: l}}}], definitions: [{name: l, tasks: [{name: x, script: x}, {name: y, script: x}]}]}"
    world = begun(spec)
    child = world.children("c")[0].meta.name
    world.end_task("x", exits(3), run=child)
    world.end_task("y", ok(), run=child)
    world.shutdown("run", "Terminate")
    world.play()
    assert str(world.phase(child)) == "Failed"
    assert (world.row("c").phase, world.row("c").reason, world.phase()) == ("Failed", "ChildFailed", "Failed")


# --- never admitted, twice, after the end ---


def test_a_run_applied_with_shutdown_is_never_admitted() -> None:
    world = begun(
        "{tasks: [{name: a, script: x}], handlers: {onCancel: {script: x}, onExit: {script: x}}}", shutdown="Interrupt"
    )
    assert world.phases() == {"a": "Cancelled"}
    assert world.phase() == "Cancelled"
    assert world.condition("Admitted") is None
    assert not world.made
    assert world.runs["run"].status.handlers == ()
    assert world.runs["run"].status.progress == "1/1"


@pytest.mark.parametrize("how", ["Interrupt", "Terminate"])
def test_o13_a_shutdown_after_the_end_changes_nothing(how: str) -> None:
    world = begun("{tasks: [{name: a, script: x}]}")
    world.play()
    before = world.runs["run"].status
    world.shutdown("run", how)
    world.settle()
    assert world.runs["run"].status == before


def test_o13_a_second_look_at_an_interrupt_changes_nothing() -> None:
    world = stopped("{tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}")
    made = plan(world.snapshot("run"), world.now)
    assert made.status is None
    assert (made.pods, made.children, made.deletions, made.shutdowns) == ((), (), (), ())


# --- shutdown and deadline ---

TIMED = "{activeDeadlineSeconds: 100, maxActiveTasks: 2, tasks: [{name: a, script: x}, {name: b, script: x}, {name: c, script: x}]}"


def test_a_deadline_still_ends_what_an_interrupt_lets_run_and_the_run_is_cancelled_by_the_interrupt() -> None:
    world = stopped(TIMED)
    world.end_task("a", ok())
    world.pass_time(100)
    world.settle()
    assert [one.pod.meta.deleting for one in world.pods.values() if one.result is None] == [True]
    world.play()
    assert world.phases() == {"a": "Succeeded", "b": "Failed", "c": "Cancelled"}
    assert world.row("b").reason == "DeadlineExceeded"
    assert world.condition("Succeeded") == ("False", "Interrupted", "shutdown: Interrupt")


def test_an_interrupt_that_cancelled_nothing_before_the_deadline_leaves_the_run_failed() -> None:
    world = stopped("{activeDeadlineSeconds: 100, tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}")
    world.pass_time(100)
    world.play(lambda _: exits(1))
    assert world.phases() == {"a": "Failed", "b": "Cancelled"}
    assert world.condition("Succeeded") == ("False", "DeadlineExceeded", "not done by 2026-01-01 00:01:40 UTC")


def test_a_shutdown_after_the_deadline_changes_nothing() -> None:
    world = begun(TIMED)
    world.pass_time(100)
    world.settle()
    world.shutdown("run", "Terminate")
    world.play()
    assert world.phases() == {"a": "Failed", "b": "Failed", "c": "Cancelled"}
    assert world.phase() == "Failed"


def test_a_deadline_during_a_termination_changes_nothing() -> None:
    world = stopped(TIMED, "Terminate")
    world.pass_time(200)
    world.settle()
    world.play()
    assert {world.row(one).reason for one in "ab"} == {"Terminated"}
    assert world.phase() == "Cancelled"


def test_items_that_an_interrupt_cancelled_before_the_deadline_make_the_run_cancelled() -> None:
    spec = "{activeDeadlineSeconds: 100, tasks: [{name: p, script: x, parallel: {items: [a, b], maxConcurrent: 1}}]}"
    world = stopped(spec)
    world.pass_time(100)

    def never(_: PodRequest) -> None:
        return None

    world.play(never)
    assert (world.row("p").phase, world.row("p").reason) == ("Failed", "DeadlineExceeded")
    assert world.phase() == "Cancelled"
