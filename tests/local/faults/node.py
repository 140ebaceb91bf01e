"""A node that ends Pods with results by task, without processes: what a kubelet would write, on the test's clock."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from brood.api import labels
from brood.api.base import format_time
from brood.cluster.local.store import ObjectStore
from brood.cluster.port import Conflict, Expired, Kind, Manifest, NotFound
from tests.local.faults.clock import utc_now

INLINE = 3000  # bytes of sections that go into the termination message


@dataclass(frozen=True, slots=True)
class End:
    """How a container ends: after so many seconds, with that code and what it has written."""

    code: int = 0
    stdout: str | None = None
    outputs: str = ""  # what it wrote to $BROOD_OUTPUT
    files: tuple[tuple[str, int], ...] = ()  # kept artifacts: path, bytes
    seconds: float = 1.0


Script = Callable[[str, int], End]
"""The end of a container by the place of its task (``run-1/each[2]/do``), and how many have ended there before."""


def place(store: ObjectStore, manifest: Manifest) -> str:
    """Return where in its tree a Pod or run is: the same in every life."""
    meta = manifest["metadata"]
    at = meta.get("labels", {})
    if manifest["kind"] == "Pod":
        return f"{place(store, store.get(Kind.JOB_RUN, meta['namespace'], at[labels.RUN]))}/{at[labels.TASK]}"
    parent = manifest["spec"].get("parentRef")
    if parent is None:
        return str(meta["name"])
    index = f"[{parent['index']}]" if "index" in parent else ""
    above = store.get(Kind.JOB_RUN, meta["namespace"], parent["name"])
    return f"{place(store, above)}/{parent['task']}{index}"


class Node:
    """Runs every Pod that has a place in a tree, and binds claims."""

    def __init__(self, store: ObjectStore, script: Script) -> None:
        self._store = store
        self._script = script
        self._ended: Counter[str] = Counter()
        self._lives: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.logs: dict[str, bytes] = {}

    def start(self) -> None:
        """Begin to follow Pods and claims."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._follow(kind)) for kind in (Kind.POD, Kind.CLAIM)]

    async def stop(self) -> None:
        """End everything."""
        tasks = [*self._tasks, *(task for _, task in self._lives.values())]
        for task in tasks:
            task.cancel()
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(answer, Exception):
                raise answer

    async def _follow(self, kind: Kind) -> None:
        while True:
            listing = self._store.list(kind)
            for one in listing.items:
                self._look(kind, one)
            with contextlib.suppress(Expired):
                async for event in self._store.watch(kind, resource_version=listing.resource_version):
                    if event.type != "DELETED":
                        self._look(kind, event.object)
                    elif event.object["metadata"]["uid"] in self._lives:
                        self._lives[event.object["metadata"]["uid"]][0].set()
                return

    def _look(self, kind: Kind, manifest: Manifest) -> None:
        with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError):  # poison is not run
            self._see(kind, manifest)

    def _see(self, kind: Kind, manifest: Manifest) -> None:
        meta = manifest["metadata"]
        if kind is Kind.CLAIM:
            if manifest["status"]["phase"] != "Bound":
                bound = {"status": {"phase": "Bound"}}
                self._store.write(kind, meta["namespace"], meta["name"], bound, uid=meta["uid"])
            return
        if labels.RUN not in meta.get("labels", {}):
            return
        if meta["uid"] not in self._lives and manifest["status"]["phase"] == "Pending":
            stopped = asyncio.Event()
            life = asyncio.get_running_loop().create_task(self._live(manifest, stopped))
            self._lives[meta["uid"]] = (stopped, life)
            life.add_done_callback(lambda _: self._lives.pop(meta["uid"]))
        if "deletionTimestamp" in meta and meta["uid"] in self._lives:
            self._lives[meta["uid"]][0].set()

    async def _live(self, pod: Manifest, stopped: asyncio.Event) -> None:
        meta = pod["metadata"]
        try:
            at = place(self._store, pod)
        except NotFound:
            return  # its run is gone
        began = format_time(utc_now())
        if not self._write(pod, "Running", {"running": {"startedAt": began}}):
            return
        end = self._script(at, self._ended[at])
        deadline = pod["spec"].get("activeDeadlineSeconds")
        late = deadline is not None and deadline < end.seconds
        try:
            async with asyncio.timeout(deadline if late else end.seconds):
                await stopped.wait()
        except TimeoutError:
            if not late:
                told = self._write(pod, "Failed" if end.code else "Succeeded", self._terminated(pod, end, began))
                self._ended[at] += told  # one that was evicted meanwhile has not ended by itself
            else:
                self._write(pod, "Failed", self._terminated(pod, End(143), began), reason="DeadlineExceeded")
            await stopped.wait()
        else:
            self._write(pod, "Failed", self._terminated(pod, End(143), began))
        with contextlib.suppress(NotFound, Conflict):
            self._store.delete(Kind.POD, meta["namespace"], meta["name"], uid=meta["uid"], grace_seconds=0)

    def _write(self, pod: Manifest, phase: str, state: dict[str, Any], reason: str | None = None) -> bool:
        """Write what a kubelet would; False if the Pod is gone or has ended by other means."""
        meta = pod["metadata"]
        status = {"phase": phase, "reason": reason, "containerStatuses": [{"name": "main", "state": state}]}
        try:
            if self._store.get(Kind.POD, meta["namespace"], meta["name"])["status"]["phase"] in ("Failed", "Succeeded"):
                return False
            patch = {"spec": {"nodeName": "fake"}, "status": status}
            self._store.write(Kind.POD, meta["namespace"], meta["name"], patch, uid=meta["uid"])
        except NotFound:
            return False
        return True

    def _terminated(self, pod: Manifest, end: End, began: str) -> dict[str, Any]:
        nonce = pod["metadata"].get("annotations", {}).get(labels.NONCE, "")
        stdout = (end.stdout or "").encode()
        listing = b">a//\n" + b"".join(f"={size} {path}//\n".encode() for path, size in end.files)
        sections = (stdout, end.outputs.encode(), b"", listing if end.files else b"")
        body = b"".join(sections)
        lines = 0
        if len(body) > INLINE:
            log = b"noise\n" + nonce.encode() + b"\n" + body + b"\n" + nonce.encode() + b".\n"
            self.logs[pod["metadata"]["uid"]], lines, body = log, log.count(b"\n"), b""
        elif not nonce:
            self.logs[pod["metadata"]["uid"]] = stdout
        sizes = " ".join(str(len(one)) for one in sections)
        captured = "n" if end.stdout is None else "c"
        message = f"brood1 {nonce} {end.code} {captured} {sizes} {lines}\n{body.decode()}" if nonce else ""
        return {
            "terminated": {
                "exitCode": end.code,
                "reason": "Error" if end.code else "Completed",
                "message": message,
                "startedAt": began,
                "finishedAt": format_time(utc_now() + timedelta(0)),
            }
        }
