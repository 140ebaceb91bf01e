"""What the server refuses to create (contract §2, §2.1)."""

from typing import Literal

import pytest

from brood.views import ChildRequest, PodRequest
from tests.unit.engine.world import START, World, begun

Kind = Literal["Quota", "Forbidden", "Invalid", "NameConflict"]
QUOTA = "pods is forbidden: exceeded quota: small"
ONE = "{tasks: [{name: a, script: x}]}"
RUN = "{tasks: [{name: a, run: {definitionRef: {name: l}}}], definitions: [{name: l, tasks: [{name: x, script: x}]}]}"
FORK = RUN.replace("run:", "fork:")
PARALLEL = "{tasks: [{name: a, script: x, parallel: {items: [1, 2, 3]}}]}"
PARALLEL_FORK = RUN.replace(
    "run: {definitionRef: {name: l}}", "fork: {definitionRef: {name: l}}, parallel: {items: [1, 2, 3]}"
)


def refusing(spec: str, kind: Kind, message: str = "no") -> World:
    """Return a world whose server refuses what the root run makes."""
    world = World()
    world.define(spec)
    world.submit()

    def refuse(request: PodRequest | ChildRequest) -> tuple[Kind, str] | None:
        made_by = request.run if isinstance(request, PodRequest) else request.parent
        return (kind, message) if made_by == "run" else None

    world.refuse = refuse
    world.settle()
    return world


def tries(world: World, until: int) -> list[float]:
    """Return the seconds at which the run looked again, as long as it is refused."""
    times = []
    while world.now.timestamp() - START.timestamp() < until and world.wakes():
        world.sleep()
        times.append((world.now - START).total_seconds())
        world.settle()
    return times


@pytest.mark.parametrize("spec", [ONE, RUN, FORK, PARALLEL])
def test_an_exceeded_quota_is_a_wait_that_costs_nothing(spec: str) -> None:
    world = refusing(spec, "Quota", QUOTA)
    row = world.row("a")
    assert (row.reason, row.message) == ("QuotaExceeded", QUOTA)
    assert not row.phase.ended
    times = tries(world, 600)
    waits = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1, 60)
    assert (world.row("a").failures, world.row("a").infra_retries) == (0, 0)
    world.refuse = None
    world.play()
    assert world.phase() == "Succeeded"
    assert world.row("a").reason == ""


def test_a_quota_that_takes_some_items_only_lets_the_others_wait() -> None:
    world = World()
    world.define(PARALLEL)
    world.submit()
    world.refuse = lambda request: ("Quota", QUOTA) if isinstance(request, ChildRequest) and request.index else None
    world.settle()
    items = world.row("a").items
    assert items is not None
    assert (items.running, items.pending, world.row("a").reason) == (1, 2, "QuotaExceeded")
    assert [one.index for one in world.children("a")] == [0]
    world.refuse = None
    world.play()
    assert [one.index for one in world.children("a")] == [0, 1, 2]
    assert world.phase() == "Succeeded"


def test_the_items_of_a_fork_wait_for_a_quota_without_a_change_of_its_row() -> None:
    world = refusing(PARALLEL_FORK, "Quota", QUOTA)
    row = world.row("a")
    assert (row.phase, row.reason, row.message) == ("Succeeded", "", "")
    assert world.phase() == "Running"
    tries(world, 100)
    world.refuse = None
    world.play()
    assert world.phase() == "Succeeded"


@pytest.mark.parametrize("spec", [ONE, RUN, FORK])
def test_any_other_403_is_pod_forbidden_after_five_tries(spec: str) -> None:
    world = refusing(spec, "Forbidden", "violates PodSecurity restricted")
    assert world.row("a").reason == "RetryBackoff"
    times = tries(world, 1000)
    assert times == [2, 6, 14, 30]  # the first try was at once
    row = world.row("a")
    assert (row.phase, row.reason, row.message) == ("Failed", "PodForbidden", "violates PodSecurity restricted")
    assert (row.attempt, row.failures) == (0, 0)
    assert world.phase() == "Failed"


def test_items_that_are_forbidden_have_failed_after_five_tries() -> None:
    world = refusing(PARALLEL, "Forbidden", "by a policy")
    tries(world, 1000)
    items = world.row("a").items
    assert items is not None
    assert (items.failed, world.row("a").reason) == (3, "ChildFailed")
    assert world.phase() == "Failed"


@pytest.mark.parametrize("spec", [ONE, RUN, FORK])
@pytest.mark.parametrize(
    ("kind", "reason"), [("Invalid", "InvalidPod"), ("NameConflict", "NameConflict"), ("Terminating", "PodForbidden")]
)
def test_what_can_never_be_made_fails_the_task(spec: str, kind: Kind, reason: str) -> None:
    world = refusing(spec, kind, "spec.containers[0].image: required")
    row = world.row("a")
    assert (row.phase, row.reason, row.message) == ("Failed", reason, "spec.containers[0].image: required")
    assert world.phase() == "Failed"


def test_an_item_that_can_never_be_made_has_failed_and_the_others_run() -> None:
    world = World()
    world.define("{tasks: [{name: a, script: x, parallel: {items: [1, 2, 3], maxFailures: 1}}]}")
    world.submit()
    world.refuse = lambda request: (
        ("Invalid", "no") if isinstance(request, ChildRequest) and request.index == 1 else None
    )
    world.settle()
    world.play()
    items = world.row("a").items
    assert items is not None
    assert (items.failed_indexes, items.completed_indexes, world.phase()) == ("1", "0,2", "PartiallySucceeded")


def test_a_task_that_waits_for_a_quota_is_cancelled_by_an_interrupt() -> None:
    world = refusing(ONE, "Quota", QUOTA)
    world.shutdown("run")
    world.settle()
    assert (world.row("a").phase, world.phase()) == ("Cancelled", "Cancelled")


def test_a_task_that_waits_for_a_quota_has_not_started_when_the_deadline_passes() -> None:
    world = refusing("{activeDeadlineSeconds: 100, tasks: [{name: a, script: x}]}", "Quota", QUOTA)
    tries(world, 200)
    assert (world.row("a").phase, world.row("a").reason) == ("Cancelled", "DeadlineExceeded")
    assert world.phase() == "Failed"


def test_a_task_that_is_refused_holds_no_slot() -> None:
    world = World()
    world.define("{maxActiveTasks: 1, tasks: [{name: a, script: x}, {name: b, script: x}]}")
    world.submit()
    world.refuse = lambda request: ("Quota", QUOTA) if request.task == "a" else None
    world.settle()
    assert world.phases() == {"a": "Pending", "b": "Running"}


def test_a_volume_that_is_refused_is_asked_for_again_before_its_pod_is_made() -> None:
    world = World()
    world.define("{tasks: [{name: a, script: x, artifacts: {paths: ['*']}}]}")
    world.submit()
    world.refuse_others["*"] = ("Quota", "exceeded quota: storage")
    world.settle()
    assert (world.row("a").phase, world.row("a").reason) == ("Pending", "QuotaExceeded")
    assert not world.made
    world.refuse_others.clear()
    world.play()
    assert world.claim is not None
    assert world.phase() == "Succeeded"


def test_a_definition_that_goes_before_the_first_item_was_made_fails_the_items_after_half_a_minute() -> None:
    for body, phase in (("run", "Failed"), ("fork", "Succeeded")):
        world = World()
        world.define(
            f"{{tasks: [{{name: a, {body}: {{definitionRef: {{name: other}}}}, parallel: {{items: [1, 2, 1]}}}}]}}"
        )
        world.define("{tasks: [{name: x}]}", "other")
        world.submit()
        world.refuse = lambda request: ("Quota", QUOTA) if isinstance(request, ChildRequest) else None
        world.settle()
        del world.definitions["other"]
        world.play()
        assert world.row("a").phase == phase
        items = world.row("a").items
        assert items is not None
        assert (items.total, items.failed) == (2, 2)
        assert world.phase() == "Failed"


def test_what_was_made_before_a_refusal_is_taken_over() -> None:
    world = begun("{tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}")
    world.play()
    assert len(world.made) == 2
