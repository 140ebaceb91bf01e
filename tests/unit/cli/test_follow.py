"""Following runs on a store whose objects the test changes as an operator would."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from brood.cli.findings import InputRefusedError
from brood.cli.follow import Follower, StuckError
from brood.cli.forest import Forest
from brood.cli.stopping import Stop, Stopping
from brood.cluster.local import LocalCluster
from brood.cluster.port import Kind, NotFound

DEFINITION = {
    "apiVersion": "brood.dev/v1alpha1",
    "kind": "JobDefinition",
    "metadata": {"name": "d", "namespace": "default"},
    "spec": {"tasks": [{"name": "a"}]},
}


def run_named(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobRun",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"definitionRef": {"name": "d"}},
    }


class Screen:
    """A display that remembers; ``broken`` makes it a closed pipe."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.updates = 0
        self.closed = False
        self.broken = False

    def update(self, forest: Forest, now: datetime) -> None:  # noqa: ARG002
        if self.broken:
            raise BrokenPipeError
        self.updates += 1

    def say(self, message: str) -> None:
        self.said.append(message)

    def close(self, forest: Forest, now: datetime) -> None:  # noqa: ARG002
        self.closed = True


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what is waited for is another's state
            await asyncio.sleep(0.005)


class Scene:
    def __init__(self, port: LocalCluster, clock: Callable[[], datetime]) -> None:
        self.port = port
        self.screen = Screen()
        self.stopping = Stopping()
        self.follower = Follower(port, self.screen, stopping=self.stopping, clock=clock)

    async def begin(self, *names: str) -> "asyncio.Task[None]":
        await self.follower.begin([DEFINITION], [run_named(name) for name in names])
        task = asyncio.create_task(self.follower.to_the_end())
        for name in names:  # as an operator does that lets every run begin
            await until(partial(self.exists, name))
            await self.status(name, phase="Running")
        return task

    def exists(self, name: str) -> bool:
        try:
            self.port.store.get(Kind.JOB_RUN, "default", name)
        except NotFound:
            return False
        return True

    async def status(self, name: str, **status: Any) -> None:
        await self.port.patch(Kind.JOB_RUN, "default", name, {"status": status}, subresource="status")

    async def shutdown_of(self, name: str) -> str | None:
        found: str | None = (await self.port.get(Kind.JOB_RUN, "default", name))["spec"].get("shutdown")
        return found


def utc_now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with LocalCluster(tmp_path, run_pods=False) as port:
        yield Scene(port, utc_now)


async def test_it_ends_when_the_last_root_run_has_ended_and_at_once(scene: Scene) -> None:
    task = await scene.begin("a", "b")
    await scene.status("a", phase="Failed")
    await asyncio.sleep(0.02)
    assert not task.done()
    await scene.status("b", phase="Succeeded")
    async with asyncio.timeout(0.09):  # less than a redraw
        await task


async def test_a_rerun_is_created_when_the_run_before_has_ended(scene: Scene) -> None:
    again = run_named("b") | {"spec": {"definitionRef": {"name": "d"}, "rerunOf": {"name": "a"}}}
    await scene.follower.begin([DEFINITION], [run_named("a"), again])
    task = asyncio.create_task(scene.follower.to_the_end())
    await until(partial(scene.exists, "a"))
    await scene.status("a", phase="Running")
    await asyncio.sleep(0.3)
    assert not scene.exists("b")
    await scene.status("a", phase="Failed")
    await until(partial(scene.exists, "b"))
    await scene.status("b", phase="Succeeded")
    async with asyncio.timeout(1):
        await task


async def test_an_end_in_the_very_moment_of_a_redraw_is_not_missed(scene: Scene) -> None:
    for at in range(30):
        name = f"r-{at}"
        follower = Follower(scene.port, scene.screen, stopping=Stopping(), clock=utc_now)
        await follower.begin([], [run_named(name)])
        task = asyncio.create_task(follower.to_the_end())
        for _ in range(2 + at % 6):
            await asyncio.sleep(0)
        await scene.status(name, phase="Running")
        await scene.status(name, phase="Succeeded")
        async with asyncio.timeout(5):
            await task


@pytest.mark.parametrize("seen", [True, False])
async def test_a_run_that_was_deleted_has_ended(scene: Scene, *, seen: bool) -> None:
    task = await scene.begin("a")
    await asyncio.sleep(0.02 if seen else 0)
    stored = await scene.port.get(Kind.JOB_RUN, "default", "a")
    await scene.port.delete(Kind.JOB_RUN, "default", "a", uid=stored["metadata"]["uid"])
    async with asyncio.timeout(5):
        await task


async def test_once_interrupts_all_unfinished_runs_and_twice_terminates_them(scene: Scene) -> None:
    task = await scene.begin("a", "b", "ended")
    await scene.status("ended", phase="Succeeded")
    await asyncio.sleep(0.01)
    scene.stopping.ask(Stop.INTERRUPT)
    await until(lambda: len(scene.screen.said) == 1)
    await asyncio.sleep(0.01)
    assert [await scene.shutdown_of(name) for name in ("a", "b", "ended")] == ["Interrupt", "Interrupt", None]
    scene.stopping.ask(Stop.TERMINATE)
    await until(lambda: len(scene.screen.said) == 2)
    await asyncio.sleep(0.01)
    assert [await scene.shutdown_of(name) for name in ("a", "b", "ended")] == ["Terminate", "Terminate", None]
    assert "interrupting" in scene.screen.said[0]
    assert "terminating" in scene.screen.said[1]
    assert not task.done()
    scene.stopping.ask(Stop.NOW)
    async with asyncio.timeout(5):
        await task


async def test_who_stopped_before_the_runs_were_there_is_heard(scene: Scene) -> None:
    scene.stopping.ask(Stop.TERMINATE)
    task = await scene.begin("a")
    assert await scene.shutdown_of("a") == "Terminate"
    await until(lambda: scene.screen.said)
    task.cancel()


class Seconds:
    """A clock whose seconds pass when the test says so."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_the_next_run_waits_until_the_one_before_has_begun_or_its_second_is_over(tmp_path: Path) -> None:
    clock = Seconds()
    async with LocalCluster(tmp_path, run_pods=False, clock=clock) as port:
        scene = Scene(port, clock)
        await scene.follower.begin([DEFINITION], [run_named(name) for name in ("z", "y", "x")])
        task = asyncio.create_task(scene.follower.to_the_end())
        await until(lambda: scene.exists("z"))
        await asyncio.sleep(0.02)
        assert not scene.exists("y")
        await scene.status("z", phase="Running")
        await until(lambda: scene.exists("y"))
        await scene.status("y", phase="Queued")
        await asyncio.sleep(0.15)
        assert not scene.exists("x")
        clock.now += timedelta(seconds=1)
        await until(lambda: scene.exists("x"))
        times = [port.store.get(Kind.JOB_RUN, "default", name)["metadata"]["creationTimestamp"] for name in "zyx"]
        assert times == sorted(times)
        assert times[1] < times[2]
        for name in "zyx":
            await scene.status(name, phase="Succeeded")
        await asyncio.wait_for(task, 5)
        assert [name for _, name in scene.follower.forest.roots] == ["z", "y", "x"]


async def test_runs_that_are_created_after_a_signal_are_shut_down_from_the_start(tmp_path: Path) -> None:
    clock = Seconds()
    async with LocalCluster(tmp_path, run_pods=False, clock=clock) as port:
        scene = Scene(port, clock)
        await scene.follower.begin([DEFINITION], [run_named("z"), run_named("y")])
        task = asyncio.create_task(scene.follower.to_the_end())
        await until(lambda: scene.exists("z"))
        scene.stopping.ask(Stop.INTERRUPT)
        clock.now += timedelta(seconds=1)
        await until(lambda: scene.exists("y"))
        assert await scene.shutdown_of("y") == "Interrupt"
        for name in "zy":
            await scene.status(name, phase="Cancelled")
        await asyncio.wait_for(task, 5)
        assert scene.follower.complete


async def test_a_stop_at_once_while_runs_wait_for_their_creation_is_no_success(tmp_path: Path) -> None:
    clock = Seconds()
    async with LocalCluster(tmp_path, run_pods=False, clock=clock) as port:
        scene = Scene(port, clock)
        await scene.follower.begin([DEFINITION], [run_named("z"), run_named("y")])
        task = asyncio.create_task(scene.follower.to_the_end())
        await until(lambda: scene.exists("z"))
        scene.stopping.ask(Stop.NOW)
        await asyncio.wait_for(task, 5)
        assert not scene.follower.complete


async def test_a_closed_pipe_terminates_the_runs(scene: Scene) -> None:
    scene.screen.broken = True
    task = await scene.begin("a")
    await until(lambda: scene.stopping.level is Stop.TERMINATE)
    await asyncio.sleep(0.01)
    assert await scene.shutdown_of("a") == "Terminate"
    await scene.status("a", phase="Cancelled")
    async with asyncio.timeout(5):
        await task


async def test_many_changes_are_drawn_ten_times_a_second_at_most(scene: Scene) -> None:
    task = await scene.begin("a")
    for at in range(60):
        await scene.status("a", phase="Running", progress=f"{at}/60")
        await asyncio.sleep(0.005)
    assert 2 <= scene.screen.updates <= 6
    await scene.status("a", phase="Succeeded")
    await task


async def test_a_watch_that_breaks_off_is_taken_up_again(scene: Scene) -> None:
    task = await scene.begin("a")
    await asyncio.sleep(0.01)
    scene.port.store.expire(Kind.JOB_RUN)
    await scene.status("a", phase="Succeeded")
    async with asyncio.timeout(5):
        await task


async def test_a_run_that_the_operator_cannot_get_further_is_given_up(tmp_path: Path) -> None:
    times = iter([datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in range(0, 60, 6)])
    async with LocalCluster(tmp_path, run_pods=False) as port:
        scene = Scene(port, lambda: next(times))
        await scene.follower.begin([DEFINITION], [run_named("a")])
        task = asyncio.create_task(scene.follower.to_the_end())
        await until(lambda: scene.exists("a"))
        await scene.status("a", conditions=[{"type": "Stalled", "status": "True", "reason": "Oops", "message": "no"}])
        with pytest.raises(StuckError, match="a is stuck: Oops: no"):
            await asyncio.wait_for(task, 10)


async def test_nothing_is_created_if_the_cluster_finds_one_of_them_invalid(scene: Scene) -> None:
    bad = run_named("b")
    bad["spec"]["definitionRef"] = 7
    with pytest.raises(InputRefusedError):
        await scene.follower.begin([DEFINITION], [run_named("a"), bad])
    with pytest.raises(NotFound):
        await scene.port.get(Kind.JOB_RUN, "default", "a")
