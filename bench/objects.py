"""What the scenarios submit: definitions, runs, and the native Pods and Jobs that they are measured against."""

# ruff: noqa: INP001 - a folder of scripts

import json
from typing import Any

Object = dict[str, Any]

WHEN = "2026-01-01T00:00:00Z"
CONTAINER: Object = {"image": "busybox", "command": ["true"]}


def definition(name: str, tasks: list[Object], **spec: Any) -> Object:
    """Return a JobDefinition."""
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobDefinition",
        "metadata": {"name": name},
        "spec": {**spec, "tasks": tasks},
    }


def chain(steps: int) -> Object:
    """Return a definition of so many tasks, one after another."""
    tasks = [
        {"name": f"t{step}", "container": CONTAINER, **({"dependsOn": [f"t{step - 1}"]} if step else {})}
        for step in range(steps)
    ]
    return definition("chain", tasks, concurrency={"key": "{{ run.name }}"})


def long_task(seconds: int) -> Object:
    """Return a definition of one task that takes so long on a simulated node."""
    container = {**CONTAINER, "env": [{"name": "KWOK_RUN_FOR", "value": f"{seconds}s"}]}
    return definition("long", [{"name": "t0", "container": container}], concurrency={"key": "{{ run.name }}"})


def fan_out(items: int, at_once: int) -> Object:
    """Return a definition with one parallel task."""
    parallel = {"itemsFrom": "{{ params.ITEMS }}", "maxConcurrent": at_once, "maxItems": items}
    return definition(
        "fan", [{"name": "each", "container": CONTAINER, "parallel": parallel}], params=[{"name": "ITEMS"}]
    )


def run(name: str, of: str, **params: str) -> Object:
    """Return a JobRun."""
    spec: Object = {"definitionRef": {"name": of}}
    if params:
        spec["params"] = params
    return {"apiVersion": "brood.dev/v1alpha1", "kind": "JobRun", "metadata": {"name": name}, "spec": spec}


def items(number: int) -> str:
    """Return so many items as a JSON array."""
    return json.dumps([f"i{one}" for one in range(number)])


def pod(name: str) -> Object:
    """Return a bare Pod that ends at once."""
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", **CONTAINER}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def indexed_job(name: str, completions: int, at_once: int) -> Object:
    """Return the native fan-out."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", **CONTAINER}]}}
    spec = {"completionMode": "Indexed", "completions": completions, "parallelism": at_once, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def finished_run_status(number: int) -> Object:
    """Return the status of a run that has ended."""
    row = {"name": "t0", "phase": "Succeeded", "attempt": 1, "exitCode": 0, "podName": f"old-{number}"}
    condition = {
        "type": "Succeeded",
        "status": "True",
        "reason": "Succeeded",
        "message": "",
        "lastTransitionTime": WHEN,
        "observedGeneration": 1,
    }
    return {
        "observedGeneration": 1,
        "phase": "Succeeded",
        "conditions": [{**condition, "type": "Admitted"}, condition],
        "revision": "chain-aaaaaaaaaa",
        "progress": "1/1",
        "startTime": WHEN,
        "completionTime": WHEN,
        "summary": {"total": 1, "succeeded": 1},
        "tasks": [{**row, "startTime": WHEN, "completionTime": WHEN}],
    }


def finished_pod(number: int, run_uid: str) -> tuple[Object, Object]:
    """Return the Pod of such a run, on no node so that nobody touches it, and its status."""
    name = f"old-{number}"
    owner = {"apiVersion": "brood.dev/v1alpha1", "kind": "JobRun", "name": name, "uid": run_uid, "controller": True}
    made = pod(name)
    made["metadata"]["labels"] = {
        "app.kubernetes.io/managed-by": "brood",
        "brood.dev/run": name,
        "brood.dev/root-run": name,
        "brood.dev/task": "t0",
        "brood.dev/attempt": "1",
    }
    made["metadata"]["ownerReferences"] = [owner]
    made["spec"]["schedulerName"] = "nobody"
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": WHEN, "finishedAt": WHEN}
    container = {"name": "main", "image": "busybox", "imageID": "", "ready": False, "restartCount": 0}
    status = {"phase": "Succeeded", "containerStatuses": [{**container, "state": {"terminated": ended}}]}
    return made, status
