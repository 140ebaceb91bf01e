"""Start of the controller over many finished runs and their Pods: time until ready, and memory.

``python -m bench.controller_start [objects]`` prints one JSON object. The objects lie in a store in the same process, whose
share of the memory is subtracted.
"""

# ruff: noqa: INP001 - a folder of scripts

import asyncio
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.process import resident_mb
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind
from brood.controller.config import Config
from brood.controller.controller import Controller

OBJECTS = 20_000
WHEN = "2026-01-01T00:00:00Z"


def _run(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    run = {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobRun",
        "metadata": {"name": f"run-{number}", "namespace": "default"},
        "spec": {"definitionRef": {"name": "bench"}, "params": {"NUMBER": str(number)}},
    }
    row = {
        "name": "do",
        "phase": "Succeeded",
        "attempt": 1,
        "exitCode": 0,
        "podName": f"pod-{number}",
        "startTime": WHEN,
    }
    condition = {
        "type": "Succeeded",
        "status": "True",
        "reason": "Succeeded",
        "message": "",
        "lastTransitionTime": WHEN,
    }
    status = {
        "observedGeneration": 1,
        "phase": "Succeeded",
        "conditions": [{**condition, "type": "Admitted"}, condition],
        "revision": "bench-aaaaaaaaaa",
        "progress": "1/1",
        "startTime": WHEN,
        "completionTime": WHEN,
        "summary": {"total": 1, "succeeded": 1},
        "tasks": [{**row, "completionTime": WHEN}],
        "outputs": {"SAID": f"hello {number}"},
    }
    return run, status


def _pod(number: int, run_uid: str) -> tuple[dict[str, Any], dict[str, Any]]:
    labels = {"app.kubernetes.io/managed-by": "brood", "brood.dev/task": "do", "brood.dev/attempt": "1"}
    labels |= {"brood.dev/run": f"run-{number}", "brood.dev/root-run": f"run-{number}"}
    owner = {"apiVersion": "brood.dev/v1alpha1", "kind": "JobRun", "name": f"run-{number}", "uid": run_uid}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{number}",
            "namespace": "default",
            "labels": labels,
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox", "command": ["true"]}]},
    }
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": WHEN, "finishedAt": WHEN}
    status = {"phase": "Succeeded", "containerStatuses": [{"name": "main", "state": {"terminated": ended}}]}
    return pod, status


async def measure(objects: int) -> dict[str, Any]:
    """Start a controller over so many runs, each with a Pod."""
    with tempfile.TemporaryDirectory() as directory:
        async with LocalCluster(Path(directory), run_pods=False) as cluster:
            for number in range(objects):
                run, status = _run(number)
                uid = (await cluster.create(Kind.JOB_RUN, run))["metadata"]["uid"]
                await cluster.patch(Kind.JOB_RUN, "default", f"run-{number}", {"status": status}, subresource="status")
                pod, status = _pod(number, uid)
                await cluster.create(Kind.POD, pod)
                await cluster.patch(Kind.POD, "default", f"pod-{number}", {"status": status}, subresource="status")
            gc.collect()
            before = resident_mb()
            controller = Controller(cluster, Config())
            began, cpu = time.perf_counter(), time.process_time()
            await controller.start()
            await controller.ready.wait()
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            gc.collect()
            memory = resident_mb() - before
            await controller.stop()
    return {
        "runs": objects,
        "pods": objects,
        "ready_seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "mb": round(memory, 1),
    }


def main() -> None:
    """Measure, with as many objects as the command line says."""
    objects = int(sys.argv[1]) if len(sys.argv) > 1 else OBJECTS
    print(json.dumps(asyncio.run(measure(objects))))  # noqa: T201 - that is what it is for


if __name__ == "__main__":
    main()
