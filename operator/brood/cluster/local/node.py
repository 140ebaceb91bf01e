"""The local node: runs the Pods of a store as processes of this machine."""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from datetime import datetime

from brood.cluster.local.claims import ClaimBinder
from brood.cluster.local.guard import Guard
from brood.cluster.local.layout import LocalLayout
from brood.cluster.local.orphans import Orphans, adopt_orphans
from brood.cluster.local.store import ObjectStore
from brood.cluster.local.trash import Trash
from brood.cluster.local.worker import PodWorker, Surroundings
from brood.cluster.port import Expired, Kind, Manifest

_SWEEP_SECONDS = 0.02
_QUIET_SWEEPS = 2  # a process is adopted a moment after its parent was killed


class LocalNode:
    """Runs Pods, without a limit of its own to how many at once, and leaves no process behind.

    Every container is a process with a session of its own. When it ends its process group is killed, and what left the
    group is found by a mark in its environment: while a node is started this process adopts the orphans among its
    descendants (``PR_SET_CHILD_SUBREAPER``, Linux). Should this process be killed, a guard ends what it ran.

    Parameters
    ----------
    keep_pods
        Leave the directories of ended Pods in place, for a look at what a script left in them.
    """

    def __init__(
        self, store: ObjectStore, layout: LocalLayout, *, clock: Callable[[], datetime], keep_pods: bool = False
    ) -> None:
        self._store = store
        self._layout = layout
        self._around = Surroundings(store, layout, clock)
        self._keep_pods = keep_pods
        self._trash = Trash(layout.state)
        self._workers: dict[str, PodWorker] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._orphans = Orphans(layout.state)
        self._just_ended: set[str] = set()  # uids of Pods whose orphans have not been looked for
        self._ended: set[str] = set()  # … once
        self._sweeping: asyncio.TimerHandle | None = None
        self._adopting = False
        self._guard: Guard | None = None
        self._closed = False

    async def start(self) -> None:
        """Begin to run Pods."""
        self._adopting = adopt_orphans(on=True)
        self._guard = Guard(self._layout.state)
        self._follow(self._run_pods())
        self._follow(ClaimBinder(self._store, self._layout, self._trash).run())

    @property
    def running(self) -> int:
        """How many Pods are being run."""
        return len(self._workers)

    async def close(self) -> None:
        """Kill every process, and wait until all are gone. The store must be closed before."""
        if self._closed:
            return
        self._closed = True
        for worker in list(self._workers.values()):
            worker.removed()
        while self._tasks:
            await asyncio.gather(*self._tasks)
        if self._sweeping is not None:
            self._sweeping.cancel()
        quiet = 0
        while quiet < _QUIET_SWEEPS:
            quiet = 0 if self._sweep(None) else quiet + 1
            await asyncio.sleep(_SWEEP_SECONDS / 4)
        if self._adopting:
            adopt_orphans(on=False)
        if self._guard is not None:
            self._guard.dismiss()
        await self._trash.close()

    # --- Following the store ----------------------------------------------------------------------------------------

    def _follow(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_pods(self) -> None:
        while True:
            listing = self._store.list(Kind.POD)
            self._compare(listing.items)
            with contextlib.suppress(Expired):
                async for event in self._store.watch(Kind.POD, resource_version=listing.resource_version):
                    self._see(event.object, gone=event.type == "DELETED")
                return

    def _compare(self, pods: list[Manifest]) -> None:
        there = {pod["metadata"]["uid"] for pod in pods}
        for uid in self._workers.keys() - there:
            self._workers[uid].removed()
        for pod in pods:
            self._see(pod, gone=False)

    def _see(self, pod: Manifest, *, gone: bool) -> None:
        uid = pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if worker is not None:
            if gone:
                worker.removed()
            else:
                worker.update(pod)
        elif not gone and not self._closed and (pod.get("status") or {}).get("phase") == "Pending":
            worker = self._workers[uid] = PodWorker(pod, self._around)
            self._follow(self._run(worker, pod))

    async def _run(self, worker: PodWorker, pod: Manifest) -> None:
        try:
            await worker.run()
        finally:
            del self._workers[worker.uid]
            if not self._keep_pods:
                self._trash.discard(self._layout.pod_directory(pod["metadata"]["namespace"], pod["metadata"]["name"]))
            self._just_ended.add(worker.uid)
            self._sweep_later()

    # --- Orphans ----------------------------------------------------------------------------------------------------

    def _sweep(self, ended: Collection[str] | None) -> bool:
        known = {pid for worker in self._workers.values() for pid in worker.pids}
        return self._adopting and self._orphans.sweep(ended, known=known)

    def _sweep_later(self) -> None:
        if self._sweeping is None and self._adopting and not self._closed:
            self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep_ended)

    def _sweep_ended(self) -> None:
        """Look for what ended Pods left, twice for each: a process is adopted a moment after its parent was killed."""
        self._sweeping = None
        found = self._sweep(self._ended | self._just_ended)
        self._ended, self._just_ended = (self._ended if found else set()) | self._just_ended, set()
        if self._ended:
            self._sweep_later()
