"""Which result a run gets, and what its conditions, counts and messages say (contract §2, §2.1)."""

from dataclasses import replace

import pytest

from brood.api.reasons import WaitingReason
from brood.engine.reconcile import plan
from brood.engine.snapshot import DefinitionProblem
from brood.views import ContainerEnd, PodRequest, TaskResult
from tests.unit.engine.world import START, World, begun, by_task, exits, ok, played

TWO = "{tasks: [{name: a, script: x}, {name: b, script: x, continueOn: {failure: true}}]}"
LOCAL = "definitions: [{name: l, tasks: [{name: x, script: x, RULE}]}]"


# --- the order of results ---


@pytest.mark.parametrize(
    ("ends", "result", "reason"),
    [
        ({}, "Succeeded", "Succeeded"),
        ({"b": exits(1)}, "PartiallySucceeded", "PartiallySucceeded"),
        ({"a": exits(1)}, "Failed", "TaskFailed"),
        ({"a": exits(1), "b": exits(1)}, "Failed", "TaskFailed"),
    ],
)
def test_failed_before_partially_succeeded_before_succeeded(
    ends: dict[str, TaskResult], result: str, reason: str
) -> None:
    world = played(TWO, by_task(**ends))
    assert world.phase() == result
    found = world.condition("Succeeded")
    assert found is not None
    assert found[:2] == ("False" if result == "Failed" else "True", reason)


def test_cancelled_by_its_own_shutdown_comes_before_a_failure() -> None:
    world = begun("{tasks: [{name: a, script: x}, {name: b, script: x}, {name: c, script: x, dependsOn: [b]}]}")
    world.end_task("a", exits(1))
    world.shutdown("run")
    world.play()
    assert world.phases() == {"a": "Failed", "b": "Succeeded", "c": "Cancelled"}
    assert world.phase() == "Cancelled"


@pytest.mark.parametrize("body", ["run", "fork"])
def test_a_partially_succeeded_child_that_counts_makes_the_run_so(body: str) -> None:
    spec = f"{{tasks: [{{name: c, {body}: {{definitionRef: {{name: l}}}}}}], {LOCAL.replace('RULE', 'continueOn: {failure: true}')}}}"
    assert played(spec, by_task(x=exits(1))).phase() == "PartiallySucceeded"


def test_a_partially_succeeded_child_behind_a_handled_failure_does_not_count() -> None:
    spec = """
    tasks:
    - {name: p, run: {definitionRef: {name: l}}, parallel: {items: [a, b]}, onFailed: q}
    - {name: q, script: y}
    definitions:
    - {name: l, tasks: [{name: x, script: x, continueOn: {exitCodes: [3]}}]}
    """

    def outcome(request: PodRequest) -> TaskResult:
        return exits(3 if request.index == 0 else 4) if request.task == "x" else ok()

    world = played(spec, outcome)
    assert [str(one.status.phase) for one in world.children("p")] == ["PartiallySucceeded", "Failed"]
    assert world.phase() == "Succeeded"


def test_the_message_names_the_first_failure_and_how_many_more_there_are() -> None:
    world = played("{tasks: [{name: a, script: x}, {name: b, script: x}, {name: c, script: x}]}", lambda _: exits(3))
    assert world.runs["run"].status.message == "task a: ExitCode: exit code 3 (and 2 more)"


# --- conditions ---


def test_conditions_over_the_life_of_a_run() -> None:
    world = World()
    world.define("{tasks: [{name: a, script: x}]}")
    world.submit()
    world.step("run")
    assert world.condition("Admitted") == ("True", "Admitted", "")
    assert world.condition("Succeeded") == ("Unknown", "Running", "")
    assert world.condition("Reconciling") == ("True", "Running", "")
    assert world.condition("Stalled") is None
    world.play()
    assert world.condition("Admitted") == ("True", "Admitted", "")
    assert world.condition("Succeeded") == ("True", "Succeeded", "")
    assert world.condition("Reconciling") is None
    assert world.condition("Stalled") is None
    assert {one.observed_generation for one in world.runs["run"].status.conditions} == {1}


def test_a_failed_run_is_stalled_in_the_words_of_its_failure() -> None:
    world = played("{tasks: [{name: a, script: x}]}", lambda _: exits(1))
    assert world.condition("Stalled") == ("True", "TaskFailed", "task a: ExitCode: exit code 1")


def test_transition_times_change_with_the_status_only() -> None:
    world = begun("{tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}")
    world.pass_time(60)
    world.end_task("a", ok())
    world.settle()
    times = {one.type: one.last_transition_time for one in world.runs["run"].status.conditions}
    assert set(times.values()) == {START}
    world.pass_time(60)
    world.play()
    times = {one.type: one.last_transition_time for one in world.runs["run"].status.conditions}
    assert times["Succeeded"] == world.now


# --- counts ---


def test_summary_and_progress_count_tasks_not_items() -> None:
    spec = '{tasks: [{name: a, script: x}, {name: p, script: x, parallel: {items: [1, 2, 3]}}, {name: s, script: x, when: "false"}, {name: z, script: x, dependsOn: [a]}]}'
    world = begun(spec)
    status = world.runs["run"].status
    assert status.summary is not None
    assert (status.summary.total, status.summary.running, status.summary.pending, status.summary.skipped) == (
        4,
        2,
        1,
        1,
    )
    assert status.progress == "1/4"
    world.play()
    assert world.runs["run"].status.progress == "4/4"


def test_o8_rows_say_when_and_where() -> None:
    world = begun("{tasks: [{name: a, script: x}]}")
    world.pass_time(5)
    world.end_task("a", ok())
    world.settle()
    row = world.row("a")
    assert (row.attempt, row.exit_code, row.pod_name) == (1, 0, world.made[0])
    assert row.start_time == START
    assert row.completion_time == world.now


def test_a_message_has_at_most_256_characters_in_one_line() -> None:
    world = played("{tasks: [{name: a, script: x}]}", lambda _: replace(exits(1), message="line\n" * 500))
    message = world.row("a").message
    assert len(message) == 256
    assert "\n" not in message
    assert len(world.runs["run"].status.message) <= 256


# --- waiting ---


def test_a_waiting_run_says_why_in_one_line() -> None:
    world = World(pods_wait=True)
    world.define("{tasks: [{name: a, script: x}]}")
    world.submit()
    world.settle()
    name = world.live_pod("a")
    world.pods[name] = replace(world.pods[name], waiting=(WaitingReason.UNSCHEDULABLE, "0/3 nodes fit"))
    world.settle()
    assert world.runs["run"].status.message == "task a: Unschedulable: 0/3 nodes fit"
    assert world.condition("Reconciling") == ("True", "Running", "task a: Unschedulable: 0/3 nodes fit")


def test_p2_a_task_that_waits_for_its_turn_says_so() -> None:
    world = begun("{maxActiveTasks: 1, tasks: [{name: a, script: x}, {name: b, script: x}]}")
    assert (world.row("b").phase, world.row("b").reason) == ("Pending", "MaxActiveTasks")
    assert world.row("b").message == "maxActiveTasks: 1 tasks are active"


# --- before a run starts ---


def test_a_root_run_waits_five_minutes_for_its_definition_then_fails() -> None:
    world = World()
    world.submit(definition="late")
    world.settle()
    assert (str(world.phase()), world.runs["run"].status.message) == ("Pending", "JobDefinition late: 0 found")
    assert world.condition("Succeeded") == ("Unknown", "DefinitionNotFound", "JobDefinition late: 0 found")
    assert world.condition("Reconciling") is not None
    world.pass_time(299)
    world.settle()
    assert world.phase() == "Pending"
    world.play()
    assert world.now.timestamp() - START.timestamp() == 300
    assert world.condition("Succeeded") == ("False", "DefinitionNotFound", "JobDefinition late: 0 found")
    assert world.runs["run"].status.start_time is None


def test_a_definition_that_is_applied_in_time_is_followed() -> None:
    world = World()
    world.submit(definition="late")
    world.settle()
    world.pass_time(200)
    world.define("{tasks: [{name: a}]}", "late")
    world.play()
    assert world.phase() == "Succeeded"
    assert world.runs["run"].status.revision == world.definitions["late"].revision


def test_an_ambiguous_definition_is_told_as_such() -> None:
    world = World()
    for name in ("one", "two"):
        world.define("{type: t, version: v, tasks: [{name: a}]}", name)
    world.submit(definition_ref={"type": "t", "version": "v"})
    world.play()
    found = world.condition("Succeeded")
    assert found is not None
    assert found[1] == "AmbiguousDefinition"


def test_a_root_run_may_name_type_and_version() -> None:
    world = World()
    world.define("{type: t, version: v, tasks: [{name: a}]}", "one")
    world.submit(definition_ref={"type": "t", "version": "v"})
    world.play()
    assert world.phase() == "Succeeded"


def test_an_invalid_definition_stalls_its_run_until_it_is_mended() -> None:
    world = World()
    world.define("{tasks: [{name: a}]}")
    world.submit()
    problem = DefinitionProblem("InvalidSpec", "main: spec.tasks[0]: wrong")
    snapshot = replace(world.snapshot("run"), graph=None, problem=problem)
    made = plan(snapshot, world.now)
    assert made.status is not None
    kinds = {one.type: (one.status, one.reason, one.message) for one in made.status.conditions}
    assert kinds["Stalled"] == ("True", "InvalidSpec", "main: spec.tasks[0]: wrong")
    assert "Reconciling" not in kinds
    assert made.status.phase == "Pending"
    refused = plan(replace(snapshot, refuse_invalid=True), world.now)
    assert refused.status is not None
    assert refused.status.phase == "Failed"


def test_a_started_run_whose_revision_cannot_be_used_any_more_says_so() -> None:
    world = begun("{tasks: [{name: a, script: x}]}")
    problem = DefinitionProblem("DefinitionNotFound", "ControllerRevision main-r1 does not exist any more")
    made = plan(replace(world.snapshot("run"), graph=None, problem=problem), world.now)
    assert made.status is not None
    kinds = {one.type: one.message for one in made.status.conditions}
    assert kinds["Stalled"] == problem.message
    assert made.status.tasks == world.runs["run"].status.tasks
    assert plan(replace(world.snapshot("run"), graph=None), world.now) == type(made)()  # it is being read


# --- after the end ---


@pytest.mark.parametrize(
    ("definition", "run", "seconds"),
    [("ttlSecondsAfterFinished: 60,", None, 60), ("", 30, 30), ("ttlSecondsAfterFinished: 60,", 0, 0)],
)
def test_a_root_run_is_deleted_after_its_time(definition: str, run: int | None, seconds: int) -> None:
    world = begun(f"{{{definition} tasks: [{{name: a}}]}}", ttl_seconds_after_finished=run)
    if seconds:
        world.pass_time(seconds - 1)
        world.settle()
        assert "run" in world.runs
        world.pass_time(1)
    world.settle()
    assert "run" not in world.runs


def test_children_and_what_a_gitops_tool_owns_stay() -> None:
    spec = "{ttlSecondsAfterFinished: 0, tasks: [{name: c, run: {definitionRef: {name: l}}}, {name: a, script: x}], definitions: [{name: l, tasks: [{name: b}]}]}"
    world = begun(spec)
    assert len(world.runs) == 2
    world.set_run("run", gitops=True)
    world.play()
    world.pass_time(1000)
    world.settle()
    assert len(world.runs) == 2


def test_a_run_whose_owner_is_gone_creates_nothing_and_lets_its_pods_go() -> None:
    world = begun("{tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}")
    world.end_task("a", ok())
    made = plan(replace(world.snapshot("run"), orphaned=True), world.now)
    assert [one.task for one in made.releases] == ["a"]
    assert (made.pods, made.children, made.status) == ((), (), None)


# --- podRetention ---


@pytest.mark.parametrize(("policy", "stay"), [("Always", {"a", "b"}), ("OnFailure", {"b"}), ("Never", set())])
def test_pods_stay_as_pod_retention_says(policy: str, stay: set[str]) -> None:
    world = begun(f"{{podRetention: {policy}, tasks: [{{name: a, script: x}}, {{name: b, script: x}}]}}")
    for name in world.live_pods():
        end_like_a_kubelet(world, name, 0 if world.pods[name].pod.task == "a" else 3)
    world.play()
    assert {one.pod.task for one in world.pods.values()} == stay
    assert all(not one.pod.meta.finalizers for one in world.pods.values())
    assert world.phases() == {"a": "Succeeded", "b": "Failed"}


def test_a_pod_is_deleted_only_after_its_end_is_recorded() -> None:
    world = begun("{podRetention: Never, tasks: [{name: a, script: x}, {name: b, script: x}]}")
    end_like_a_kubelet(world, world.live_pod("a"), 3)
    first = plan(world.snapshot("run"), world.now)
    assert first.status is not None
    assert not first.deletions
    assert not first.releases
    world.step("run")
    second = plan(world.snapshot("run"), world.now)
    assert [one.pod.task for one in second.deletions] == ["a"]
    assert [one.task for one in second.releases] == ["a"]


def end_like_a_kubelet(world: World, name: str, code: int) -> None:
    """End a Pod with the container status that its retention is decided by."""
    world.end(name, exits(code) if code else ok())
    world.set_pod(name, ended=ContainerEnd(code, 0, "Error" if code else "Completed", "", START, START))
