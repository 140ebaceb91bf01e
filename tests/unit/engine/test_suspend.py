"""`suspend`: running tasks finish, nothing starts, deadlines stop (contract §2, §2.2)."""

import pytest

from tests.unit.engine.world import World, begun, exits, ok

CHAIN = """
activeDeadlineSeconds: 100
tasks:
- {name: a, script: x}
- {name: b, script: x, dependsOn: [a]}
- {name: p, script: x, parallel: {items: [1, 2, 3], maxConcurrent: 1}}
- {name: retried, script: x, retryPolicy: {limit: 1, intervalSeconds: 5}}
- {name: call, run: {definitionRef: {name: sub}}}
definitions: [{name: sub, tasks: [{name: c, script: x}, {name: d, dependsOn: [c], script: x}]}]
"""


def suspend(world: World, *, after: int = 0) -> None:
    """Suspend the run so many seconds later."""
    _set(world, after, suspended=True)


def resume(world: World, *, after: int = 0) -> None:
    """Let it go on, so many seconds later."""
    _set(world, after, suspended=False)


def _set(world: World, after: int, *, suspended: bool) -> None:
    world.pass_time(after)
    world.kill_late()
    world.set_run("run", spec=world.runs["run"].spec.model_copy(update={"suspend": suspended}))
    world.settle()


def test_running_tasks_and_children_finish_and_nothing_starts() -> None:
    world = begun(CHAIN)
    world.end_task("retried", exits(1))
    suspend(world)
    before = len(world.made)
    world.end_task("a", ok())
    (item,) = world.children("p")
    world.end_task("p", ok(), item.meta.name)
    world.pass_time(10)
    world.settle()
    assert world.phase() == "Suspended"
    assert len(world.made) == before
    assert {name: world.row(name).reason for name in ("b", "retried")} == {"b": "Suspended", "retried": "Suspended"}
    (child,) = world.children("call")
    world.end_task("c", ok(), child.meta.name)
    world.settle()
    assert world.phases(child.meta.name)["d"] == "Running", "a running child goes on"
    resume(world)
    world.play()
    assert (world.phase(), world.runs["run"].status.suspended_seconds) == ("Succeeded", 10)


def test_rows_say_what_they_wait_for_while_a_run_is_suspended_and_after_it() -> None:
    world = begun("""
    tasks:
    - {name: a, script: x, retryPolicy: {limit: 1, intervalSeconds: 60}}
    - {name: p, script: x, parallel: {items: [1, 2], maxConcurrent: 1}, retryPolicy: {limit: 1, intervalSeconds: 60}}
    """)
    world.end_task("a", exits(1))
    world.end_task("p", exits(1), world.children("p")[0].meta.name)
    world.settle()
    world.end_task("p", exits(1), world.children("p")[1].meta.name)
    world.settle()
    waits = {"a": "until 00:01:00 UTC; attempt 1: ExitCode: exit code 1", "p": "until 00:01:00 UTC; 2 items"}
    assert {one: (world.row(one).reason, world.row(one).message) for one in "ap"} == {
        one: ("RetryBackoff", told) for one, told in waits.items()
    }
    suspend(world, after=10)
    assert {(world.row(one).reason, world.row(one).message) for one in "ap"} == {("Suspended", "spec.suspend is true")}
    resume(world, after=10)
    assert {one: (world.row(one).reason, world.row(one).message[:18]) for one in "ap"} == dict.fromkeys(
        waits, ("RetryBackoff", "until 00:01:00 UTC")
    )
    world.pass_time(40)
    world.settle()
    assert {one: (str(world.row(one).phase), world.row(one).reason) for one in "ap"} == {
        "a": ("Running", ""), "p": ("Running", ""),
    }  # fmt: skip


@pytest.mark.parametrize("times", [1, 3])
def test_the_deadline_stands_still_however_often_and_a_pod_that_a_kubelet_ended_meanwhile_is_made_again(
    times: int,
) -> None:
    world = begun("{activeDeadlineSeconds: 100, tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}")
    for _ in range(times):
        suspend(world, after=20)
        resume(world, after=1000)
    assert world.row("a").phase == "Running"
    assert 1 <= world.row("a").infra_retries <= times
    world.pass_time(99 - 20 * times)
    world.settle()
    assert world.phase() == "Running"
    world.end_task("a", ok())
    world.settle()
    world.pass_time(1)
    world.settle()
    assert world.pods[world.live_pod("b")].pod.meta.deleting
    world.play()
    minutes, seconds = divmod(100 + 1000 * times, 60)
    told = f"not done by 2026-01-01 00:{minutes:02}:{seconds:02} UTC"
    assert world.condition("Succeeded") == ("False", "DeadlineExceeded", told)


def test_a_task_that_ends_while_its_run_is_suspended_has_not_missed_the_deadline() -> None:
    world = begun("{activeDeadlineSeconds: 100, tasks: [{name: a, script: x}]}")
    suspend(world, after=50)
    world.pass_time(500)
    world.end_task("a", ok())
    world.settle()
    assert world.phase() == "Succeeded"


@pytest.mark.parametrize("how", ["Interrupt", "Terminate"])
def test_a_shutdown_ends_a_suspension(how: str) -> None:
    world = begun(CHAIN)
    suspend(world)
    world.shutdown("run", how)
    world.play()
    assert (world.phase(), world.row("b").phase, world.runs["run"].status.suspended_since) == (
        "Cancelled",
        "Cancelled",
        None,
    )


def test_a_shutdown_of_the_parent_ends_the_suspension_of_the_children_that_it_stops() -> None:
    world = begun(CHAIN)
    (child,) = world.children("call")
    world.set_run(child.meta.name, spec=child.spec.model_copy(update={"suspend": True}))
    world.settle()
    assert world.phase(child.meta.name) == "Suspended"
    world.shutdown("run", "Terminate")
    world.play()
    assert (world.phase(child.meta.name), world.phase()) == ("Cancelled", "Cancelled")


def test_a_run_that_is_suspended_from_the_start_enters_when_it_is_not() -> None:
    world = World()
    world.define("{tasks: [{name: a, script: x}]}")
    world.submit(suspend=True)
    world.settle()
    assert (world.phase(), world.made, world.runs["run"].status.start_time) == ("Suspended", [], None)
    resume(world, after=60)
    world.play()
    assert (world.phase(), world.runs["run"].status.suspended_seconds) == ("Succeeded", 0)
