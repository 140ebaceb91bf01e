"""All writes of the operator go through here, so that what was written is known at once."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from brood.cluster.port import Kind, Manifest, Port


class Writer:
    """A port for writing.

    ``seen`` gets each object as the server stored it, so that the next plan knows it even if the watch is late.
    """

    def __init__(self, port: Port, *, seen: Callable[[Kind, Manifest], None]) -> None:
        self._port = port
        self._seen = seen

    def see(self, kind: Kind, manifest: Manifest) -> None:
        """Take an object as it was read, as if the watch had brought it."""
        self._seen(kind, manifest)

    async def create(self, kind: Kind, manifest: Mapping[str, Any]) -> Manifest:
        """Create an object."""
        stored = await self._port.create(kind, manifest)
        self._seen(kind, stored)
        return stored

    async def try_create(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        """Have the server check an object strictly, without storing it."""
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
        stored = await self._port.patch(kind, *about, patch, subresource=subresource)
        self._seen(kind, stored)
        return stored

    async def delete(self, kind: Kind, about: tuple[str, str], *, uid: str, grace_seconds: int | None = None) -> None:
        """Delete the object (namespace, name) with that uid."""
        await self._port.delete(kind, *about, uid=uid, grace_seconds=grace_seconds)
