"""10,000 runs one after another, each deleted after its end: the memory of the process stays flat (T9 of the budgets).

``python -m bench.soak [--runs N]``. The controller works on the store of the local cluster in the same process, and Pods end as soon
as they exist, so that hours of a cluster pass in minutes.
"""

# ruff: noqa: INP001 - a folder of scripts

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import structlog

from bench import figures, objects
from bench.controller_events import play_kubelet
from bench.process import resident_mb
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind
from brood.controller.config import Config
from brood.controller.controller import Controller

AT_ONCE = 20
"""Runs that exist at a time; one alone would mostly wait for the loop."""


async def _some(cluster: LocalCluster, numbers: Iterable[int]) -> None:
    """Make runs and wait until they have ended and are gone."""
    for number in numbers:
        run = objects.run(f"run-{number}", "chain")
        run["metadata"]["namespace"] = "default"
        await cluster.create(Kind.JOB_RUN, run)
    while cluster.store.count(Kind.JOB_RUN):  # noqa: ASYNC110 - the store has no event for it
        await asyncio.sleep(0.01)


async def soak(runs: int) -> figures.Figures:
    """Run so many, and compare the memory of the second with that of the last quarter."""
    samples: list[float] = []
    with tempfile.TemporaryDirectory() as directory:
        async with LocalCluster(Path(directory), run_pods=False) as cluster:
            controller = Controller(cluster, Config())
            await controller.start()
            await controller.ready.wait()
            kubelet = asyncio.create_task(play_kubelet(cluster))
            definition = objects.chain(1)
            definition["metadata"]["namespace"] = "default"
            definition["spec"]["ttlSecondsAfterFinished"] = 0
            await cluster.create(Kind.JOB_DEFINITION, definition)
            began = time.perf_counter()
            for first in range(0, runs, AT_ONCE):
                await _some(cluster, range(first, min(runs, first + AT_ONCE)))
                samples.append(resident_mb())
            seconds = time.perf_counter() - began
            kubelet.cancel()
            await controller.stop()
    quarter = len(samples) // 4
    second, last = statistics.median(samples[quarter : 2 * quarter]), statistics.median(samples[3 * quarter :])
    return {
        "runs": runs,
        "seconds": round(seconds, 1),
        "second_quarter_mb": round(second, 1),
        "last_quarter_mb": round(last, 1),
        "memory_growth": round(last / second, 3),
    }


def main() -> None:
    """Soak as long as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    measured = {"T9": [asyncio.run(soak(parser.parse_args().runs))]}
    print("\n".join(figures.table(measured)))  # noqa: T201 - that is what it is for
    print(f"\n{figures.keep(measured).relative_to(figures.PROJECT)}")  # noqa: T201


if __name__ == "__main__":
    main()
