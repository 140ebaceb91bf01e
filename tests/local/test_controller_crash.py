"""The controller dies after, or in, any of its writes; another one takes over from what is stored."""

from pathlib import Path
from typing import Any

import pytest

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind
from tests import manifests
from tests.unit.controller.faults import FaultyPort, Verdict, Write
from tests.unit.controller.world import controlled, ended, local, names, timeless, until_true

TASKS: list[dict[str, Any]] = [
    {"name": "list", "script": "echo a; echo b; echo c", "output": "ITEMS"},
    {
        "name": "each",
        "parallel": {"itemsFrom": "{{ outputs.ITEMS }}", "maxConcurrent": 2},
        "run": {"definitionRef": {"name": "one"}},
        "output": "RESULTS",
    },
    {"name": "apart", "fork": {"definitionRef": {"name": "one"}, "params": {"ITEM": "z"}}},
    {"name": "join", "await": {"tasks": ["apart"]}},
    {"name": "end", "dependsOn": ["each", "join"], "script": 'echo "$RESULTS"', "output": "TOLD"},
]
LOCAL = [
    {
        "name": "one",
        "params": [{"name": "ITEM"}],
        "tasks": [{"name": "do", "script": 'echo "did $ITEM"', "output": "DID"}],
    }
]


async def _apply(cluster: LocalCluster) -> None:
    await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=TASKS, definitions=LOCAL))
    await cluster.create(Kind.JOB_RUN, manifests.run())


async def _outcome(cluster: LocalCluster) -> tuple[Any, list[str], list[str], Any]:
    root = await ended(cluster, "run-1")
    runs = [one["spec"].get("parentRef", {}).get("task", "") for one in (await cluster.list(Kind.JOB_RUN)).items]
    pods = [one["metadata"]["labels"]["brood.dev/task"] for one in (await cluster.list(Kind.POD)).items]
    statuses = {
        str(one["spec"].get("parentRef", {}).get("index")) + one["spec"].get("params", {}).get("ITEM", ""): timeless(
            one["status"]
        )
        for one in (await cluster.list(Kind.JOB_RUN)).items
    }
    return timeless(root["status"]), sorted(runs), sorted(pods), statuses


async def _life(directory: Path, at: int, verdict: Verdict) -> tuple[Any, int]:
    """Run with a controller that dies at its write number ``at``, and then one that does not."""

    def judge(write: Write) -> Verdict:
        return verdict if write.number == at else "pass"

    async with local(directory) as cluster:
        await _apply(cluster)
        port = FaultyPort(cluster, judge)
        async with controlled(port):
            await until_true(lambda: port.dead or _has_ended(cluster), "neither the run nor the controller ended")
        async with controlled(cluster):
            outcome = await _outcome(cluster)
            await _settled(cluster)
        return outcome, len(port.writes)


def _has_ended(cluster: LocalCluster) -> bool:
    return "completionTime" in cluster.store.get(Kind.JOB_RUN, "default", "run-1").get("status", {})


async def _settled(cluster: LocalCluster) -> None:
    def holds() -> bool:
        return not any(one["metadata"].get("finalizers") for one in cluster.store.list(Kind.POD).items)

    await until_true(holds, "a Pod is still held back")


async def test_a_tree_of_runs_ends_well(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster, controlled(cluster):
        await _apply(cluster)
        status, runs, pods, _ = await _outcome(cluster)
        assert status["phase"] == "Succeeded", status
        assert runs == ["", "apart", "each", "each", "each"]
        assert pods == ["do"] * 4 + ["end", "list"]
        assert await names(cluster, Kind.REVISION) == [status["revision"]]


@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["die after", "die before"])
async def test_o19_a_crash_at_any_write_changes_nothing(tmp_path: Path, verdict: Verdict) -> None:
    whole, writes = await _life(tmp_path / "whole", 0, "pass")
    assert whole[0]["phase"] == "Succeeded"
    for at in range(1, writes + 1):
        outcome, _ = await _life(tmp_path / str(at), at, verdict)
        assert outcome == whole, f"{verdict} write {at}"
