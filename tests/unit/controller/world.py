"""A local cluster and a controller on it, for tests that follow runs."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind, Manifest, NotFound, Port
from brood.controller.config import Config
from brood.controller.controller import Controller

PATIENCE = 30.0

QUICK = Config(backoff_first=0.005, backoff_most=0.05, resync_interval=3600)
"""Failures are tried again soon, and nothing is looked at for no reason: what a test sees was rung for."""


@asynccontextmanager
async def controlled(port: Port, config: Config = QUICK, **more: Any) -> AsyncIterator[Controller]:
    controller = Controller(port, config, **more)
    await controller.start()
    try:
        async with asyncio.timeout(PATIENCE):
            await controller.ready.wait()
        yield controller
    finally:
        await controller.stop()


@asynccontextmanager
async def local(directory: Path, *, run_pods: bool = True) -> AsyncIterator[LocalCluster]:
    async with LocalCluster(directory, run_pods=run_pods) as cluster:
        yield cluster


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let something go on while a test does."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()


async def until(cluster: Port, kind: Kind, name: str, holds: Callable[[Manifest], bool]) -> Manifest:
    """Wait until an object of the namespace default is as a test wants it."""
    found: Manifest = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    found = await cluster.get(kind, "default", name)
                except NotFound:
                    found = {}
                if found and holds(found):
                    return found
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"{kind} {name} did not get there: {found.get('status')}") from None


async def ended(cluster: Port, name: str) -> Manifest:
    return await until(cluster, Kind.JOB_RUN, name, lambda run: "completionTime" in run.get("status", {}))


async def phase(cluster: Port, name: str, *phases: str) -> Manifest:
    return await until(cluster, Kind.JOB_RUN, name, lambda run: run.get("status", {}).get("phase") in phases)


async def until_true(holds: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - any condition of a test
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(what) from None


async def names(cluster: Port, kind: Kind) -> list[str]:
    return sorted(one["metadata"]["name"] for one in (await cluster.list(kind)).items)


async def end_pod(cluster: LocalCluster, name: str, code: int = 0) -> None:
    """Play the kubelet: the container of a Pod ends."""
    state = {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}
    status = {
        "phase": "Succeeded" if code == 0 else "Failed",
        "containerStatuses": [{"name": "main", "state": {"terminated": state}}],
    }
    await cluster.patch(Kind.POD, "default", name, {"status": status}, subresource="status")


def timeless(value: Any) -> Any:
    """Return a copy of a status without what differs from one time to the next."""
    if isinstance(value, dict):
        return {key: timeless(one) for key, one in value.items() if not key.endswith(("Time", "podName", "childName"))}
    if isinstance(value, list):
        return [timeless(one) for one in value]
    return copy.copy(value)
