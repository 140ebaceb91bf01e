"""`retryPolicy` and `infraRetries` (contract §1.1, §4)."""

import itertools
from datetime import timedelta

import pytest

from brood.api.reasons import TaskReason
from brood.views import TaskResult
from tests.unit.engine.world import START, World, begun, deleted, evicted, exits, fails, in_turn, ok, played

ONE = "{{tasks: [{{name: a, script: x, {0}}}]}}"


def starts(world: World, task: str = "a") -> list[float]:
    """Return the seconds at which the attempts of a task were made."""
    pods = [one.pod for one in world.pods.values() if one.pod.task == task]
    return [(pod.meta.created_at - START).total_seconds() for pod in sorted(pods, key=lambda pod: pod.attempt)]


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        ("{limit: 2}", [1, 1]),
        ("{limit: 2, intervalSeconds: 10}", [10, 10]),
        ("{limit: 2, intervalSeconds: 0}", [0, 0]),
        ("{limit: 4, intervalSeconds: 1, backoffFactor: 2}", [1, 2, 4, 8]),
        ("{limit: 4, intervalSeconds: 5, backoffFactor: 3, maxIntervalSeconds: 20}", [5, 15, 20, 20]),
        ("{limit: 1, intervalSeconds: 60, maxIntervalSeconds: 5}", [5]),
    ],
)
def test_attempts_follow_after_the_wait_of_the_policy(policy: str, waits: list[int]) -> None:
    world = played(ONE.format(f"retryPolicy: {policy}"), in_turn(a=[exits(1)]))
    times = starts(world)
    assert [after - before for before, after in itertools.pairwise(times)] == waits
    row = world.row("a")
    assert (row.phase, row.attempt, row.failures) == ("Failed", len(waits) + 1, len(waits) + 1)


def test_without_a_policy_nothing_is_retried() -> None:
    assert played(ONE.format(""), in_turn(a=[exits(1)])).row("a").attempt == 1
    assert played(ONE.format("retryPolicy: {}"), in_turn(a=[exits(1)])).row("a").attempt == 1


def test_a_retry_that_succeeds_makes_the_task_succeed() -> None:
    world = played(
        ONE.format("retryPolicy: {limit: 3}, output: OUT"), in_turn(a=[exits(1, "bad"), exits(2), ok("good")])
    )
    row = world.row("a")
    assert (row.phase, row.reason, row.message, row.attempt, row.exit_code) == ("Succeeded", "", "", 3, 0)
    assert world.outputs() == {"OUT": "good"}


def test_the_row_says_until_when_it_waits_and_why() -> None:
    world = begun(ONE.format("retryPolicy: {limit: 1, intervalSeconds: 90}"))
    world.end_task("a", exits(3))
    world.settle()
    row = world.row("a")
    assert (row.phase, row.reason) == ("Pending", "RetryBackoff")
    assert row.message == "until 00:01:30 UTC; attempt 1: ExitCode: exit code 3"
    assert row.next_attempt_time == START + timedelta(seconds=90)
    assert "RetryBackoff" in world.runs["run"].status.message


def test_a_retry_on_another_day_is_told_with_its_date() -> None:
    world = begun(ONE.format("retryPolicy: {limit: 1, intervalSeconds: 86400}"))
    world.end_task("a", exits(3))
    world.settle()
    assert world.row("a").message.startswith(f"until {START + timedelta(days=1):%Y-%m-%d} 00:00:00 UTC; ")


@pytest.mark.parametrize(
    ("end", "attempts"),
    [
        (exits(3), 2),
        (TaskResult(TaskReason.OOM_KILLED, exit_code=137), 2),
        (exits(4), 1),
        (fails(TaskReason.DEADLINE_EXCEEDED), 1),  # a timed-out attempt is retried unless exitCodes is given
        (fails(TaskReason.ARTIFACT_MISSING), 1),
        (TaskResult(TaskReason.DEADLINE_EXCEEDED, exit_code=3), 1),  # the code did not end it
    ],
)
def test_d14_only_the_codes_of_the_list_are_retried(end: TaskResult, attempts: int) -> None:
    world = played(ONE.format("retryPolicy: {limit: 1, exitCodes: [3, 137]}"), in_turn(a=[end]))
    assert world.row("a").attempt == attempts


@pytest.mark.parametrize("end", [fails(TaskReason.DEADLINE_EXCEEDED), fails(TaskReason.OUTPUT_INVALID), exits(1)])
def test_without_exit_codes_every_failure_of_its_own_is_retried(end: TaskResult) -> None:
    assert played(ONE.format("retryPolicy: {limit: 2}"), in_turn(a=[end])).row("a").attempt == 3


def test_d14_no_slot_is_held_while_waiting() -> None:
    spec = """
    maxActiveTasks: 1
    tasks:
    - {name: a, script: x, retryPolicy: {limit: 1, intervalSeconds: 60}}
    - {name: b, script: x}
    """
    world = begun(spec)
    assert world.phases() == {"a": "Running", "b": "Pending"}
    world.end_task("a", exits(1))
    world.settle()
    assert world.phases() == {"a": "Pending", "b": "Running"}
    world.pass_time(60)
    world.settle()
    assert (world.row("a").phase, world.row("a").reason) == ("Pending", "MaxActiveTasks")
    world.end_task("b", ok())
    world.settle()
    assert world.row("a").attempt == 2


# --- infrastructure ---


def test_o16_infrastructure_is_counted_apart() -> None:
    world = played(ONE.format("retryPolicy: {limit: 1}"), in_turn(a=[evicted(), exits(1), evicted(), deleted(), ok()]))
    row = world.row("a")
    assert (row.phase, row.attempt, row.failures, row.infra_retries) == ("Succeeded", 5, 1, 3)


@pytest.mark.parametrize(("field", "attempts"), [("", 4), ("infraRetries: 0", 1), ("infraRetries: 5", 6)])
def test_infra_retries_limits_what_infrastructure_may_cost(field: str, attempts: int) -> None:
    world = played(ONE.format(field), in_turn(a=[evicted()]))
    row = world.row("a")
    assert (row.phase, row.reason, row.attempt, row.failures) == ("Failed", "Evicted", attempts, 0)
    assert row.message == "node is low on memory"


def test_the_own_failure_after_lost_attempts_is_not_retried_without_a_policy() -> None:
    world = played(ONE.format(""), in_turn(a=[evicted(), evicted(), exits(1)]))
    assert (world.row("a").reason, world.row("a").attempt) == ("ExitCode", 3)


def test_o16_a_pod_that_is_gone_is_an_infrastructure_failure() -> None:
    world = begun(ONE.format(""))
    name = world.live_pod("a")
    world.remove_pod(name)
    world.settle()
    row = world.row("a")
    assert (row.phase, row.attempt, row.infra_retries) == ("Running", 2, 1)
    world.play()
    assert world.phase() == "Succeeded"


def test_attempts_have_names_of_their_own_and_never_reset() -> None:
    world = played(ONE.format("retryPolicy: {limit: 2}"), in_turn(a=[exits(1), evicted(), exits(1), ok()]))
    attempts = [(one.attempt, one.name) for one in world.requests.values()]
    assert [attempt for attempt, _ in attempts] == [1, 2, 3, 4]
    assert len({name for _, name in attempts}) == 4


# --- a `run` ---

CALL = """
tasks: [{name: call, run: {definitionRef: {name: child}}, output: OUT, retryPolicy: {limit: 2, intervalSeconds: 7}}]
definitions: [{name: child, tasks: [{name: a, script: x, output: SAID}]}]
"""


def test_a_retried_run_makes_another_child_and_only_the_last_counts() -> None:
    turns = iter([exits(1, "first"), ok("second")])
    world = played(CALL, lambda _: next(turns))
    children = world.children("call")
    assert [(one.attempt, str(one.status.phase)) for one in children] == [(1, "Failed"), (2, "Succeeded")]
    assert (children[1].meta.created_at - children[0].meta.created_at).total_seconds() == 7
    assert world.outputs() == {"OUT": '{"SAID":"second"}'}
    assert (world.phase(), world.row("call").attempt, world.row("call").failures) == ("Succeeded", 2, 1)


def test_a_cancelled_child_is_never_retried() -> None:
    world = begun(CALL)
    world.shutdown(world.children("call")[0].meta.name, "Terminate")
    world.play()
    row = world.row("call")
    assert (row.phase, row.reason, row.attempt) == ("Failed", "ChildCancelled", 1)
