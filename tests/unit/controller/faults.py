"""A port between a controller and a cluster that counts writes, and loses some of them when a test says so."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from brood.cluster.port import Kind, Listing, Manifest, Port, Unavailable, WatchEvent


@dataclass(frozen=True)
class Write:
    """One write that the controller asked for."""

    number: int  # counted from 1
    verb: Literal["create", "patch", "status", "delete"]
    kind: Kind
    name: str
    body: Mapping[str, Any]


Verdict = Literal["pass", "lose answer", "refuse", "die after", "die before"] | Exception
"""What becomes of a write: it happens; it happens and the answer is lost; it does not happen; the same, and the process that
asked is cut off from the cluster for ever; or the server answers with that error."""


class FaultyPort:
    """Passes everything on, but what ``judge`` says otherwise of."""

    def __init__(self, port: Port, judge: Callable[[Write], Verdict] = lambda _: "pass") -> None:
        self._port = port
        self.judge = judge
        self.layout = port.layout
        self.writes: list[Write] = []
        self.dead = False

    def _alive(self) -> None:
        if self.dead:
            raise Unavailable("the process is dead")

    def _before(self, verb: Any, kind: Kind, name: str, body: Mapping[str, Any]) -> Verdict:
        self._alive()
        write = Write(len(self.writes) + 1, verb, kind, name, body)
        self.writes.append(write)
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
        verdict = self._before("create", kind, manifest["metadata"]["name"], manifest)
        stored = await self._port.create(kind, manifest, dry_run=dry_run)
        self._after(verdict)
        return stored

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        verdict = self._before(subresource or "patch", kind, name, patch)
        stored = await self._port.patch(kind, namespace, name, patch, subresource=subresource)
        self._after(verdict)
        return stored

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None
    ) -> None:
        verdict = self._before("delete", kind, name, {})
        await self._port.delete(kind, namespace, name, uid=uid, grace_seconds=grace_seconds)
        self._after(verdict)

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        self._alive()
        return await self._port.get(kind, namespace, name)

    async def list(self, kind: Kind, *, namespace: str | None = None, labels: str | None = None) -> Listing:
        self._alive()
        return await self._port.list(kind, namespace=namespace, labels=labels)

    def pages(
        self, kind: Kind, *, namespace: str | None = None, labels: str | None = None
    ) -> AsyncIterator[Listing]:
        self._alive()
        return self._port.pages(kind, namespace=namespace, labels=labels)

    async def watch(
        self, kind: Kind, *, resource_version: str, namespace: str | None = None, labels: str | None = None
    ) -> AsyncIterator[WatchEvent]:
        self._alive()
        stream = self._port.watch(kind, resource_version=resource_version, namespace=namespace, labels=labels)
        async for event in stream:
            self._alive()
            yield event

    async def read_log(self, namespace: str, pod: str, *, tail_lines: int | None = None, limit_bytes: int) -> bytes:
        self._alive()
        return await self._port.read_log(namespace, pod, tail_lines=tail_lines, limit_bytes=limit_bytes)

    async def close(self) -> None:
        """The cluster outlives the process."""
