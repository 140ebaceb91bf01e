"""The local cluster: a port like that of Kubernetes, without a server, with Pods as processes."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, Unpack

from brood.cluster.local.layout import LocalLayout
from brood.cluster.local.logs import last_lines
from brood.cluster.local.node import LocalNode
from brood.cluster.local.store import ObjectStore
from brood.cluster.port import Kind, Listing, Manifest, Scope, WatchEvent

_LOG_LIMIT: Final = 1 << 28
"""Bytes; a log that is shown to people."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalCluster:
    """A `brood.cluster.port.Port` on this machine.

    Objects live in memory and are shared, not copied: what a call returns must not be changed. Pods run as processes of
    the caller's user, with ``PATH``, ``HOME``, ``LANG`` and the like of the caller's environment and nothing else of
    it; images are ignored. `close` ends every process.

    Parameters
    ----------
    state_dir
        Holds volumes, logs and the directories of running Pods; made if need be, left in place at the end.
    keep_pods
        Leave the directories of ended Pods too.
    run_pods
        False: Pods stay Pending; for tests that play the kubelet themselves.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        keep_pods: bool = False,
        run_pods: bool = True,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.layout = LocalLayout(state_dir.resolve())
        self.store = ObjectStore(clock)
        self._node = LocalNode(self.store, self.layout, clock=clock, keep_pods=keep_pods) if run_pods else None

    async def start(self) -> Self:
        """Begin to run Pods."""
        self.layout.state.mkdir(parents=True, exist_ok=True)
        if self._node is not None:
            await self._node.start()
        return self

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def list(self, kind: Kind, **scope: Unpack[Scope]) -> Listing:
        """List objects."""
        return self.store.list(kind, **scope)

    async def pages(self, kind: Kind, **scope: Unpack[Scope]) -> AsyncIterator[Listing]:
        """List objects page by page."""
        for page in self.store.pages(kind, **scope):
            yield page

    def watch(self, kind: Kind, *, resource_version: str, **scope: Unpack[Scope]) -> AsyncIterator[WatchEvent]:
        """Yield changes after ``resource_version`` until the cluster is closed."""
        return self.store.watch(kind, resource_version=resource_version, **scope)

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """Read one object."""
        return self.store.get(kind, namespace, name)

    async def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Create an object."""
        return self.store.create(kind, manifest, dry_run=dry_run)

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        """JSON merge patch."""
        return self.store.patch(kind, namespace, name, patch, subresource=subresource)

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None
    ) -> None:
        """Delete the object with that uid."""
        self.store.delete(kind, namespace, name, uid=uid, grace_seconds=grace_seconds)

    async def read_log(self, namespace: str, pod: str, *, tail_lines: int | None = None, limit_bytes: int) -> bytes:
        """Read the log of container ``main``; empty where it has not started."""
        self.store.get(Kind.POD, namespace, pod)
        return last_lines(self.layout.log(namespace, pod), count=tail_lines, limit=limit_bytes)

    async def log_lines(
        self, namespace: str, pod: str, *, follow: bool, tail_lines: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the lines of a log as it is now; ``follow`` has no meaning where nothing runs any more."""
        del follow
        for line in (await self.read_log(namespace, pod, tail_lines=tail_lines, limit_bytes=_LOG_LIMIT)).splitlines():
            yield line

    async def close(self) -> None:
        """End all watches, kill every process and wait until they are gone."""
        self.store.close()
        if self._node is not None:
            await self._node.close()
