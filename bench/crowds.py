"""Many runs at once: one-task runs beside a large fan-out (FAIR), and runs that all live at the same time (MANY)."""

# ruff: noqa: INP001 - a folder of scripts

import asyncio
import statistics
import time

import orjson

from bench import objects
from bench.apiserver import PODS, RUNS, ApiServer, Object
from bench.figures import Figures
from bench.process import Meter, Process
from bench.scenarios import AT_ONCE, counted, fresh, ready_definition, run_is_done

ALONE = 5
"""Runs that are timed before the fan-out begins."""
FAIR_SECONDS = 150.0
"""So long one-task runs are submitted beside a fan-out; then what is left of it is called off."""
MANY_SECONDS = 90
"""So long each Pod of MANY runs, so that all do at the same time."""


async def fair(api: ApiServer, items: int = 2000) -> Figures:
    """Measure how soon a run of one task has its Pod, alone and beside a fan-out in full work."""
    namespace, other = await fresh(api, "fan"), await fresh(api, "one")
    await ready_definition(api, namespace, objects.fan_out(items, AT_ONCE))
    await ready_definition(api, other, objects.chain(1))
    alone = [await _start(api, other, f"alone-{number}") for number in range(ALONE)]
    watch = await api.count(RUNS.format(namespace), run_is_done, selector="!brood.dev/root-run")
    ended = asyncio.create_task(watch.until(1))  # who does not read a watch for long is cut off
    path = RUNS.format(namespace)
    await api.create(path, objects.run("run", "fan", ITEMS=objects.items(items)))
    await asyncio.sleep(3)
    beside: list[float] = []
    end = time.perf_counter() + FAIR_SECONDS
    while (status := await _status(api, f"{path}/run")) and "completionTime" not in status:
        if time.perf_counter() > end:
            stop = {"spec": {"shutdown": "Terminate"}}
            await api.request("PATCH", f"{path}/run", stop, kind="application/merge-patch+json")
            break
        beside.append(await _start(api, other, f"beside-{len(beside)}"))
        await asyncio.sleep(0.5)
    await ended
    counts = (status.get("tasks") or [{}])[0].get("items") or {}
    before, under = statistics.median(alone), statistics.median(beside)
    return {
        "items": items,
        "ended_items": sum(counts.get(word, 0) for word in ("succeeded", "failed", "cancelled")),
        "runs": len(beside),
        "alone_s": round(before, 3),
        "beside_s": round(under, 3),
        "beside_worst_s": round(max(beside), 3),
        "delay_s": round(under - before, 3),
    }


async def _status(api: ApiServer, path: str) -> Object:
    status: Object = (await api.request("GET", path)).get("status", {"phase": ""})
    return status


async def _start(api: ApiServer, namespace: str, name: str) -> float:
    """Return the seconds from the creation of a run until its Pod exists."""
    watch = await api.count(PODS.format(namespace), lambda found: found["metadata"]["labels"]["brood.dev/run"] == name)
    began = time.perf_counter()
    await api.create(RUNS.format(namespace), objects.run(name, "chain"))
    await watch.until(1)
    return time.perf_counter() - began


async def many(api: ApiServer, one: Process, runs: int = 1000) -> Figures:
    """Measure runs that all live at the same time."""
    namespace = await fresh(api, "many")
    path = RUNS.format(namespace)
    await ready_definition(api, namespace, objects.long_task(MANY_SECONDS))
    running = await api.count(PODS.format(namespace), lambda found: found["status"].get("phase") == "Running")
    ended = await api.count(path, run_is_done)
    began, meter = time.perf_counter(), Meter(api.directory, brood=one.pid)
    started, done = asyncio.create_task(running.until(runs)), asyncio.create_task(ended.until(runs))
    await api.create_all(path, [objects.run(f"r{number}", "long") for number in range(runs)])
    await started
    all_run, at_once = time.perf_counter() - began, runs - len(ended.done)
    await done
    seconds, cpu = time.perf_counter() - began, meter.ms_per(runs)
    return {
        "runs": runs,
        "at_once": at_once,
        "all_run_after_s": round(all_run, 2),
        "seconds": round(seconds, 2),
        "cpu_ms_per_run": cpu["brood"],
        "cpu": cpu,
        "peak_mb": round(one.peak_mb, 1),
        "largest_kb": round(await _largest(api, namespace) / 1024, 1),
        **counted(await api.requests(namespace), runs, "run"),
    }


async def _largest(api: ApiServer, namespace: str) -> int:
    """Return the size of the largest run or Pod as JSON, without managedFields."""
    sizes = [0]
    for path in (RUNS, PODS):
        for found in (await api.request("GET", path.format(namespace)))["items"]:
            found["metadata"].pop("managedFields", None)
            sizes.append(len(orjson.dumps(found)))
    return max(sizes)
