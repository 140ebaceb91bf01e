"""Parents and children, storms of their events, deletions, and what the controller holds in memory afterwards."""

import asyncio
from pathlib import Path
from typing import Any

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind, Manifest
from brood.controller.config import Config
from brood.controller.controller import Controller
from tests import manifests
from tests.unit.controller.faults import FaultyPort
from tests.unit.controller.world import controlled, end_pod, ended, local, names, phase, until, until_true

COMMAND = {"image": "busybox", "command": ["true"]}
FINALIZER = "brood.dev/result"


def _fan_out(items: int, concurrent: int) -> Manifest:
    each = {"items": [f"i{number}" for number in range(items)], "maxConcurrent": concurrent}
    return manifests.definition(tasks=[{"name": "each", "container": COMMAND, "parallel": each}])


async def _play_node(cluster: LocalCluster, gate: asyncio.Event) -> None:
    """End every Pod as soon as the gate is open."""
    async for event in cluster.watch(Kind.POD, resource_version="0"):
        if event.type == "ADDED":
            await gate.wait()
            await end_pod(cluster, event.object["metadata"]["name"])


async def _held(cluster: LocalCluster) -> list[str]:
    return [
        one["metadata"]["name"]
        for one in cluster.store.list(Kind.POD).items
        if FINALIZER in one["metadata"].get("finalizers", [])
    ]


async def test_o20_200_children_that_end_within_a_second_are_counted_exactly(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with local(tmp_path, run_pods=False) as cluster:
        port = FaultyPort(cluster)
        node = asyncio.create_task(_play_node(cluster, gate))
        async with controlled(port):
            await cluster.create(Kind.JOB_DEFINITION, _fan_out(200, 200))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await until_true(lambda: len(cluster.store.list(Kind.POD).items) == 200, "not all items started")
            before = len(port.writes)
            gate.set()
            run = await ended(cluster, "run-1")
            await asyncio.sleep(0.5)
        node.cancel()
        row = run["status"]["tasks"][0]["items"]
        assert (row["total"], row["succeeded"], row["completedIndexes"]) == (200, 200, "0-199")
        assert row.get("running", 0) == row.get("pending", 0) == row.get("failed", 0) == 0
        last = [write for write in port.writes[before:] if write.name == "run-1" and write.verb == "status"]
        assert "completionTime" in last[-1].body["status"]
        assert sum("completionTime" in write.body["status"] for write in last) == 1, "one final status"
        assert len(cluster.store.list(Kind.POD).items) == 200
        assert len(cluster.store.list(Kind.JOB_RUN).items) == 201


async def test_d4_at_no_event_are_there_more_live_children_than_maxconcurrent(tmp_path: Path) -> None:
    most, live = [0], set[str]()

    async def follow() -> None:
        async for event in cluster.watch(Kind.JOB_RUN, resource_version="0"):
            child = event.object
            if "parentRef" not in child.get("spec", {}):
                continue
            if "completionTime" in child.get("status", {}):
                live.discard(child["metadata"]["name"])
            else:
                live.add(child["metadata"]["name"])
            most[0] = max(most[0], len(live))

    gate = asyncio.Event()
    gate.set()
    async with local(tmp_path, run_pods=False) as cluster:
        tasks = [asyncio.create_task(follow()), asyncio.create_task(_play_node(cluster, gate))]
        async with controlled(cluster):
            await cluster.create(Kind.JOB_DEFINITION, _fan_out(60, 7))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            assert (await ended(cluster, "run-1"))["status"]["phase"] == "Succeeded"
        for task in tasks:
            task.cancel()
    assert most[0] == 7


async def test_the_status_of_a_fan_out_is_written_a_few_times_a_second(tmp_path: Path) -> None:
    gate = asyncio.Event()
    gate.set()
    async with local(tmp_path, run_pods=False) as cluster:
        port = FaultyPort(cluster)
        node = asyncio.create_task(_play_node(cluster, gate))
        async with controlled(port):
            loop = asyncio.get_running_loop()
            await cluster.create(Kind.JOB_DEFINITION, _fan_out(300, 20))
            began = loop.time()
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await ended(cluster, "run-1")
            seconds = loop.time() - began
        node.cancel()
    statuses = sum(write.name == "run-1" and write.verb == "status" for write in port.writes)
    assert statuses <= 5 * seconds + 4, "5 a second, the admission, the first and the last one"
    others = sum(write.kind is not Kind.EVENT and write.name != "run-1" for write in port.writes)
    assert others / 300 <= 6.1, "writes per item"


async def test_t5_a_run_of_one_task_costs_at_most_six_writes(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:
        port = FaultyPort(cluster)
        async with controlled(port):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=[{"name": "a", "script": "true"}]))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await ended(cluster, "run-1")
            await until_true(lambda: port.writes[-1].kind is Kind.EVENT, "no event")
            await asyncio.sleep(0.3)
    written = [(write.verb, write.kind) for write in port.writes if write.kind is not Kind.JOB_DEFINITION]
    events = [kind for _, kind in written if kind is Kind.EVENT]
    assert len(written) - len(events) <= 6, written
    assert len(events) <= 2


async def test_o21_deleting_the_root_leaves_nothing_behind(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, _fan_out(5, 5))
        root = await cluster.create(Kind.JOB_RUN, manifests.run())
        await until_true(lambda: len(cluster.store.list(Kind.POD).items) == 5, "not all items started")
        await cluster.delete(Kind.JOB_RUN, "default", "run-1", uid=root["metadata"]["uid"])
        await until_true(lambda: not cluster.store.list(Kind.JOB_RUN).items, "runs are left")
        await until_true(lambda: not cluster.store.list(Kind.POD).items, "Pods are left")


async def test_pods_whose_run_went_while_no_operator_ran_are_released_at_the_start(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster:
        async with controlled(cluster):
            await cluster.create(Kind.JOB_DEFINITION, _fan_out(2, 2))
            root = await cluster.create(Kind.JOB_RUN, manifests.run())
            await until_true(lambda: len(cluster.store.list(Kind.POD).items) == 2, "not all items started")
        await cluster.delete(Kind.JOB_RUN, "default", "run-1", uid=root["metadata"]["uid"])
        await until_true(lambda: not cluster.store.list(Kind.JOB_RUN).items, "runs are left")
        assert len(await _held(cluster)) == 2
        async with controlled(cluster):
            await until_true(lambda: not cluster.store.list(Kind.POD).items, "Pods are left")


async def test_a_pod_is_not_released_because_its_run_was_not_listed(tmp_path: Path) -> None:
    """A cache that is late must not cost a result."""

    class Blind(FaultyPort):
        async def pages(self, kind: Kind, **more: Any) -> Any:
            async for page in super().pages(kind, **more):
                if kind is Kind.JOB_RUN:
                    page.items.clear()
                yield page

    async with local(tmp_path, run_pods=False) as cluster:
        async with controlled(cluster):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=[{"name": "a", "container": COMMAND}]))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await until_true(lambda: bool(cluster.store.list(Kind.POD).items), "no Pod was made")
        async with controlled(Blind(cluster)) as controller:
            await asyncio.sleep(0.1)
            assert controller.queue.figures.processed > 0
        assert len(await _held(cluster)) == 1


async def test_a_tree_whose_root_is_being_deleted_starts_nothing_more(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, _fan_out(9, 3))
        keep = {"finalizers": ["example.com/keep"]}
        root = await cluster.create(Kind.JOB_RUN, manifests.run(meta=keep))
        await until_true(lambda: len(cluster.store.list(Kind.POD).items) == 3, "the window is not full")
        await cluster.delete(Kind.JOB_RUN, "default", "run-1", uid=root["metadata"]["uid"])
        for pod in await names(cluster, Kind.POD):
            await end_pod(cluster, pod)
        await asyncio.sleep(0.2)
        assert len(await names(cluster, Kind.POD)) <= 3
        assert len(await names(cluster, Kind.JOB_RUN)) <= 4
        assert await _held(cluster) == []


async def test_d_a_definition_that_comes_later_starts_its_runs_at_once(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_RUN, manifests.run())
        waiting = await phase(cluster, "run-1", "Pending")
        assert "hello" in waiting["status"]["message"]
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=[{"name": "a", "container": COMMAND}]))
        await phase(cluster, "run-1", "Running")


async def test_a_definition_says_whether_it_can_be_run(tmp_path: Path) -> None:
    def condition(found: Manifest, type_: str) -> dict[str, Any]:
        listed = found.get("status", {}).get("conditions", [])
        return next((one for one in listed if one["type"] == type_), {})

    good = [{"name": "a", "container": COMMAND}, {"name": "b", "dependsOn": ["a"], "container": COMMAND}]
    cycle = [{**good[0], "dependsOn": ["b"]}, good[1]]
    async with local(tmp_path, run_pods=False) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=cycle))
        bad = await until(cluster, Kind.JOB_DEFINITION, "hello", lambda one: condition(one, "Ready") != {})
        assert condition(bad, "Ready")["status"] == "False"
        assert condition(bad, "Stalled")["reason"] == "InvalidSpec"
        assert "tasks" in condition(bad, "Stalled")["message"]
        assert bad["status"]["observedGeneration"] == 1
        await cluster.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"tasks": good}})
        mended = await until(
            cluster, Kind.JOB_DEFINITION, "hello", lambda one: condition(one, "Ready").get("status") == "True"
        )
        assert condition(mended, "Stalled") == {}
        assert mended["status"]["observedGeneration"] == 2


async def test_active_runs_of_a_definition_are_counted_with_few_writes(tmp_path: Path) -> None:
    quick = Config(definition_interval=0.2)
    async with local(tmp_path, run_pods=False) as cluster:
        port = FaultyPort(cluster)
        async with controlled(port, quick):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=[{"name": "a", "container": COMMAND}]))
            for number in range(30):
                await cluster.create(Kind.JOB_RUN, manifests.run(f"run-{number}"))
            await until(cluster, Kind.JOB_DEFINITION, "hello", lambda one: one["status"].get("activeRuns") == 30)
            await until_true(lambda: len(cluster.store.list(Kind.POD).items) == 30, "not all runs started")
            for pod in await names(cluster, Kind.POD):
                await end_pod(cluster, pod)
            await until(cluster, Kind.JOB_DEFINITION, "hello", lambda one: one["status"].get("activeRuns") == 0)
    assert sum(write.kind is Kind.JOB_DEFINITION for write in port.writes) <= 6


async def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    """After many runs nothing of them is left in any index: memory stays flat."""
    quick = Config(definition_interval=0.05)
    async with local(tmp_path) as cluster, controlled(cluster, quick) as controller:
        tasks: list[dict[str, Any]] = [{"name": "each", "script": "true", "parallel": {"items": ["a", "b"]}}]
        await cluster.create(
            Kind.JOB_DEFINITION, manifests.definition(tasks=tasks, concurrency={"key": "k", "maxActiveRuns": 2})
        )
        for number in range(4):
            await cluster.create(Kind.JOB_RUN, manifests.run(f"run-{number}"))
        for number in range(4):
            run = await ended(cluster, f"run-{number}")
            await cluster.delete(Kind.JOB_RUN, "default", f"run-{number}", uid=run["metadata"]["uid"])
        await until_true(lambda: not cluster.store.list(Kind.POD).items, "Pods are left")
        await until_true(lambda: not len(controller.cache.family), "runs are left")
        await until_true(lambda: controller.queue.idle, "work is left")
        assert _sizes(controller) == {}


def _sizes(controller: Controller) -> dict[str, int]:
    """Return the containers inside the controller that hold something; caches of limited size are left out."""
    found: dict[str, int] = {}
    cache, runs = controller.cache, controller._runs
    owners: dict[str, object] = {
        "cache": cache,
        "family": cache.family,
        "pods": cache.pods,
        "admission": cache.admission,
        "runs": runs,
        "pace": runs._pace,
        "gatherer": runs._gatherer,
        "attempts": runs._gatherer._attempts,
    }
    for owner, one in owners.items():
        for name, value in vars(one).items():
            if isinstance(value, dict | set | list) and any(_filled(value)):
                found[f"{owner}.{name}"] = len(value)
    waiting = [key for keys in cache.catalog._waiting.values() for key in keys]
    return {**found, **({"waiting": len(waiting)} if waiting else {})}


def _filled(value: Any) -> list[bool]:
    inner = value.values() if isinstance(value, dict) else value
    return [bool(one) if isinstance(one, dict | set | list) else True for one in inner]
