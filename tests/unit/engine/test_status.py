"""Which result a run gets, and what its conditions, counts and messages say (contract §2, §2.1)."""

from dataclasses import replace

import pytest

from brood.api.phases import RunPhase
from brood.api.reasons import WaitingReason
from brood.views import PodRequest, TaskResult
from tests.unit.engine.world import START, World, begun, by_task, exits, ok, played, waiting

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


def test_a_phase_that_somebody_else_writes_after_the_end_is_repaired() -> None:
    world = played("{tasks: [{name: a, script: x}], handlers: {onExit: {script: x}}}")
    before = world.runs["run"].status
    world.set_run("run", status=replace(before, phase=RunPhase.FAILED, progress="9/9"))
    world.settle()
    assert world.runs["run"].status == before
    assert len(world.made) == 2  # nothing ran again


@pytest.mark.parametrize("ended", [False, True])
def test_every_condition_speaks_of_the_generation_that_was_seen_last(*, ended: bool) -> None:
    """`kubectl wait` does not believe a condition of an older generation, nor kstatus such a status, though nothing else changes."""
    world = begun("{tasks: [{name: a, script: x}], handlers: {onExit: {script: x}}}")
    world.end_task("a", ok())
    world.settle()
    if ended:
        world.play()
    world.set_run("run", meta=replace(world.runs["run"].meta, generation=2))
    world.shutdown("run")
    world.settle()
    status = world.runs["run"].status
    assert status.finished is ended
    assert {status.observed_generation, *(one.observed_generation for one in status.conditions)} == {2}


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
    assert 250 < len(message) <= 256
    assert "\n" not in message
    assert len(world.runs["run"].status.message) <= 256


# --- waiting ---


def test_a_waiting_run_says_why_in_one_line() -> None:
    world = waiting("{tasks: [{name: a, script: x}]}")
    world.keep_waiting("a", WaitingReason.UNSCHEDULABLE, "0/3 nodes fit")
    assert world.runs["run"].status.message == "task a: Unschedulable: 0/3 nodes fit"
    assert world.condition("Reconciling") == ("True", "Running", "task a: Unschedulable: 0/3 nodes fit")


def test_p2_a_task_that_waits_for_its_turn_says_so() -> None:
    world = begun("{maxActiveTasks: 1, tasks: [{name: a, script: x}, {name: b, script: x}]}")
    assert (world.row("b").phase, world.row("b").reason) == ("Pending", "MaxActiveTasks")
    assert world.row("b").message == "maxActiveTasks: 1 of 1 are active"
