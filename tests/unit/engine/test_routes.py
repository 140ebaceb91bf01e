"""Routes, handled failures and `continueOn` (contract §1.1, §1.2, §4)."""

import pytest

from brood.api.reasons import TaskReason
from brood.views import TaskResult
from tests.unit.engine.world import World, by_task, evicted, exits, fails, ok, played

OOM = TaskResult(TaskReason.OOM_KILLED, exit_code=137, message="out of memory")
LATE = fails(TaskReason.DEADLINE_EXCEEDED)

# --- which route fires ---

ROUTER = """
tasks:
- {name: a, script: x, infraRetries: 0, onSucceeded: good, onFailed: bad,
   onExitCode: [{codes: [3, 4], task: three}, {codes: [4, 137], task: four}, {codes: [0], task: zero}]}
- {name: good, script: x}
- {name: bad, script: x}
- {name: three, script: x}
- {name: four, script: x}
- {name: zero, script: x}
"""


@pytest.mark.parametrize(
    ("end", "route"),
    [
        (ok(), "zero"),
        (exits(3), "three"),
        (exits(4), "three"),  # the first entry with the code
        (exits(137), "four"),
        (OOM, "four"),
        (exits(5), "bad"),
        (LATE, "bad"),
        (TaskResult(TaskReason.DEADLINE_EXCEEDED, exit_code=3), "bad"),  # the code did not end the task
        (TaskResult(TaskReason.POD_DELETED, exit_code=4, infrastructure=True), "bad"),
        (evicted(), "bad"),
        (fails(TaskReason.ARTIFACT_MISSING), "bad"),
    ],
)
def test_at_most_one_route_fires_the_first_exit_code_entry_else_by_success(end: TaskResult, route: str) -> None:
    world = played(ROUTER, by_task(a=end))
    assert world.row("a").routed_to == route
    started = [name for name in ("good", "bad", "three", "four", "zero") if world.phases()[name] == "Succeeded"]
    assert started == [route]


def test_without_a_matching_exit_code_a_success_goes_the_good_way() -> None:
    spec = "{tasks: [{name: a, script: x, onSucceeded: b, onExitCode: [{codes: [3], task: c}]}, {name: b, script: x}, {name: c, script: x}]}"
    assert played(spec).phases() == {"a": "Succeeded", "b": "Succeeded", "c": "Skipped"}


def test_a_skipped_task_fires_no_route() -> None:
    spec = '{tasks: [{name: a, script: x, when: "false", onSucceeded: b, onFailed: c}, {name: b, script: x}, {name: c, script: x}]}'
    world = played(spec)
    assert world.row("a").routed_to is None
    assert [world.row(name).reason for name in "bc"] == ["NotRouted", "NotRouted"]


def test_a_task_without_items_fires_the_good_route() -> None:
    spec = "{tasks: [{name: a, script: x, parallel: {items: []}, onSucceeded: b}, {name: b, script: x}]}"
    world = played(spec)
    assert (world.row("a").phase, world.row("a").reason) == ("Skipped", "NoItems")
    assert world.phases()["b"] == "Succeeded"


def test_a_route_fires_only_when_the_task_has_failed_for_good() -> None:
    spec = "{tasks: [{name: a, script: x, retryPolicy: {limit: 1}, onFailed: b}, {name: b, script: x}]}"
    world = World()
    world.define(spec)
    world.submit()
    world.settle()
    world.end_task("a", exits(1))
    world.settle()
    assert world.phases() == {"a": "Pending", "b": "Pending"}
    world.play(by_task(a=exits(1)))
    assert world.phases() == {"a": "Failed", "b": "Succeeded"}


def test_f7_a_chain_of_success_routes_stops_at_a_failure() -> None:
    spec = """
    tasks:
    - {name: a, script: x, onSucceeded: b}
    - {name: b, script: x, onSucceeded: c}
    - {name: c, script: x}
    """
    assert played(spec).started == ["run/a", "run/b", "run/c"]
    world = played(spec, by_task(b=exits(1)))
    assert world.phases() == {"a": "Succeeded", "b": "Failed", "c": "Skipped"}
    assert world.phase() == "Failed"


# --- which failures are handled ---


def test_a_failure_is_handled_if_the_task_of_its_route_has_started() -> None:
    spec = "{tasks: [{name: a, script: x, onFailed: b}, {name: b, script: x}, {name: c, script: x, dependsOn: [a]}]}"
    world = played(spec, by_task(a=exits(1)))
    assert world.phase() == "Succeeded"
    assert world.phases() == {"a": "Failed", "b": "Succeeded", "c": "Skipped"}
    summary = world.runs["run"].status.summary
    assert summary is not None
    assert summary.failed == 1


def test_a_route_to_a_task_that_is_then_skipped_handles_nothing() -> None:
    spec = '{tasks: [{name: a, script: x, onFailed: b}, {name: b, script: x, when: "false"}]}'
    world = played(spec, by_task(a=exits(1)))
    assert world.phase() == "Failed"
    assert world.condition("Succeeded") == ("False", "TaskFailed", "task a: ExitCode: exit code 1")


def test_a_handler_task_that_fails_itself_fails_the_run_by_its_own_failure() -> None:
    spec = "{tasks: [{name: a, script: x, onFailed: b}, {name: b, script: x}]}"
    world = played(spec, by_task(a=exits(1), b=exits(2)))
    assert world.phase() == "Failed"
    assert world.runs["run"].status.exit_code == 2
    assert "task b" in world.runs["run"].status.message


def test_a_success_route_handles_no_failure_of_another_task() -> None:
    spec = "{tasks: [{name: a, script: x}, {name: b, script: x, onSucceeded: c}, {name: c, script: x}]}"
    assert played(spec, by_task(a=exits(1))).phase() == "Failed"


# --- continueOn ---


@pytest.mark.parametrize(
    ("rule", "end", "dependent", "result"),
    [
        ("{failure: true}", exits(1), "Succeeded", "PartiallySucceeded"),
        ("{failure: true}", LATE, "Succeeded", "PartiallySucceeded"),
        ("{failure: true, exitCodes: [3]}", exits(1), "Succeeded", "PartiallySucceeded"),  # either suffices
        ("{exitCodes: [3]}", exits(3), "Succeeded", "PartiallySucceeded"),
        ("{exitCodes: [3]}", exits(1), "Skipped", "Failed"),
        ("{exitCodes: [137]}", OOM, "Succeeded", "PartiallySucceeded"),
        ("{exitCodes: [3]}", LATE, "Skipped", "Failed"),
        ("{exitCodes: [3]}", TaskResult(TaskReason.DEADLINE_EXCEEDED, exit_code=3), "Skipped", "Failed"),
        ("{skipped: true}", exits(1), "Skipped", "Failed"),
        ("{failure: true, markSuccess: true}", exits(1), "Succeeded", "Succeeded"),
        ("{failure: true, markSuccess: true}", LATE, "Succeeded", "Succeeded"),
        ("{exitCodes: [3], markSuccess: true}", exits(3), "Succeeded", "Succeeded"),
        ("{exitCodes: [3], markSuccess: true}", exits(1), "Skipped", "Failed"),
        ("{}", exits(1), "Skipped", "Failed"),
    ],
)
def test_continue_on_lets_a_matching_failure_pass(rule: str, end: TaskResult, dependent: str, result: str) -> None:
    spec = f"{{tasks: [{{name: a, script: x, continueOn: {rule}}}, {{name: b, script: x, dependsOn: [a]}}]}}"
    world = played(spec, by_task(a=end))
    assert world.phases()["b"] == dependent
    assert world.phase() == result


def test_without_mark_success_the_task_stays_failed() -> None:
    spec = """
    tasks:
    - {name: a, script: x, continueOn: {failure: true}}
    - {name: handled, script: x, onFailed: z}
    - {name: z}
    """
    world = played(spec, by_task(a=exits(3), handled=exits(3)))
    row = world.row("a")
    assert (row.phase, row.reason, row.exit_code) == ("Failed", "ExitCode", 3)
    assert world.condition("Succeeded") == ("True", "PartiallySucceeded", "let pass: a")


def test_mark_success_makes_a_success_in_every_respect_with_the_exit_code_kept() -> None:
    spec = """
    tasks:
    - {name: a, script: x, continueOn: {failure: true, markSuccess: true}, onSucceeded: good, onFailed: bad}
    - {name: good, script: x, when: "{{ tasks.a.phase == 'Succeeded' and tasks.a.exitCode == 3 }}"}
    - {name: bad, script: x}
    """
    world = played(spec, by_task(a=exits(3)))
    row = world.row("a")
    assert (row.phase, row.reason, row.message, row.exit_code) == ("Succeeded", "", "", 3)
    assert world.phases() == {"a": "Succeeded", "good": "Succeeded", "bad": "Skipped"}
    summary = world.runs["run"].status.summary
    assert summary is not None
    assert (summary.failed, summary.succeeded) == (0, 2)


def test_the_kept_exit_code_of_a_marked_success_routes() -> None:
    spec = """
    tasks:
    - {name: a, script: x, continueOn: {exitCodes: [3], markSuccess: true}, onSucceeded: b, onExitCode: [{codes: [3], task: c}]}
    - {name: b, script: x}
    - {name: c, script: x}
    """
    assert played(spec, by_task(a=exits(3))).phases() == {"a": "Succeeded", "b": "Skipped", "c": "Succeeded"}


def test_a_skip_that_is_let_pass_counts_as_ended_well_and_never_changes_the_result() -> None:
    spec = """
    tasks:
    - {name: a, script: x, when: "false", continueOn: {skipped: true}}
    - {name: b, script: x, dependsOn: [a]}
    """
    world = played(spec)
    assert world.phases() == {"a": "Skipped", "b": "Succeeded"}
    assert world.phase() == "Succeeded"


def test_a_failure_that_is_let_pass_still_routes_and_the_run_is_partial() -> None:
    spec = "{tasks: [{name: a, script: x, continueOn: {failure: true}, onFailed: b}, {name: b, script: x}]}"
    world = played(spec, by_task(a=exits(1)))
    assert world.phases() == {"a": "Failed", "b": "Succeeded"}
    assert world.phase() == "PartiallySucceeded"


def test_p9_a_join_behind_failures_that_are_let_pass_decides() -> None:
    spec = """
    tasks:
    - {name: a, script: x, continueOn: {failure: true}}
    - {name: b, script: x, continueOn: {failure: true}}
    - {name: join, script: x, when: "{{ tasks.a.phase == 'Succeeded' or tasks.b.phase == 'Succeeded' }}"}
    """
    assert played(spec, by_task(a=exits(1))).phases()["join"] == "Succeeded"
    assert played(spec, by_task(a=exits(1), b=exits(1))).phases()["join"] == "Skipped"


def test_an_unhandled_failure_beside_one_let_pass_fails_the_run() -> None:
    spec = "{tasks: [{name: a, script: x, continueOn: {failure: true}}, {name: b, script: x}]}"
    world = played(spec, by_task(a=exits(1), b=exits(2)))
    assert world.phase() == "Failed"
    assert world.runs["run"].status.message == "task b: ExitCode: exit code 2"
