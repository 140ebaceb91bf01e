"""Interrupt at every stage of a run (contract §2.1, §2.2, §4)."""

import json
from dataclasses import replace

import pytest

from brood.views import Artifact, TaskResult
from tests.unit.engine.world import START, World, begun, deleted, exits, ok, stopped, waiting

LOCAL = "definitions: [{name: l, tasks: [{name: x, script: x}, {name: y, script: x, dependsOn: [x]}]}]"


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


@pytest.mark.parametrize("how", ["Interrupt", "Terminate", "deadline"])
@pytest.mark.parametrize("large", [False, True])
def test_what_the_last_attempt_left_is_kept_where_its_task_is_stopped_in_back_off(how: str, large: bool) -> None:  # noqa: FBT001
    said = "said" * (1000 if large else 1)
    world = begun("""
    activeDeadlineSeconds: 100
    podRetention: Never
    tasks:
    - {name: a, script: x, output: A, artifacts: {paths: [f], keep: Always}, retryPolicy: {limit: 1, intervalSeconds: 1000}}
    - {name: c, run: {definitionRef: {name: l}}, output: C, retryPolicy: {limit: 1, intervalSeconds: 1000}}
    definitions: [{name: l, tasks: [{name: x, script: x, output: X}]}]
    handlers: {onExit: {script: x}}
    """)
    world.end_task("a", replace(exits(1, said), outputs={"W": "written"}, artifacts=(Artifact("f", 1),)))
    world.end(next(iter(world.live_pods())), exits(2, said))
    world.settle()
    assert {world.row(one).reason for one in "ac"} == {"RetryBackoff"}
    if how == "deadline":
        world.pass_time(100)
    else:
        world.shutdown("run", how)
    world.play()
    wanted = {"A": said, "W": "written", "C": json.dumps({"X": said}, separators=(",", ":"))}
    assert (world.outputs(), world.row("a").artifacts, world.row("a").outputs) == (wanted, 1, {"W": "written"})
    told = "the run's deadline passed" if how == "deadline" else "not retried after: exit code 1"
    assert world.row("a").message == told
    handler = world.request("onExit")
    assert {*dict(handler.outputs), *handler.output_refs} == {"A", "W", "C"}
    assert not any(one.pod.meta.finalizers for one in world.pods.values())


def test_a_pod_that_waits_for_its_start_is_an_attempt_that_goes_on() -> None:
    world = waiting("{tasks: [{name: a, script: x}]}")
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
    assert world.row("p").reason == ""  # nothing waits for maxConcurrent any more
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
