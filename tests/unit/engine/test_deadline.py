"""`activeDeadlineSeconds`: the time of a run (contract §1, §2.1)."""

from datetime import timedelta

from tests.unit.engine.world import START, World, begun, by_task, deleted, exits, never, ok, played

DEADLINE = """
activeDeadlineSeconds: 100
tasks:
- {name: a, script: x, onFailed: handler, continueOn: {failure: true, markSuccess: true}}
- {name: b, script: x, dependsOn: [a]}
- {name: call, run: {definitionRef: {name: child}}}
- {name: p, script: x, parallel: {items: [a, b, c], maxConcurrent: 1}, output: R}
- {name: retried, script: x, retryPolicy: {limit: 5, intervalSeconds: 1000}}
- {name: f, fork: {definitionRef: {name: child}}}
- {name: w, await: {tasks: [f]}}
- {name: handler, script: x}
- {name: quick, script: x}
definitions: [{name: child, tasks: [{name: c, script: x}, {name: d, script: x, dependsOn: [c]}]}]
handlers: {onFailure: {script: x}, onExit: {script: x}, onSuccess: {script: x}, onCancel: {script: x}}
"""


def test_a_deadline_stops_everything_as_terminate_does_and_nothing_starts_after_it() -> None:
    world = begun(DEADLINE)
    world.end_task("retried", exits(1))
    world.end_task("quick", ok())
    world.settle()
    before = set(world.made)
    world.pass_time(100)
    world.settle()
    live = [world.pods[name].pod for name in world.live_pods()]
    assert all(pod.meta.deleting for pod in live)
    assert all(one.spec.shutdown == "Terminate" for one in world.children_of(world.runs["run"]))
    world.play()
    assert world.phases() == {
        "a": "Failed", "b": "Cancelled", "call": "Failed", "p": "Failed", "retried": "Failed", "f": "Succeeded", "w": "Failed",
        "handler": "Cancelled", "quick": "Succeeded",
    }  # fmt: skip
    ended = [row for row in world.runs["run"].status.tasks if row.phase in {"Failed", "Cancelled"}]
    assert {row.reason for row in ended} == {"DeadlineExceeded"}
    assert world.row("a").routed_to is None
    assert world.phase() == "Failed"
    assert world.condition("Succeeded") == ("False", "DeadlineExceeded", "not done by 2026-01-01 00:01:40 UTC")
    assert [world.requests[name].task for name in world.made if name not in before] == ["onFailure", "onExit"]


def test_the_deadline_counts_from_admission_and_a_run_may_only_shorten_it() -> None:
    spec = "{activeDeadlineSeconds: 100, tasks: [{name: a, script: x}]}"
    for asked, seconds in ((None, 100), (50, 50), (500, 100)):
        world = played(spec, never, active_deadline_seconds=asked)
        assert world.row("a").completion_time == START + timedelta(seconds=seconds)


def test_a_pod_gets_no_more_time_than_is_left_so_that_the_deadline_holds_while_no_operator_runs() -> None:
    world = begun(
        "{activeDeadlineSeconds: 100, tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a], timeoutSeconds: 200}]}"
    )
    assert world.request("a").timeout_seconds == 100
    world.pass_time(40)
    world.end_task("a", ok())
    world.settle()
    assert world.request("b").timeout_seconds == 60


def test_what_had_ended_before_the_deadline_keeps_its_end_although_that_is_seen_later() -> None:
    world = begun(
        "{activeDeadlineSeconds: 100, tasks: [{name: a, script: x}, {name: b, script: x, continueOn: {failure: true}}]}"
    )
    world.pass_time(99)
    world.end_task("a", ok())
    world.end_task("b", exits(3))
    world.pass_time(10)
    world.settle()
    assert (world.row("b").reason, world.row("b").exit_code) == ("ExitCode", 3)
    assert world.phase() == "PartiallySucceeded"


def test_a_pod_that_is_stopped_in_the_second_of_the_deadline_has_failed_by_that_and_nothing_else() -> None:
    world = begun("{activeDeadlineSeconds: 100, tasks: [{name: a, script: x, infraRetries: 0}]}")
    world.pass_time(100)
    world.settle()
    world.end_task("a", deleted())
    world.settle()
    assert (world.row("a").reason, world.row("a").message) == ("DeadlineExceeded", "the run's deadline passed")


def test_a_success_after_the_deadline_is_none() -> None:
    world = begun("{activeDeadlineSeconds: 100, tasks: [{name: a, script: x}]}")
    world.pass_time(100)
    world.settle()
    world.pass_time(1)
    world.end_task("a", ok())
    world.settle()
    assert (world.row("a").phase, world.row("a").reason) == ("Failed", "DeadlineExceeded")


def test_a_child_that_succeeds_after_the_deadline_does_not_save_its_task() -> None:
    world = begun(
        "{activeDeadlineSeconds: 10, tasks: [{name: call, run: {definitionRef: {name: c}}}], definitions: [{name: c, tasks: [{name: a, script: x}]}]}"
    )
    world.pass_time(10)
    world.settle()
    world.pass_time(1)
    world.end(world.live_pods()[0], ok())
    world.settle()
    assert world.children("call")[0].status.phase == "Succeeded"
    assert (world.row("call").phase, world.row("call").reason) == ("Failed", "DeadlineExceeded")


def test_the_deadline_of_a_childs_definition_is_its_own() -> None:
    world = World()
    world.define("{tasks: [{name: call, run: {definitionRef: {name: other}}}]}")
    world.define("{activeDeadlineSeconds: 10, tasks: [{name: a, script: x}]}", "other")
    world.submit()
    world.play(never)
    assert world.children("call")[0].status.message == "not done by 2026-01-01 00:00:10 UTC"
    assert (world.row("call").reason, world.phase()) == ("ChildFailed", "Failed")


def test_local_definitions_have_no_deadline_of_their_own() -> None:
    spec = "{activeDeadlineSeconds: 100, tasks: [{name: c, run: {definitionRef: {name: l}}}], definitions: [{name: l, tasks: [{name: a, script: x}]}]}"
    world = begun(spec)
    child = world.children("c")[0].meta.name
    assert world.request("a", run=child).timeout_seconds is None


def test_handlers_have_time_of_their_own_after_a_deadline() -> None:
    world = begun(DEADLINE)
    world.pass_time(100)
    world.settle()
    for name in world.live_pods():
        world.end(name, exits(143))
    world.settle()
    assert world.request("onFailure").timeout_seconds == 300
    assert world.phase() == "Running"
    world.play(by_task())
    assert world.condition("HandlersSucceeded") == ("True", "Succeeded", "")
