"""All writes of the operator go through here: only the leader writes, and what was written is known at once."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from brood.cluster.port import Kind, Manifest, Port


class NotLeader(Exception):
    """Another operator writes now; the pass ends here."""


class Writer:
    """A port for writing.

    ``leader`` is asked before each write; ``seen`` gets each object as the server stored it, so that the next plan
    knows it even if the watch is late.
    """

    def __init__(self, port: Port, *, leader: Callable[[], bool], seen: Callable[[Kind, Manifest], None]) -> None:
        self._port = port
        self._leader = leader
        self._seen = seen

    def see(self, kind: Kind, manifest: Manifest) -> None:
        """Take an object as it was read, as if the watch had brought it."""
        self._seen(kind, manifest)

    def _check(self) -> None:
        if not self._leader():
            raise NotLeader

    async def create(self, kind: Kind, manifest: Mapping[str, Any]) -> Manifest:
        """Create an object."""
        self._check()
        stored = await self._port.create(kind, manifest)
        self._seen(kind, stored)
        return stored

    async def try_create(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        """Have the server check an object strictly, without storing it; a standby leaves that to the leader."""
        self._check()
        await self._port.create(kind, manifest, dry_run=True)

    async def patch(
        self,
        kind: Kind,
        about: tuple[str, str],
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        """Merge a patch into the object (namespace, name)."""
        self._check()
        stored = await self._port.patch(kind, *about, patch, subresource=subresource)
        self._seen(kind, stored)
        return stored

    async def delete(self, kind: Kind, about: tuple[str, str], *, uid: str, grace_seconds: int | None = None) -> None:
        """Delete the object (namespace, name) with that uid."""
        self._check()
        await self._port.delete(kind, *about, uid=uid, grace_seconds=grace_seconds)
