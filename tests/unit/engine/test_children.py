"""`run`, `fork` and `await` (contract §1.1, §2.1, §4)."""

import pytest

from brood.views import PodRequest, TaskResult
from tests.unit.engine.world import START, World, begun, by_task, exits, ok, played

VIDEO = """
tasks:
- {name: split, script: x, output: PART}
- {name: fork-a, fork: {definitionRef: {type: video-encoding, version: 1.0-dev}, params: {URL: "{{ outputs.PART }}/a", CODE: 7}}}
- {name: fork-b, fork: {definitionRef: {type: video-encoding, version: 1.0-dev}, params: {URL: "{{ outputs.PART }}/b"}}}
- {name: next, script: x, dependsOn: [fork-a, fork-b]}
- {name: wait, await: {tasks: [fork-a, fork-b]}, onFailed: clean}
- {name: combine, script: x, dependsOn: [wait]}
- {name: clean, script: x}
"""
ENCODING = "{type: video-encoding, version: VERSION, params: [{name: URL}, {name: CODE, default: 0}], tasks: [{name: enc, script: x, output: SAID}]}"


def video() -> World:
    """Return a world with two versions of the child's definition, and the split done."""
    world = World()
    world.define(VIDEO)
    world.define(ENCODING.replace("VERSION", "1.0-dev"), "encoding-dev")
    world.define(ENCODING.replace("VERSION", "'1.0'"), "encoding-1")
    world.submit()
    world.settle()
    world.end_task("split", ok("file"))
    world.settle()
    return world


def child(world: World, task: str, run: str = "run") -> str:
    """Return the name of a task's newest child."""
    return world.children(task, run)[-1].meta.name


# --- fork and await ---


def test_f2_a_fork_spawns_a_child_of_the_given_type_version_and_params() -> None:
    world = video()
    specs = [world.children(one)[0].spec for one in ("fork-a", "fork-b")]
    assert [dict(one.params) for one in specs] == [{"URL": "file/a", "CODE": 7}, {"URL": "file/b"}]
    assert {one.definition_ref.name for one in specs} == {"encoding-dev"}
    assert {one.definition_ref.revision for one in specs} == {world.definitions["encoding-dev"].revision}


def test_f3_forks_succeed_before_their_children_and_hold_nothing_up() -> None:
    world = video()
    phases = world.phases()
    assert (phases["fork-a"], phases["fork-b"], phases["next"], phases["wait"]) == (
        "Succeeded",
        "Succeeded",
        "Running",
        "Running",
    )
    assert {str(world.phase(child(world, one))) for one in ("fork-a", "fork-b")} == {"Running"}
    assert world.row("fork-a").child_name == child(world, "fork-a")
    assert "fork-a, fork-b" in world.row("wait").message


def test_f4_an_await_ends_when_all_children_have_ended() -> None:
    world = video()
    world.end_task("enc", ok("done"), run=child(world, "fork-a"))
    world.settle()
    assert world.row("wait").phase == "Running"
    assert world.row("wait").message == "waits for the children of fork-b"
    world.play()
    assert world.phases()["combine"] == "Succeeded"
    assert world.phase() == "Succeeded"


def test_f4_an_await_fails_if_a_child_failed_naming_it_and_its_route_works() -> None:
    world = video()
    name = child(world, "fork-b")
    world.end_task("enc", exits(3), run=name)
    world.play()
    row = world.row("wait")
    assert (row.phase, row.reason, row.exit_code) == ("Failed", "ChildFailed", None)
    assert row.message == f"fork-b: child run {name} failed: task enc: ExitCode: exit code 3"
    assert world.phases()["clean"] == "Succeeded"
    assert world.row("combine").reason == "UpstreamFailed"
    assert world.phase() == "Succeeded"  # the route handled it
    assert world.row("fork-b").phase == "Succeeded"


LOOSE = """
tasks:
- {name: f, fork: {definitionRef: {name: l}}, PARALLEL}
- {name: other, script: x}
AWAIT
definitions: [{name: l, tasks: [{name: x, script: x}]}]
"""


def test_a_forks_child_counts_directly_where_no_await_ran_for_it() -> None:
    spec = LOOSE.replace("PARALLEL", "continueOn: {}").replace("AWAIT", "")
    world = played(spec, by_task(x=exits(1)))
    name = child(world, "f")
    assert world.phases() == {"f": "Succeeded", "other": "Succeeded"}
    message = f"fork f: child run {name}: task x: ExitCode: exit code 1"
    assert world.condition("Succeeded") == ("False", "TaskFailed", message)


def test_a_fork_whose_await_was_skipped_counts_directly() -> None:
    spec = LOOSE.replace("PARALLEL", "continueOn: {}").replace(
        "AWAIT", '- {name: w, await: {tasks: [f]}, when: "false"}'
    )
    assert played(spec, by_task(x=exits(1))).phase() == "Failed"


def test_a_failure_that_counts_through_an_await_is_handled_with_it() -> None:
    spec = LOOSE.replace("PARALLEL", "continueOn: {}").replace(
        "AWAIT", "- {name: w, await: {tasks: [f]}, continueOn: {failure: true}}"
    )
    assert played(spec, by_task(x=exits(1))).phase() == "PartiallySucceeded"


def test_o9_the_run_goes_on_until_every_child_has_ended() -> None:
    world = begun(LOOSE.replace("PARALLEL", "continueOn: {}").replace("AWAIT", ""))
    world.end_task("other", exits(1))
    world.settle()
    assert world.phases() == {"f": "Succeeded", "other": "Failed"}
    assert world.phase() == "Running"
    world.play()
    assert world.phase() == "Failed"


def test_a_cancelled_child_of_a_fork_fails_the_run_or_its_await() -> None:
    for wait, reason in (("", None), ("- {name: w, await: {tasks: [f]}}", "ChildCancelled")):
        world = begun(LOOSE.replace("PARALLEL", "continueOn: {}").replace("AWAIT", wait))
        world.shutdown(child(world, "f"), "Terminate")
        world.play()
        assert world.phase() == "Failed"
        if reason is not None:
            assert world.row("w").reason == reason


def test_an_await_ignores_forks_without_a_child() -> None:
    spec = """
    tasks:
    - {name: f, fork: {definitionRef: {name: l}}, when: "false", continueOn: {skipped: true}}
    - {name: g, fork: {definitionRef: {name: l}}}
    - {name: w, await: {tasks: [f, g]}}
    definitions: [{name: l, tasks: [{name: x, script: x}]}]
    """
    assert played(spec).phases() == {"f": "Skipped", "g": "Succeeded", "w": "Succeeded"}


def test_a_fork_that_failed_and_was_marked_a_success_has_no_child_to_miss() -> None:
    spec = """
    tasks:
    - {name: j}
    - {name: f, fork: {definitionRef: {name: l}}, when: "{{ tasks.j.exitCode == 0 }}", continueOn: {failure: true, markSuccess: true}}
    - {name: w, await: {tasks: [f]}, when: "WHEN"}
    definitions: [{name: l, tasks: [{name: x}]}]
    """
    for when in ("true", "false"):
        world = played(spec.replace("WHEN", when))
        assert (world.phases()["f"], world.children("f"), world.phase()) == ("Succeeded", [], "Succeeded")


def test_a_child_that_was_deleted_is_missed_by_the_await() -> None:
    world = begun(LOOSE.replace("PARALLEL", "continueOn: {}").replace("AWAIT", "- {name: w, await: {tasks: [f]}}"))
    world.remove_run(child(world, "f"))
    world.play()
    assert (world.row("w").reason, world.phase()) == ("ChildCancelled", "Failed")


# --- fork with parallel ---

FORKED = LOOSE.replace("PARALLEL", "parallel: {items: [a, b, c], maxConcurrent: 2}")


def test_a_parallel_fork_succeeds_when_its_items_are_recorded_and_children_start_as_slots_free() -> None:
    world = begun(FORKED.replace("AWAIT", "- {name: w, await: {tasks: [f]}}"))
    assert world.phases()["f"] == "Succeeded"
    assert len(world.children("f")) == 2
    world.end_task("x", ok(), run=child(world, "f"))
    world.settle()
    assert len(world.children("f")) == 3
    assert world.row("w").phase == "Running"
    world.play()
    row = world.row("f")
    assert row.items is not None
    assert (row.items.completed_indexes, world.row("w").phase, world.phase()) == ("0-2", "Succeeded", "Succeeded")


@pytest.mark.parametrize("wait", ["", "- {name: w, await: {tasks: [f]}}"])
def test_a_failed_item_of_a_fork_fails_the_await_or_the_run(wait: str) -> None:
    def outcome(request: PodRequest) -> TaskResult:
        return exits(1) if request.index == 1 else ok()

    world = played(FORKED.replace("AWAIT", wait), outcome)
    failed = world.children("f")[1].meta.name
    assert world.phase() == "Failed"
    assert world.phases()["f"] == "Succeeded"
    assert failed in (world.row("w").message if wait else world.runs["run"].status.message)
    assert len(world.children("f")) == 3


def test_the_run_waits_until_every_item_of_a_fork_has_a_child() -> None:
    world = begun(FORKED.replace("AWAIT", ""))
    world.end_task("other", ok())
    world.settle()
    assert world.phase() == "Running"
    world.play()
    assert len(world.children("f")) == 3


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
    world = begun(FORKED.replace("AWAIT", ""))
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
