"""`fork` and `await` (contract §1.1, §2.1, §4)."""

import pytest

from brood.views import PodRequest, TaskResult
from tests.unit.engine.world import World, begun, by_task, exits, ok, played

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
