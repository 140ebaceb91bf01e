"""`run`, and which definition a child follows (contract §1.1, §2, §4)."""

from dataclasses import replace

import pytest

from tests.unit.engine.world import START, World, begun, by_task, exits, ok, played

FORKED = """
tasks: [{name: f, fork: {definitionRef: {name: l}}, parallel: {items: [a, b, c], maxConcurrent: 2}}]
definitions: [{name: l, tasks: [{name: x, script: x}]}]
"""


def child(world: World, task: str, run: str = "run") -> str:
    """Return the name of a task's newest child."""
    return world.children(task, run)[-1].meta.name


# --- run ---


def test_d2_a_local_definition_wins_over_a_job_definition_of_its_name() -> None:
    world = World()
    world.define(
        "{tasks: [{name: c, run: {definitionRef: {name: other}}}], definitions: [{name: other, tasks: [{name: local}]}]}"
    )
    world.define("{tasks: [{name: global}]}", "other")
    world.submit()
    world.play()
    assert world.phases(child(world, "c")) == {"local": "Succeeded"}


def test_local_definitions_inherit_env_and_task_defaults_not_params() -> None:
    spec = """
    params: [{name: OUTER, default: o}]
    env: [{name: A, value: outer}, {name: B, value: outer}]
    taskDefaults: {container: {image: alpine}, timeoutSeconds: 9}
    tasks: [{name: c, run: {definitionRef: {name: l}}}]
    definitions: [{name: l, env: [{name: B, value: inner}], tasks: [{name: x, script: x}]}]
    """
    world = begun(spec)
    request = world.request("x", run=child(world, "c"))
    assert request.params == ()
    assert {one["name"]: one["value"] for one in request.env} == {"A": "outer", "B": "inner"}
    assert (request.container, request.timeout_seconds) == ({"image": "alpine"}, 9)


def test_the_outputs_of_a_child_are_the_tasks_output_as_json() -> None:
    spec = "{tasks: [{name: c, run: {definitionRef: {name: l}}, output: OUT}], definitions: [{name: l, tasks: [{name: x, script: x, output: SAID}]}]}"
    world = played(spec, by_task(x=ok("hi", WRITTEN="w")))
    assert world.outputs() == {"OUT": '{"SAID":"hi","WRITTEN":"w"}'}


def test_a_failed_child_fails_its_task_and_its_outputs_are_there_too() -> None:
    spec = "{tasks: [{name: c, run: {definitionRef: {name: l}}, output: OUT}], definitions: [{name: l, tasks: [{name: x, script: x, output: SAID}]}]}"
    world = played(spec, by_task(x=exits(3, "half")))
    row = world.row("c")
    assert (row.phase, row.reason, row.exit_code) == ("Failed", "ChildFailed", 3)
    assert row.message == f"child run {child(world, 'c')} failed: task x: ExitCode: exit code 3"
    assert world.outputs() == {"OUT": '{"SAID":"half"}'}


def test_a_partially_succeeded_child_makes_its_task_succeed_and_the_run_partial() -> None:
    spec = "{tasks: [{name: c, run: {definitionRef: {name: l}}}], definitions: [{name: l, tasks: [{name: x, script: x, continueOn: {failure: true}}]}]}"
    world = played(spec, by_task(x=exits(1)))
    assert (world.row("c").phase, world.phase()) == ("Succeeded", "PartiallySucceeded")


def test_o12_a_child_that_somebody_cancels_fails_its_task_and_siblings_go_on() -> None:
    spec = "{tasks: [{name: c, run: {definitionRef: {name: l}}}, {name: d, run: {definitionRef: {name: l}}}], definitions: [{name: l, tasks: [{name: x, script: x}, {name: y, script: x, dependsOn: [x]}]}]}"
    world = begun(spec)
    world.shutdown(child(world, "c"))
    world.play()
    assert (world.row("c").phase, world.row("c").reason) == ("Failed", "ChildCancelled")
    assert world.phases(child(world, "c")) == {"x": "Succeeded", "y": "Cancelled"}
    assert world.row("d").phase == "Succeeded"
    assert world.phase() == "Failed"


def test_children_are_named_and_labelled_after_what_made_them() -> None:
    world = begun(FORKED)
    one = world.children("f")[1]
    assert one.meta.name.startswith("run-f-1-")
    assert (one.task, one.index, one.attempt, one.root) == ("f", 1, 1, "run")
    parent = one.spec.parent_ref
    assert parent is not None
    assert (parent.name, parent.uid, parent.task, parent.index) == ("run", world.runs["run"].meta.uid, "f", 1)


# --- definitions that are not there ---


@pytest.mark.parametrize("body", ["run", "fork"])
@pytest.mark.parametrize("parallel", ["", ", parallel: {items: [a]}"])
@pytest.mark.parametrize(
    ("ref", "reason"), [("{name: none}", "DefinitionNotFound"), ("{type: t, version: v}", "AmbiguousDefinition")]
)
def test_f2_a_task_whose_definition_is_missing_or_ambiguous_waits_half_a_minute_then_fails(
    body: str, parallel: str, ref: str, reason: str
) -> None:
    world = World()
    world.define(f"{{tasks: [{{name: c, {body}: {{definitionRef: {ref}}}{parallel}}}]}}")
    for name in ("one", "two"):
        world.define("{type: t, version: v, tasks: [{name: x}]}", name)
    world.submit()
    world.settle()
    row = world.row("c")
    assert (row.phase, row.reason, row.start_time) == ("Pending", reason, None)
    assert "none" in row.message or "t:v" in row.message
    world.pass_time(29)
    world.settle()
    assert world.row("c").phase == "Pending"
    world.play()
    assert world.now.timestamp() - START.timestamp() == 30
    assert (world.row("c").phase, world.row("c").reason) == ("Failed", reason)
    assert world.phase() == "Failed"


def test_a_definition_that_comes_in_time_is_used() -> None:
    world = begun("{tasks: [{name: c, run: {definitionRef: {name: late}}}]}")
    world.pass_time(20)
    world.define("{tasks: [{name: x}]}", "late")
    world.play()
    assert world.phase() == "Succeeded"


def test_the_wait_begins_anew_when_a_definition_was_there_in_between() -> None:
    world = begun(
        "{maxActiveTasks: 1, tasks: [{name: a, script: x}, {name: c, run: {definitionRef: {name: late}}, dependsOn: [a]}]}"
    )
    world.pass_time(3600)
    world.end_task("a", ok())
    world.settle()
    world.pass_time(29)
    world.settle()
    assert world.row("c").phase == "Pending"


def test_all_items_follow_one_revision_although_the_definition_changes_between_them() -> None:
    world = World()
    world.define(
        "{tasks: [{name: p, run: {definitionRef: {name: other}}, parallel: {items: [a, b], maxConcurrent: 1}}]}"
    )
    world.define("{tasks: [{name: old, script: x}]}", "other")
    world.submit()
    world.settle()
    world.define("{tasks: [{name: new, script: x}]}", "other")
    world.play()
    assert [one.task for one in world.requests.values()] == ["old", "old"]


def test_editing_the_definition_never_changes_a_started_run() -> None:
    world = begun("{tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}")
    world.define("{tasks: [{name: a, script: y}, {name: c, script: y}]}")
    world.play()
    assert world.started == ["run/a", "run/b"]


# --- depth ---

SELF = "{tasks: [{name: f, fork: {definitionRef: {name: main}}}]}"


def test_f11_a_definition_that_forks_itself_ends_at_the_depth_limit() -> None:
    world = played(SELF)
    assert len(world.runs) == 17
    deepest = list(world.runs.values())[-1]
    condition = world.condition("Succeeded", run=deepest.meta.name)
    assert condition == ("False", "DepthExceeded", "runs are nested deeper than 16")
    assert not deepest.status.tasks
    assert world.phase() == "Failed"


def test_f11_the_depth_limit_is_the_operators() -> None:
    world = World(max_depth=3)
    world.define(SELF)
    world.submit()
    world.play()
    assert len(world.runs) == 4


def test_f11_three_levels_work() -> None:
    spec = """
    tasks: [{name: f, fork: {definitionRef: {name: a}}}, {name: w, await: {tasks: [f]}}]
    definitions:
    - {name: a, tasks: [{name: f, fork: {definitionRef: {name: b}}}, {name: w, await: {tasks: [f]}}]}
    - {name: b, tasks: [{name: x, script: x}]}
    """
    world = played(spec)
    assert (len(world.runs), world.phase()) == (3, "Succeeded")


def test_the_cause_of_a_failure_deep_down_is_told_at_the_top() -> None:
    world = played(
        "{tasks: [{name: a, run: {definitionRef: {name: l}}}], definitions: [{name: l, tasks: [{name: deeper, run: {definitionRef: {name: l}}}]}]}"
    )
    condition = world.condition("Succeeded")
    assert condition is not None
    assert condition[2].startswith("task a: ChildFailed: child run")
    assert condition[2].endswith("runs are nested deeper than 16")
    assert len(condition[2]) <= 256


def test_a_child_may_fail_with_any_words() -> None:
    spec = (
        "{tasks: [{name: a, run: {definitionRef: {name: l}}}], definitions: [{name: l, tasks: [{name: x, script: x}]}]}"
    )
    world = played(spec, lambda _: replace(exits(1), message='{"error": {0} {} } {{x}}'))
    assert world.row("a").message.endswith('failed: task x: ExitCode: {"error": {0} {} } {{x}}')
