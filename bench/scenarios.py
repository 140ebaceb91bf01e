"""The scenarios T1 to T5, each measured beside its native baseline in the same run of the same cluster."""

# ruff: noqa: INP001 - a folder of scripts

import asyncio
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from bench import objects
from bench.apiserver import DEFINITIONS, JOBS, PODS, RUNS, ApiServer, Object, target_of, writes_of
from bench.figures import Figures
from bench.process import Meter, Process, operator

AT_ONCE = 100


def pod_is_done(found: Object) -> bool:
    """Whether a Pod has succeeded."""
    return bool(found["status"].get("phase") == "Succeeded")


def run_is_done(found: Object) -> bool:
    """Whether a run has ended."""
    return "completionTime" in found.get("status", {})


def job_is_done(found: Object) -> bool:
    """Whether a Job is complete."""
    return "completionTime" in found.get("status", {})


async def fresh(api: ApiServer, word: str) -> str:
    """Make a namespace that nothing else uses."""
    return await api.namespace(f"bench-{word}-{uuid.uuid4().hex[:6]}")


async def native_chain(api: ApiServer, steps: int) -> float:
    """Return the seconds of so many bare Pods, one after another: create, see it succeed."""
    namespace = await fresh(api, "pods")
    path = PODS.format(namespace)
    seconds = 0.0
    for step in range(steps):
        watch = await api.count(path, pod_is_done)
        began = time.perf_counter()
        await api.create(path, objects.pod(f"p{step}"))
        await watch.until(1)
        seconds += time.perf_counter() - began
    return seconds


async def ready_definition(api: ApiServer, namespace: str, definition: Object) -> None:
    """Create a definition and wait until the operator has looked at it: that is not the run's time."""
    path = DEFINITIONS.format(namespace)
    name = definition["metadata"]["name"]
    await api.create(path, definition)
    for _ in range(500):
        found = await api.request("GET", f"{path}/{name}")
        conditions = found.get("status", {}).get("conditions", [])
        if any(one["type"] == "PodsValidated" or one["type"] == "Ready" for one in conditions):
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)


async def brood_chain(api: ApiServer, namespace: str, name: str) -> float:
    """Return the seconds of one run."""
    path = RUNS.format(namespace)
    watch = await api.count(path, run_is_done)
    began = time.perf_counter()
    await api.create(path, objects.run(name, "chain"))
    await watch.until(1)
    return time.perf_counter() - began


async def t1(api: ApiServer, longest: int = 20) -> Figures:
    """Measure chains of one, of five and of the longest; a step is what the longest takes beyond one task."""
    seconds: dict[str, float] = {}
    for steps in sorted({1, 5, longest}):
        namespace = await fresh(api, f"t1-{steps}")
        await ready_definition(api, namespace, objects.chain(steps))
        natives, broods = [], []
        for attempt in range(3):
            natives.append(await native_chain(api, steps))
            broods.append(await brood_chain(api, namespace, f"r{attempt}"))
        seconds[f"native_{steps}"], seconds[f"brood_{steps}"] = sorted(natives)[1], sorted(broods)[1]
    step = (seconds[f"brood_{longest}"] - seconds["brood_1"]) / (longest - 1)
    pod = seconds[f"native_{longest}"] / longest
    return {
        **{name: round(value, 3) for name, value in seconds.items()},
        "step_ms": round(1000 * step, 1),
        "pod_ms": round(1000 * pod, 1),
        "step_over_pod_ms": round(1000 * (step - pod), 1),
        "step_over_pod_ratio": round(step / pod, 2),
        "one_task_over_pod_ms": round(1000 * (seconds["brood_1"] - pod), 1),
    }


async def t2(api: ApiServer, one: Process, items: int = 1000) -> Figures:
    """Measure a fan-out against an Indexed Job."""
    native_namespace, namespace = await fresh(api, "job"), await fresh(api, "t2")
    watch = await api.count(JOBS.format(native_namespace), job_is_done)
    work = [await api.allocated_kb()]
    began, meter = time.perf_counter(), Meter(api.directory)
    await api.create(JOBS.format(native_namespace), objects.indexed_job("job", items, AT_ONCE))
    await watch.until(1)
    native, native_cpu = time.perf_counter() - began, meter.ms_per(items)
    work.append(await api.allocated_kb())
    await ready_definition(api, namespace, objects.fan_out(items, AT_ONCE))
    watch = await api.count(RUNS.format(namespace), run_is_done, selector="!brood.dev/root-run")
    work.append(await api.allocated_kb())
    began, meter = time.perf_counter(), Meter(api.directory, brood=one.pid)
    listed = objects.items(items)
    await api.create(RUNS.format(namespace), objects.run("run", "fan", ITEMS=listed))
    await watch.until(1)
    seconds, cpu = time.perf_counter() - began, meter.ms_per(items)
    work.append(await api.allocated_kb())
    events = await api.requests(namespace)
    phase = watch.done["run"]["status"]["phase"]
    size = await api.stored_bytes(RUNS.format(namespace) + "/run") - len(orjson.dumps(listed))
    return {
        "items": items,
        "phase": phase,
        "native_s": round(native, 2),
        "brood_s": round(seconds, 2),
        "ratio": round(seconds / native, 2),
        **_work(work, items),
        "cpu_ms_per_item": cpu["brood"],
        "cpu": cpu,
        "native_cpu": native_cpu,
        "peak_mb": round(one.peak_mb, 1),
        "parent_own_kb": round(size / 1024, 1),
        "parent_writes_per_s": round(_parent_writes(events) / seconds, 2),
        **counted(events, items, "item"),
    }


async def t3(api: ApiServer, one: Process, runs: int = 500) -> Figures:
    """Measure one-task runs that are created at once against bare Pods that are created at once."""
    native_namespace, namespace = await fresh(api, "pods"), await fresh(api, "t3")
    work = [await api.allocated_kb()]
    meter = Meter(api.directory)
    native = await all_at_once(
        api, PODS.format(native_namespace), [objects.pod(f"p{number}") for number in range(runs)], pod_is_done
    )
    native_cpu = meter.ms_per(runs)
    work.append(await api.allocated_kb())
    await ready_definition(api, namespace, objects.chain(1))
    work.append(await api.allocated_kb())
    meter = Meter(api.directory, brood=one.pid)
    wanted = [objects.run(f"r{number}", "chain") for number in range(runs)]
    seconds = await all_at_once(api, RUNS.format(namespace), wanted, run_is_done)
    cpu = meter.ms_per(runs)
    work.append(await api.allocated_kb())
    events = await api.requests(namespace)
    return {
        "runs": runs,
        "native_per_s": round(runs / native, 1),
        "brood_per_s": round(runs / seconds, 1),
        "rate_ratio": round(native / seconds, 2),
        **_work(work, runs),
        "cpu_ms_per_run": cpu["brood"],
        "cpu": cpu,
        "native_cpu": native_cpu,
        "peak_mb": round(one.peak_mb, 1),
        **counted(events, runs, "run"),
    }


async def all_at_once(api: ApiServer, path: str, wanted: list[Object], is_done: Any) -> float:
    """Create objects and return the seconds until all are done."""
    watch = await api.count(path, is_done)
    began = time.perf_counter()
    waiting = asyncio.create_task(watch.until(len(wanted)))
    await api.create_all(path, wanted)
    await waiting
    return time.perf_counter() - began


async def t4(api: ApiServer, directory: Path, objects_there: int = 2000) -> Figures:
    """Measure the start of an operator over finished runs with a Pod each, and over nothing."""
    empty, full = await fresh(api, "empty"), await fresh(api, "t4")
    await fill(api, full, objects_there)
    found: Figures = {"runs": objects_there, "pods": objects_there}
    for word, namespace in (("empty", empty), ("full", full)):
        options = (f"--namespace={namespace}", f"--lease-namespace={namespace}")
        async with operator(directory / "kubeconfig", *options) as one:
            await asyncio.sleep(2)
            found[f"{word}_ready_s"] = round(one.ready_seconds, 2)
            found[f"{word}_cpu_s"] = round(one.cpu_seconds, 2)
            found[f"{word}_peak_mb"] = round(one.peak_mb, 1)
    return found


async def fill(api: ApiServer, namespace: str, number: int) -> None:
    """Make finished runs with a Pod each."""
    names = [f"old-{one}" for one in range(number)]
    runs = await api.create_all(RUNS.format(namespace), [objects.run(name, "chain") for name in names])
    pods = [objects.finished_pod(one, runs[one]["metadata"]["uid"]) for one in range(number)]
    await api.create_all(PODS.format(namespace), [made for made, _ in pods])
    await asyncio.gather(
        *(
            api.set_status(RUNS.format(namespace), names[one], objects.finished_run_status(one))
            for one in range(number)
        ),
        *(api.set_status(PODS.format(namespace), names[one], status) for one, (_, status) in enumerate(pods)),
    )


def _work(allocated: list[float], number: int) -> Figures:
    """Return what the API server allocated for each: before and after the baseline, before and after brood."""
    native, brood = allocated[1] - allocated[0], allocated[3] - allocated[2]
    return {
        "server_kb": round(brood / number),
        "native_server_kb": round(native / number),
        "server_ratio": round(brood / native, 2),
    }


def counted(events: list[Object], number: int, of: str) -> Figures:
    """Return writes of the operator by run or item, Events apart."""
    counts = writes_of(events, "brood")
    sent = sum(count for what, count in counts.items() if what.endswith(" events"))
    failed = Counter(
        f"{target_of(one)} {one['responseStatus']['code']}"
        for one in events
        if one.get("userAgent", "").startswith("brood/") and one["responseStatus"].get("code", 0) >= 400  # noqa: PLR2004
    )
    return {
        f"writes_per_{of}": round((counts.total() - sent) / number, 2),
        f"events_per_{of}": round(sent / number, 2),
        f"failed_writes_per_{of}": round(failed.total() / number, 2),
        "writes": dict(counts.most_common()),
        "failed": dict(failed),
    }


def _parent_writes(events: list[Object]) -> int:
    return sum(
        one["verb"] == "patch" and one["objectRef"].get("resource") == "jobruns" and one["objectRef"]["name"] == "run"
        for one in events
    )
