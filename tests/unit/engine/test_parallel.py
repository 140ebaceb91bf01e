"""`parallel`: the window, failures that are tolerated, `failFast`, retries of single items (contract §1.1, §2.1, §3, §4)."""

import pytest

from brood.api.status import ItemsStatus
from brood.views import PodRequest, TaskResult
from tests.unit.engine.outcomes import Outcome
from tests.unit.engine.world import START, World, begun, exits, ok, played

ITEMS = "{tasks: [{name: p, script: x, parallel: {items: [a, b, c, d, e, f, g, h, i, j], RULE}}]}"


def items(world: World, task: str = "p") -> ItemsStatus:
    """Return the counts of a parallel task."""
    found = world.row(task).items
    assert found is not None
    return found


def failing(*indexes: int, code: int = 1) -> Outcome:
    """Let some items fail."""

    def outcome(request: PodRequest) -> TaskResult:
        return exits(code) if request.index in indexes else ok("" if request.capture_stdout else None)

    return outcome


# --- the window ---


@pytest.mark.parametrize(
    ("rule", "most"),
    [("maxConcurrent: 3", 3), ("maxItems: 100", 8), ("maxConcurrent: 1", 1), ("maxConcurrent: 50", 10)],
)
def test_d4_never_more_than_max_concurrent_children_live(rule: str, most: int) -> None:
    world = begun(ITEMS.replace("RULE", rule))
    assert len(world.children("p")) == most  # what World checks at every create is that it is never more
    world.play()
    assert len(world.children("p")) == 10
    assert items(world).succeeded == 10


def test_d4_one_at_a_time_is_in_item_order() -> None:
    world = played(ITEMS.replace("RULE", "maxConcurrent: 1"))
    made = [one.meta.created_at for one in world.children("p")]
    assert [one.index for one in world.children_of(world.runs["run"])] == list(range(10))
    assert made == sorted(made)


def test_d1_a_child_per_item_and_counts_that_add_up_at_every_moment() -> None:
    world = begun(ITEMS.replace("RULE", "maxConcurrent: 2"))
    assert (items(world).total, items(world).running, items(world).pending) == (10, 2, 8)
    row = world.row("p")
    assert (row.phase, row.reason, row.message) == ("Running", "MaxConcurrent", "maxConcurrent: 2 items run")
    world.end(world.live_pods()[0], ok())
    world.settle()
    assert (items(world).succeeded, items(world).running, items(world).pending) == (1, 2, 7)
    assert items(world).completed_indexes == "0"
    world.play()
    assert (items(world).completed_indexes, items(world).pending, items(world).running) == ("0-9", 0, 0)
    assert world.row("p").reason == ""


def test_f3_children_run_side_by_side() -> None:
    world = begun(ITEMS.replace("RULE", "maxConcurrent: 3"))
    assert [str(one.status.phase) for one in world.children("p")] == ["Running"] * 3


def test_a_parallel_task_counts_as_one_for_max_active_tasks() -> None:
    spec = "{maxActiveTasks: 1, tasks: [{name: p, script: x, parallel: {items: [a, b, c]}}, {name: q, script: x}]}"
    world = begun(spec)
    assert len(world.children("p")) == 3
    assert world.row("q").reason == "MaxActiveTasks"


# --- how many may fail ---


@pytest.mark.parametrize(
    ("rule", "bad", "phase", "result"),
    [
        ("maxFailures: 0", 0, "Succeeded", "Succeeded"),
        ("maxFailures: 0", 1, "Failed", "Failed"),
        ("maxFailures: 2", 2, "Succeeded", "PartiallySucceeded"),
        ("maxFailures: 2", 3, "Failed", "Failed"),
        ("maxFailures: 10%", 1, "Succeeded", "PartiallySucceeded"),
        ("maxFailures: 10%", 2, "Failed", "Failed"),
        ("maxFailures: 19%", 2, "Failed", "Failed"),  # rounded down
        ("maxFailures: 0%", 1, "Failed", "Failed"),
        ("maxFailures: 100%", 10, "Succeeded", "PartiallySucceeded"),
    ],
)
def test_so_many_may_fail_and_the_task_still_succeeds(rule: str, bad: int, phase: str, result: str) -> None:
    world = played(ITEMS.replace("RULE", rule), failing(*range(bad)))
    assert world.phases() == {"p": phase}
    assert world.phase() == result
    assert len(world.children("p")) == 10  # alone it stops nothing


def test_a_percentage_is_of_the_items_that_count() -> None:
    spec = "{tasks: [{name: p, script: x, parallel: {items: [a, a, a, a, a, a, a, a, a, b], maxFailures: 10%}}]}"
    assert played(spec, failing(9)).phase() == "Failed"


def test_d13_without_continue_on_all_started_items_end_and_dependents_do_not_run() -> None:
    spec = "{tasks: [{name: p, script: x, parallel: {items: [a, b, c]}}, {name: q, script: x, dependsOn: [p]}]}"
    world = played(spec, failing(0))
    row = world.row("p")
    assert (row.phase, row.reason) == ("Failed", "ChildFailed")
    assert row.message == "1 of 3 items failed (index 0); item 0: task p: ExitCode: exit code 1"
    assert (items(world).succeeded, items(world).failed, items(world).failed_indexes) == (2, 1, "0")
    assert world.row("q").reason == "UpstreamFailed"


def test_a_cancelled_item_counts_as_failed_ones_do() -> None:
    for rule, phase, reason in (("maxFailures: 0", "Failed", "ChildCancelled"), ("maxFailures: 1", "Succeeded", "")):
        world = begun(ITEMS.replace("RULE", rule))
        world.shutdown(world.children("p")[3].meta.name, "Terminate")
        world.play()
        assert (world.row("p").phase, world.row("p").reason) == (phase, reason)
        assert items(world).cancelled_indexes == "3"


# --- failFast ---


def test_fail_fast_starts_nothing_more_once_too_many_have_failed_and_what_runs_ends() -> None:
    world = begun(ITEMS.replace("RULE", "maxConcurrent: 3, failFast: true"))
    world.end(world.live_pods()[0], exits(1))
    world.settle()
    assert (items(world).failed, items(world).running, items(world).skipped, items(world).pending) == (1, 2, 7, 0)
    world.play()
    assert (items(world).failed, items(world).succeeded, items(world).skipped) == (1, 2, 7)
    assert items(world).skipped_indexes == "3-9"
    row = world.row("p")
    assert (row.phase, row.reason, row.exit_code) == ("Failed", "ChildFailed", None)


def test_fail_fast_waits_for_more_than_max_failures() -> None:
    world = played(ITEMS.replace("RULE", "maxConcurrent: 1, failFast: true, maxFailures: 2"), failing(0, 1, 5))
    assert (items(world).failed, items(world).skipped) == (3, 4)
    assert world.phase() == "Failed"
    world = played(ITEMS.replace("RULE", "maxConcurrent: 1, failFast: true, maxFailures: 2"), failing(0, 1))
    assert (items(world).failed, items(world).succeeded, world.phase()) == (2, 8, "PartiallySucceeded")


def test_an_item_that_was_backing_off_is_failed_when_fail_fast_drops_it() -> None:
    spec = "{tasks: [{name: p, script: x, retryPolicy: {limit: 5, intervalSeconds: 1000, exitCodes: [3]}, parallel: {items: [a, b, c], maxConcurrent: 2, failFast: true}}]}"
    world = begun(spec)
    first, second = world.live_pods()
    world.end(first, exits(3))
    world.settle()
    assert (items(world).pending, items(world).running) == (1, 2)  # the slot is free while it waits
    world.end(second, exits(1))
    world.settle()
    assert (items(world).failed, items(world).running, items(world).skipped) == (2, 1, 0)
    world.play()
    assert (items(world).failed_indexes, items(world).succeeded, world.phase()) == ("0-1", 1, "Failed")


def test_cancelled_items_do_not_trip_fail_fast() -> None:
    world = begun(ITEMS.replace("RULE", "maxConcurrent: 1, failFast: true"))
    world.shutdown(world.children("p")[0].meta.name, "Terminate")
    world.play()
    assert (items(world).cancelled, items(world).succeeded, items(world).skipped) == (1, 9, 0)
    assert world.row("p").reason == "ChildCancelled"


# --- retries ---

RETRIED = "{tasks: [{name: p, script: x, retryPolicy: {limit: 2, intervalSeconds: 10, backoffFactor: 3, CODES}, parallel: {items: [a, b, c], maxConcurrent: 1}}]}"


def test_d14_only_the_failed_item_runs_again_and_on_its_own_while_others_run() -> None:
    world = played(RETRIED.replace("CODES", ""), failing(1))
    made = [(one.index, one.attempt, (one.meta.created_at - START).total_seconds()) for one in world.children("p")]
    assert made == [(0, 1, 0), (1, 1, 0), (1, 2, 10), (1, 3, 40), (2, 1, 0)]
    assert world.row("p").message.startswith("1 of 3 items failed (index 1)")


def test_d14_codes_outside_of_the_list_are_not_retried() -> None:
    world = played(RETRIED.replace("CODES", "exitCodes: [3]"), failing(1, code=4))
    assert len(world.children("p")) == 3
    world = played(RETRIED.replace("CODES", "exitCodes: [3]"), failing(1, code=3))
    assert len(world.children("p")) == 5


def test_an_item_has_failed_when_its_retries_are_used_up_and_counts_are_of_items() -> None:
    world = begun(RETRIED.replace("CODES", ""))
    world.end(world.live_pods()[0], exits(1))
    world.settle()
    assert (items(world).failed, items(world).pending, items(world).running) == (0, 2, 1)
    world.play(failing(0))
    assert (items(world).total, items(world).failed, items(world).succeeded) == (3, 1, 2)


def test_a_cancelled_item_is_never_retried() -> None:
    world = begun(RETRIED.replace("CODES", ""))
    world.shutdown(world.children("p")[0].meta.name, "Terminate")
    world.play()
    assert len(world.children("p")) == 3
    assert items(world).cancelled_indexes == "0"


def test_a_retried_item_keeps_the_slots_of_the_others_and_never_exceeds_the_window() -> None:
    spec = "{tasks: [{name: p, script: x, retryPolicy: {limit: 3, intervalSeconds: 0}, parallel: {items: [a, b, c, d], maxConcurrent: 2}}]}"
    world = played(spec, failing(0, 1, 2, 3))
    assert len(world.children("p")) == 16
    assert items(world).failed == 4


# --- children that are gone ---


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_an_item_whose_child_was_deleted_is_cancelled_and_never_runs_again(lost: int) -> None:
    world = begun(ITEMS.replace("RULE", "maxConcurrent: 3"))
    world.remove_run(world.children("p")[lost].meta.name)
    world.settle()
    assert items(world).cancelled_indexes == str(lost)
    world.play()
    assert (items(world).cancelled, items(world).succeeded) == (1, 9)
    assert [one.index for one in world.children("p")] == [at for at in range(10) if at != lost]


def test_an_index_that_is_recorded_never_runs_again_whatever_becomes_of_its_child() -> None:
    world = begun(ITEMS.replace("RULE", "maxConcurrent: 2"))
    for _ in range(2):
        world.end(world.live_pods()[0], ok())
    world.settle()
    for child in world.children("p")[:2]:
        world.remove_run(child.meta.name)
    world.play()
    assert (items(world).completed_indexes, world.phase()) == ("0-9", "Succeeded")
    assert [one.index for one in world.children("p")] == list(range(2, 10))


# --- nesting ---


def test_d19_a_child_with_a_parallel_task_of_its_own() -> None:
    spec = """
    tasks: [{name: p, run: {definitionRef: {name: inner}}, output: R, parallel: {items: [eu, us]}}]
    definitions:
    - name: inner
      params: [{name: REGION}]
      tasks:
      - {name: list, script: x, output: L}
      - {name: each, script: x, output: S, parallel: {itemsFrom: "{{ outputs.L }}"}}
    """
    world = played(spec, lambda request: ok("1 2" if request.task == "list" else f"{request.item}"))
    outer = world.children("p")
    assert [one.index for one in outer] == [0, 1]
    inner = world.children("each", run=outer[1].meta.name)
    assert [one.index for one in inner] == [0, 1]
    assert world.phase() == "Succeeded"
    assert len(world.requests) == 6
