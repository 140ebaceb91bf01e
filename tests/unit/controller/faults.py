"""A port between a controller and a cluster that counts writes, and loses some of them when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Unpack

from brood.cluster.port import Kind, Listing, Manifest, Port, Scope, Unavailable, WatchEvent


@dataclass(frozen=True)
class Write:
    """One write that the controller asked for."""

    number: int  # counted from 1
    verb: Literal["create", "patch", "status", "delete"]
    kind: Kind
    name: str
    body: Mapping[str, Any]


Verdict = Literal["pass", "lose answer", "refuse", "die after", "die before"] | Exception
"""What becomes of a write: it happens; it happens and the answer is lost; it does not happen; both of these again, and
the process that asked is cut off from the cluster for ever; or the server answers with that error."""


class FaultyPort:
    """Passes everything on, but what ``judge`` says otherwise of.

    ``pause`` is awaited before each write, ``watching`` holds all watches back while it is not set, and ``alter``
    changes what is read.
    """

    def __init__(
        self,
        port: Port,
        judge: Callable[[Write], Verdict] = lambda _: "pass",
        *,
        pause: Callable[[Write], Awaitable[None]] | None = None,
        alter: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    ) -> None:
        self._port = port
        self.judge = judge
        self.layout = port.layout
        self.writes: list[Write] = []
        self.dead = False
        self.watching = asyncio.Event()
        self.watching.set()
        self._pause = pause
        self._alter = alter

    def _alive(self) -> None:
        if self.dead:
            raise Unavailable("the process is dead")

    async def _before(self, verb: Any, kind: Kind, name: str, body: Mapping[str, Any]) -> Verdict:
        self._alive()
        write = Write(len(self.writes) + 1, verb, kind, name, body)
        self.writes.append(write)
        if self._pause is not None:
            await self._pause(write)
        verdict = self.judge(write)
        if isinstance(verdict, Exception):
            raise verdict
        if verdict == "die before":
            self.dead = True
        if verdict in {"refuse", "die before"}:
            raise Unavailable("no connection")
        return verdict

    def _after(self, verdict: Verdict) -> None:
        if verdict == "die after":
            self.dead = True
        if verdict in {"lose answer", "die after"}:
            raise Unavailable("the connection broke")

    async def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        if dry_run:  # writes nothing
            self._alive()
            return await self._port.create(kind, manifest, dry_run=True)
        verdict = await self._before("create", kind, manifest["metadata"]["name"], manifest)
        stored = await self._port.create(kind, manifest)
        self._after(verdict)
        return self._alter(stored)

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        verdict = await self._before(subresource or "patch", kind, name, patch)
        stored = await self._port.patch(kind, namespace, name, patch, subresource=subresource)
        self._after(verdict)
        return self._alter(stored)

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None
    ) -> None:
        verdict = await self._before("delete", kind, name, {})
        await self._port.delete(kind, namespace, name, uid=uid, grace_seconds=grace_seconds)
        self._after(verdict)

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        self._alive()
        return self._alter(await self._port.get(kind, namespace, name))

    async def list(self, kind: Kind, **scope: Unpack[Scope]) -> Listing:
        self._alive()
        listing = await self._port.list(kind, **scope)
        return replace(listing, items=[self._alter(one) for one in listing.items])

    async def pages(self, kind: Kind, **scope: Unpack[Scope]) -> AsyncIterator[Listing]:
        self._alive()
        async for page in self._port.pages(kind, **scope):
            yield replace(page, items=[self._alter(one) for one in page.items])

    async def watch(self, kind: Kind, *, resource_version: str, **scope: Unpack[Scope]) -> AsyncIterator[WatchEvent]:
        self._alive()
        stream = self._port.watch(kind, resource_version=resource_version, **scope)
        async for event in stream:
            await self.watching.wait()
            self._alive()
            yield event if event.type == "BOOKMARK" else replace(event, object=self._alter(event.object))

    async def read_log(self, namespace: str, pod: str, *, tail_lines: int | None = None, limit_bytes: int) -> bytes:
        self._alive()
        return await self._port.read_log(namespace, pod, tail_lines=tail_lines, limit_bytes=limit_bytes)

    async def close(self) -> None:
        """Do nothing: the cluster outlives the process."""
