"""The life of one Pod on the local node."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from brood.api.base import format_time
from brood.cluster.local.container import Container
from brood.cluster.local.layout import LocalLayout
from brood.cluster.local.podstatus import NODE_NAME, on_node, unschedulable
from brood.cluster.local.starting import Missing, Unstartable
from brood.cluster.local.store import ObjectStore
from brood.cluster.local.volumes import claims, lay_out
from brood.cluster.port import Conflict, Expired, Kind, Manifest, NotFound

_DEADLINE = {"reason": "DeadlineExceeded", "message": "Pod was active on the node longer than the specified deadline"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the node lends to all of its Pods."""

    store: ObjectStore
    layout: LocalLayout
    clock: Callable[[], datetime]

    def find(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """Read an object; raises `Missing`."""
        try:
            return self.store.get(kind, namespace, name)
        except NotFound as error:
            raise Missing(kind, namespace, name) from error

    def now(self) -> str:
        """Return the time as objects carry it."""
        return format_time(self.clock())


class PodWorker:
    """Runs one Pod from its creation to its end, and reports it as a kubelet does.

    `run` is a task; `update` and `removed` bring what the watch sees meanwhile. Containers never restart, whatever
    ``restartPolicy`` says.
    """

    def __init__(self, pod: Manifest, around: Surroundings) -> None:
        self._pod = pod
        self._around = around
        meta, spec = pod["metadata"], pod["spec"]
        self.uid: str = meta["uid"]
        self._at = (meta["namespace"], meta["name"])
        self._inits = [self._container(one) for one in spec.get("initContainers") or ()]
        self._mains = [self._container(one) for one in spec["containers"]]
        self._start_time = ""
        self._stopping: dict[str, str] | None = None  # what the status says of it
        self._stopped = asyncio.Event()
        self._timers: list[asyncio.TimerHandle] = []
        self._deadline: tuple[int, asyncio.TimerHandle] | None = None
        self._started_at = 0.0

    def _container(self, spec: Mapping[str, Any]) -> Container:
        return Container(spec, pod=self._pod, layout=self._around.layout, clock=self._around.clock)

    @property
    def pids(self) -> set[int]:
        """The processes that run."""
        return {one.pid for one in (*self._inits, *self._mains) if one.pid is not None}

    async def run(self) -> None:
        """Run the Pod to its end; whatever happens, its status says so."""
        if "deletionTimestamp" in self._pod["metadata"]:
            self.update(self._pod)
        try:
            if await self._prepare():
                await self._run_containers()
        except (Unstartable, OSError) as error:  # the latter: a full disk, a directory that is not ours
            for one in self._mains:
                if one.pid is None:
                    one.refuse(str(error))
        finally:
            self._kill()
            for timer in self._timers:
                timer.cancel()
        self._finish()

    def update(self, pod: Manifest) -> None:
        """Take note of a change of the object: a deletion, another deadline."""
        self._pod = pod
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            self._stop({}, grace=meta.get("deletionGracePeriodSeconds", 0))
        elif self._start_time:
            self._set_deadline()

    def removed(self) -> None:
        """Kill everything: the object is gone, there is nobody to report to."""
        self._stop({}, grace=0)

    # --- Before it runs ---------------------------------------------------------------------------------------------

    async def _prepare(self) -> bool:
        """Wait until everything is there that the Pod refers to; False if it was stopped before."""
        while not self._stopped.is_set():
            version = self._around.store.version
            try:
                for claim in claims(self._pod):
                    self._around.find(Kind.CLAIM, self._at[0], claim)
            except Missing as missing:
                self._write(unschedulable(str(missing), now=self._around.now()), taken=False)
                await self._appears(missing, version)
                continue
            self._take()
            try:
                lay_out(self._pod, layout=self._around.layout, find=self._around.find)
            except Missing as missing:
                await self._wait_for(missing, version)
                continue
            return True
        return False

    def _take(self) -> None:
        if not self._start_time:
            self._start_time = self._around.now()
            self._started_at = asyncio.get_running_loop().time()
            self._set_deadline()

    async def _wait_for(self, missing: Missing, version: int) -> None:
        for one in self._mains:
            one.state = {"waiting": {"reason": "CreateContainerConfigError", "message": str(missing)}}
        self._report("Pending")
        await self._appears(missing, version)

    async def _appears(self, missing: Missing, version: int) -> None:
        """Wait until the object is written, or the Pod is stopped."""
        tasks = [asyncio.create_task(self._seen(missing, version)), asyncio.create_task(self._stopped.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _seen(self, missing: Missing, version: int) -> bool:
        changes = self._around.store.watch(missing.kind, resource_version=str(version), namespace=missing.namespace)
        with contextlib.suppress(Expired):
            async for event in changes:
                if event.object["metadata"].get("name") == missing.name:
                    return True
        return True

    # --- While it runs ----------------------------------------------------------------------------------------------

    async def _run_containers(self) -> None:
        for one in self._inits:
            if self._stopped.is_set():
                return
            await self._start(one)
            self._report("Pending")
            await one.wait()
            if not one.succeeded:
                return
        for one in self._mains:
            if not self._stopped.is_set():
                await self._start(one)
        if any(one.pid is not None for one in self._mains):
            self._report("Running")
        await asyncio.gather(*(self._wait_main(one) for one in self._mains))

    async def _start(self, container: Container) -> None:
        while not self._stopped.is_set():
            version = self._around.store.version
            try:
                await container.start(self._around.find)
            except Missing as missing:
                await self._wait_for(missing, version)
                continue
            if self._stopped.is_set():  # while it was being started
                container.stop(signal.SIGTERM)
            return

    async def _wait_main(self, container: Container) -> None:
        await container.wait()
        if len(self._mains) > 1 and any(one.pid is not None for one in self._mains):
            self._report("Running")

    # --- Stopping ---------------------------------------------------------------------------------------------------

    def _stop(self, why: dict[str, str], *, grace: float) -> None:
        """Send TERM, and KILL when the grace period is over; a later call may only shorten it."""
        if not self._stopped.is_set():
            self._stopping = why
            self._stopped.set()
            if grace > 0:
                for one in (*self._inits, *self._mains):
                    one.stop(signal.SIGTERM)
        if grace <= 0:
            self._kill()
        else:
            self._timers.append(asyncio.get_running_loop().call_later(grace, self._kill))

    def _kill(self) -> None:
        for one in (*self._inits, *self._mains):
            one.stop(signal.SIGKILL)

    def _set_deadline(self) -> None:
        seconds = self._pod["spec"].get("activeDeadlineSeconds")
        if self._deadline is not None:
            if self._deadline[0] == seconds:
                return
            self._deadline[1].cancel()
        if seconds is None:
            return
        timer = asyncio.get_running_loop().call_at(self._started_at + seconds, self._on_deadline)
        self._deadline = (seconds, timer)
        self._timers.append(timer)

    def _on_deadline(self) -> None:
        if not self._stopped.is_set():
            self._stop(_DEADLINE, grace=self._pod["spec"].get("terminationGracePeriodSeconds", 30))

    # --- Reporting --------------------------------------------------------------------------------------------------

    def _report(self, phase: str, extra: dict[str, str] | None = None) -> None:
        status = on_node(
            phase, inits=self._inits, mains=self._mains, start_time=self._start_time, now=self._around.now()
        )
        self._write(status | (extra or {}), taken=True)

    def _write(self, status: dict[str, Any], *, taken: bool) -> None:
        patch: dict[str, Any] = {"status": status}
        if taken:
            patch["spec"] = {"nodeName": NODE_NAME}
        with contextlib.suppress(NotFound):
            self._around.store.write(Kind.POD, *self._at, patch, uid=self.uid)

    def _finish(self) -> None:
        if self._start_time:
            done = self._stopping != _DEADLINE and all(one.succeeded for one in (*self._inits, *self._mains))
            self._report("Succeeded" if done else "Failed", self._stopping)
        with contextlib.suppress(NotFound, Conflict):
            if "deletionTimestamp" in self._around.store.get(Kind.POD, *self._at)["metadata"]:
                self._around.store.delete(Kind.POD, *self._at, uid=self.uid, grace_seconds=0)
