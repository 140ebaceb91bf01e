"""Terminate at every stage of a run; shutdowns twice, after the end, and beside a deadline (contract §2.1, §2.2, §4)."""

import pytest

from brood.engine.reconcile import plan
from tests.unit.engine.world import begun, deleted, exits, never, ok, stopped, waiting

LOCAL = "definitions: [{name: l, tasks: [{name: x, script: x}, {name: y, script: x, dependsOn: [x]}]}]"


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
    world = waiting("{tasks: [{name: a, script: x}]}")
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
    world.play(never)
    assert (world.row("p").phase, world.row("p").reason) == ("Failed", "DeadlineExceeded")
    assert world.phase() == "Cancelled"
