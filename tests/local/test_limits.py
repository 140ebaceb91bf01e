"""The operator's limits of a namespace beside keys and pools (contract §2.2): "no order of taking them can deadlock"."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind, Manifest, NotFound
from tests import manifests
from tests.unit.controller.faults import FaultyPort, Write
from tests.unit.controller.world import QUICK, beside, controlled, end_pod, ended, local, phase, until_true

Task = dict[str, Any]

POOLS = ["a", "b", "c"]
SEEDS = 4


class Node:
    """Ends each Pod soon after it was made, and remembers how many lived at once, in all and of each pool."""

    def __init__(self) -> None:
        self.most: Counter[str] = Counter()
        self._live: dict[str, list[str]] = {}

    async def follow(self, cluster: LocalCluster) -> None:
        ends = []
        async for event in cluster.watch(Kind.POD, resource_version="0"):
            name, status = event.object["metadata"]["name"], event.object.get("status") or {}
            if event.type == "ADDED":
                ends.append(asyncio.create_task(self._end(cluster, name)))
            if event.type == "DELETED" or status.get("phase") in ("Succeeded", "Failed"):
                self._live.pop(name, None)
            else:
                self._live[name] = ["Pods", *_pools(event.object)]
            held = Counter(one for pools in self._live.values() for one in pools)
            self.most |= held

    async def _end(self, cluster: LocalCluster, name: str) -> None:
        await asyncio.sleep(0.01)
        try:
            await end_pod(cluster, name)
        except NotFound:
            return


def _pools(pod: Manifest) -> list[str]:
    named = pod["metadata"].get("annotations", {}).get("brood.dev/pools", "[]")
    return [one for one in POOLS if f'"{one}"' in named]


def _tree(rng: random.Random, depth: int) -> list[Task]:
    """Return tasks, none of which fails: Pods that take pools, and children by every kind of body."""
    tasks: list[Task] = []
    for number in range(rng.randint(1, 3)):
        name, call = f"t{number}", {"definitionRef": {"name": f"level-{depth - 1}"}}
        body = rng.choice(["pod", "pod", "run", "parallel", "fork"]) if depth else "pod"
        match body:
            case "run":
                tasks.append({"name": name, "run": call})
            case "parallel":
                tasks.append({"name": name, "run": call, "parallel": {"items": ["1", "2", "3"], "maxConcurrent": 2}})
            case "fork":
                tasks += [{"name": name, "fork": call}, {"name": f"{name}-w", "await": {"tasks": [name]}}]
            case _:
                pools = rng.sample(POOLS, rng.randint(0, 2))
                container = {"image": "busybox", "command": ["true"]}
                tasks.append({"name": name, "container": container, "pools": pools})
        if number and rng.random() < 0.4:
            tasks[-1].setdefault("dependsOn", ["t0"])
    return tasks


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_random_trees_that_share_keys_pools_and_limits_all_end(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - it decides nothing but the test
    config = replace(QUICK, max_runs=rng.randint(1, 2), max_pods=rng.randint(1, 2), pools={"a": 2})
    node, names = Node(), [f"run-{number}" for number in range(5)]
    async with local(tmp_path, run_pods=False) as cluster, beside(node.follow(cluster)):
        for depth in range(3):
            key = {
                "key": rng.choice(["x", "y"]),
                "maxActiveRuns": rng.randint(1, 2),
            }  # of a child's it is not looked at
            made = manifests.definition(f"level-{depth}", tasks=_tree(rng, depth), concurrency=key)
            await cluster.create(Kind.JOB_DEFINITION, made)
        async with controlled(cluster, config):
            for name in names:
                of = {"name": f"level-{rng.randint(0, 2)}"}
                await cluster.create(Kind.JOB_RUN, manifests.run(name, definitionRef=of, priority=rng.randint(0, 2)))
            for name in names:
                assert (await ended(cluster, name))["status"]["phase"] == "Succeeded"
    assert node.most["Pods"] <= (config.max_pods or 0)
    assert all(node.most[pool] <= config.pools.get(pool, 1) for pool in POOLS)


async def test_the_limit_of_runs_is_of_roots_never_of_their_children(tmp_path: Path) -> None:
    """A root that holds the last place would else wait for its children, and these for its place."""
    calls = [{"name": "call", "run": {"definitionRef": {"name": "child"}}}]
    work = [{"name": "work", "container": {"image": "busybox", "command": ["true"]}}]
    async with local(tmp_path, run_pods=False) as cluster, beside(Node().follow(cluster)):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition("child", tasks=work))
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=calls))
        async with controlled(cluster, replace(QUICK, max_runs=1)):
            for name in ("first", "second"):
                await cluster.create(Kind.JOB_RUN, manifests.run(name))
            told = (await phase(cluster, "second", "Queued"))["status"]
            assert told["message"] == "active root runs in the namespace: 1 (limit: 1)"
            for name in ("first", "second"):
                assert (await ended(cluster, name))["status"]["phase"] == "Succeeded"


async def test_a_volume_counts_from_the_moment_in_which_it_is_asked_for(tmp_path: Path) -> None:
    """Runs that are planned at the same moment do not all take the last place."""
    keeps = {"name": "keeps", "script": "touch f", "artifacts": {"paths": ["f"]}}
    made: list[str] = []

    async def slow(write: Write) -> None:
        if write.verb == "create" and write.kind is Kind.CLAIM:
            made.append(write.name)
            await asyncio.sleep(0.1)

    names = [f"run-{number}" for number in range(4)]
    async with local(tmp_path, run_pods=False) as cluster:
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=[keeps], artifacts={"retain": "Never"}))
        async with controlled(FaultyPort(cluster, pause=slow), replace(QUICK, max_volumes=1)):
            for name in names:
                await cluster.create(Kind.JOB_RUN, manifests.run(name))
            for number in range(len(names)):
                await until_true(lambda number=number: len(made) == number + 1, "no further volume")  # type: ignore[misc]
                await asyncio.sleep(0.2)
                assert len(made) == number + 1
                (pod,) = (
                    one for one in cluster.store.list(Kind.POD).items if one["status"].get("phase") != "Succeeded"
                )
                await end_pod(cluster, pod["metadata"]["name"])
            for name in names:
                await ended(cluster, name)
