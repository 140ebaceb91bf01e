"""Concurrency keys under storms, lost answers and restarts: never too many holders, at any event of a watch."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Forbidden, Kind, Manifest
from tests import manifests
from tests.unit.controller.faults import FaultyPort, Verdict, Write
from tests.unit.controller.world import beside, controlled, end_pod, ended, local, phase, until, until_true

RUNS = 20
ONE_TASK = [{"name": "do", "container": {"image": "busybox", "command": ["true"]}}]


def _admitted(run: Manifest) -> bool:
    conditions = run.get("status", {}).get("conditions", [])
    return any(one["type"] == "Admitted" and one["status"] == "True" for one in conditions)


class Watcher:
    """Follows all runs and remembers how many were active at once."""

    def __init__(self) -> None:
        self.most = 0
        self.order: list[str] = []
        self._active: set[str] = set()

    async def follow(self, cluster: LocalCluster) -> None:
        async for event in cluster.watch(Kind.JOB_RUN, resource_version="0"):
            name = event.object.get("metadata", {}).get("name", "")
            if _admitted(event.object) and name not in self.order:
                self.order.append(name)
            over = event.type == "DELETED" or "completionTime" in event.object.get("status", {})
            if _admitted(event.object) and not over:
                self._active.add(name)
            else:
                self._active.discard(name)
            self.most = max(self.most, len(self._active))


def _definition(**concurrency: Any) -> Manifest:
    return manifests.definition(tasks=ONE_TASK, concurrency={"key": "one", **concurrency})


@pytest.mark.parametrize("allowed", [1, 3])
async def test_o3_a_storm_of_one_key_never_has_more_active_runs_than_allowed(tmp_path: Path, allowed: int) -> None:
    async def slow(write: Write) -> None:
        await asyncio.sleep(0.01 if write.verb == "status" else 0)

    seen = Watcher()
    async with local(tmp_path) as cluster, beside(seen.follow(cluster)):
        await cluster.create(Kind.JOB_DEFINITION, _definition(maxActiveRuns=allowed))
        async with controlled(FaultyPort(cluster, pause=slow)):
            for number in range(RUNS):
                await cluster.create(Kind.JOB_RUN, manifests.run(f"run-{number:02}"))
            for number in range(RUNS):
                run = await ended(cluster, f"run-{number:02}")
                assert run["status"]["phase"] == "Succeeded"
        await until_true(lambda: len(seen.order) == RUNS, "not all were seen")
    assert seen.most == allowed
    if allowed == 1:
        assert seen.order == sorted(seen.order), "by creation, then name"


async def test_two_runs_planned_at_the_same_moment_do_not_both_enter(tmp_path: Path) -> None:
    """The first admission is on its way to the server, for long, while the second run is planned."""
    gate = asyncio.Event()
    planned: list[str] = []

    async def hold(write: Write) -> None:
        if write.verb == "status" and write.kind is Kind.JOB_RUN and "Admitted" in str(write.body):
            planned.append(write.name)
            await gate.wait()

    seen = Watcher()
    async with local(tmp_path, run_pods=False) as cluster, beside(seen.follow(cluster)):
        await cluster.create(Kind.JOB_DEFINITION, _definition())
        async with controlled(FaultyPort(cluster, pause=hold)):
            await cluster.create(Kind.JOB_RUN, manifests.run("a"))
            await cluster.create(Kind.JOB_RUN, manifests.run("b"))
            queued = await phase(cluster, "b", "Queued")
            assert "a" in queued["status"]["message"], "it names the holder"
            assert planned == ["a"]
            gate.set()
            await phase(cluster, "a", "Running")
    assert seen.most == 1


async def test_an_admission_whose_answer_is_lost_keeps_its_slot(tmp_path: Path) -> None:
    seen = Watcher()
    async with local(tmp_path, run_pods=False) as cluster, beside(seen.follow(cluster)):
        lost: list[int] = []

        def judge(write: Write) -> Verdict:
            if write.verb == "status" and write.name == "a" and not lost:
                lost.append(write.number)
                port.watching.clear()
                return "lose answer"
            return "pass"

        port = FaultyPort(cluster, judge)
        await cluster.create(Kind.JOB_DEFINITION, _definition())
        await cluster.create(Kind.JOB_RUN, manifests.run("a"))
        await cluster.create(Kind.JOB_RUN, manifests.run("b"))
        async with controlled(port):
            await until_true(lambda: len(port.writes) > lost[0] + 3 if lost else False, "nothing went on")
            await asyncio.sleep(0.1)
            assert not _admitted(await cluster.get(Kind.JOB_RUN, "default", "b"))
            port.watching.set()
            await until_true(lambda: bool(cluster.store.list(Kind.POD).items), "the first run stands still")
    assert (seen.most, seen.order) == (1, ["a"])


async def test_an_admission_that_was_refused_gives_its_slot_back(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:

        def judge(write: Write) -> Verdict:
            return Forbidden("no") if write.verb == "status" and write.name == "a" and not released else "pass"

        released: list[bool] = []
        await cluster.create(Kind.JOB_DEFINITION, _definition())
        async with controlled(FaultyPort(cluster, judge)):
            await cluster.create(Kind.JOB_RUN, manifests.run("a", priority=1))
            await asyncio.sleep(0.1)
            await cluster.patch(Kind.JOB_RUN, "default", "a", {"spec": {"suspend": True}})
            await cluster.create(Kind.JOB_RUN, manifests.run("b"))
            assert (await ended(cluster, "b"))["status"]["phase"] == "Succeeded"


async def test_a_restarted_operator_neither_leaks_nor_forgets_a_slot(tmp_path: Path) -> None:
    seen = Watcher()
    async with local(tmp_path, run_pods=False) as cluster, beside(seen.follow(cluster)):
        await cluster.create(Kind.JOB_DEFINITION, _definition())
        await cluster.create(Kind.JOB_RUN, manifests.run("a"))
        async with controlled(cluster):
            await until_true(lambda: bool(cluster.store.list(Kind.POD).items), "no Pod was made")
        await cluster.create(Kind.JOB_RUN, manifests.run("b", priority=5))
        async with controlled(cluster):
            assert "a" in (await phase(cluster, "b", "Queued"))["status"]["message"]
            await end_pod(cluster, cluster.store.list(Kind.POD).items[0]["metadata"]["name"])
            await ended(cluster, "a")
            await phase(cluster, "b", "Running")
    assert seen.most == 1


async def test_the_pods_of_a_deleted_run_hold_its_key_until_they_are_gone(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster:
        await cluster.create(Kind.JOB_DEFINITION, _definition())
        async with controlled(cluster):
            first = await cluster.create(Kind.JOB_RUN, manifests.run("a"))
            await until_true(lambda: bool(cluster.store.list(Kind.POD).items), "no Pod was made")
            pod = cluster.store.list(Kind.POD).items[0]["metadata"]
            patch = {"metadata": {"finalizers": [*pod["finalizers"], "example.com/keep"]}}
            await cluster.patch(Kind.POD, "default", pod["name"], patch)
            await cluster.create(Kind.JOB_RUN, manifests.run("b"))
            await phase(cluster, "b", "Queued")
            await cluster.delete(Kind.JOB_RUN, "default", "a", uid=first["metadata"]["uid"])
            told = await until(cluster, Kind.JOB_RUN, "b", lambda run: "gone" in run["status"].get("message", ""))
            assert "a (gone" in told["status"]["message"]
            await cluster.patch(Kind.POD, "default", pod["name"], {"metadata": {"finalizers": None}})
            await phase(cluster, "b", "Running")


async def test_a_suspended_run_that_waits_holds_nobody_up(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, _definition())
        await cluster.create(Kind.JOB_RUN, manifests.run("a"))
        await phase(cluster, "a", "Running")
        await cluster.create(Kind.JOB_RUN, manifests.run("b"))
        await cluster.create(Kind.JOB_RUN, manifests.run("c"))
        await phase(cluster, "c", "Queued")
        await cluster.patch(Kind.JOB_RUN, "default", "b", {"spec": {"suspend": True}})
        await phase(cluster, "b", "Suspended")
        await end_pod(cluster, cluster.store.list(Kind.POD).items[0]["metadata"]["name"])
        await phase(cluster, "c", "Running")
        await cluster.patch(Kind.JOB_RUN, "default", "b", {"spec": {"suspend": False}})
        await phase(cluster, "b", "Queued")
