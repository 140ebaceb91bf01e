"""CPU and memory of the controller per item of a fan-out, without processes or a server: Pods end as soon as they exist.

``python -m bench.controller_events [items …]`` prints one JSON object per number of items, ascending, and keeps them. The store
of the local cluster with all objects is in the same process, so the figures are upper bounds; what matters is that they do not
grow with the items.
"""

# ruff: noqa: INP001 - a folder of scripts

import asyncio
import gc
import json
import logging
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from bench import figures
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind
from brood.controller.config import Config
from brood.controller.controller import Controller

SIZES = (100, 1_000, 10_000)
MAX_CONCURRENT = 100
DEFINITION = "bench"
PARAMS = ("A", "B", "C")
"""The items lie in three params, because one may have 256 KiB and 100,000 items have 590."""
ITEMS_FROM = " ".join(f"{{{{ params.{name} }}}}" for name in PARAMS)


def _definition(items: int) -> dict[str, Any]:
    body = {"name": "each", "script": "true"}  # no output: the aggregate of 100,000 items is beyond 900 KiB
    parallel = {"itemsFrom": ITEMS_FROM, "maxConcurrent": MAX_CONCURRENT, "maxItems": items}
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobDefinition",
        "metadata": {"name": DEFINITION, "namespace": "default"},
        "spec": {"params": [{"name": name} for name in PARAMS], "tasks": [{**body, "parallel": parallel}]},
    }


def _run(items: int) -> dict[str, Any]:
    words = [str(number) for number in range(items)]
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobRun",
        "metadata": {"name": "run", "namespace": "default"},
        "spec": {
            "definitionRef": {"name": DEFINITION},
            "params": {name: " ".join(words[at :: len(PARAMS)]) for at, name in enumerate(PARAMS)},
        },
    }


async def play_kubelet(cluster: LocalCluster) -> None:
    """End every Pod, as a node without any work would."""
    async for event in cluster.watch(Kind.POD, resource_version="0"):
        if event.type != "ADDED":
            continue
        meta = event.object["metadata"]
        for state in (
            {"running": {"startedAt": meta["creationTimestamp"]}},
            {"terminated": {"exitCode": 0, "reason": "Completed", "message": ""}},
        ):
            phase = "Running" if "running" in state else "Succeeded"
            status = {"phase": phase, "containerStatuses": [{"name": "main", "state": state}]}
            await cluster.patch(Kind.POD, "default", meta["name"], {"status": status}, subresource="status")
            await asyncio.sleep(0)


async def measure(items: int) -> dict[str, Any]:
    """Run one fan-out and return what it cost."""
    with tempfile.TemporaryDirectory() as directory:
        cluster = LocalCluster(Path(directory), run_pods=False)
        async with cluster:
            controller = Controller(cluster, Config())
            await controller.start()
            await controller.ready.wait()
            kubelet = asyncio.create_task(play_kubelet(cluster))
            await cluster.create(Kind.JOB_DEFINITION, _definition(items))
            gc.collect()
            began, cpu = time.perf_counter(), time.process_time()
            await cluster.create(Kind.JOB_RUN, _run(items))
            while True:
                await asyncio.sleep(0.05)
                status = (await cluster.get(Kind.JOB_RUN, "default", "run")).get("status", {})
                if "completionTime" in status:
                    break
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            queue = controller.queue.figures
            kubelet.cancel()
            await controller.stop()
    return {
        "items": items,
        "phase": status["phase"],
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "cpu_ms_per_item": round(1000 * cpu / items, 3),
        "passes": queue.processed,
        "failed": queue.failed,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Measure each number of items named on the command line."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rounds = []
    for size in sorted(int(one) for one in sys.argv[1:]) or SIZES:
        rounds.append(asyncio.run(measure(size)))
        print(json.dumps(rounds[-1]), flush=True)  # noqa: T201 - that is what it is for
    figures.keep({"STORE": rounds})


if __name__ == "__main__":
    main()
