"""The port on a real API server."""

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Literal, Self, Unpack

from brood.cluster.kubernetes.access import Access, open_access
from brood.cluster.kubernetes.layout import KubernetesLayout
from brood.cluster.kubernetes.listing import all_of, pages_of
from brood.cluster.kubernetes.logs import CONTAINER, log_of
from brood.cluster.kubernetes.reading import decoded
from brood.cluster.kubernetes.resources import RESOURCES, collection_path, object_path, with_query
from brood.cluster.kubernetes.transport import IN_FLIGHT, MERGE_PATCH, Observer, Transport, unobserved
from brood.cluster.kubernetes.watching import changes_of
from brood.cluster.port import Kind, Listing, Manifest, Scope, Unavailable, WatchEvent

_NOT_STARTED: Final = ("is waiting to start", "is not available")
"""Words of the refusal to show the log of a container that has none yet."""


class KubernetesPort:
    """A `brood.cluster.port.Port` on a Kubernetes API server, open for all its namespaces. Made by `connect`."""

    def __init__(self, access: Access, transport: Transport) -> None:
        self.layout = KubernetesLayout()
        self.access = access
        self._transport = transport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def probe(self, kind: Kind, *, namespace: str | None = None) -> None:
        """Ask for one object of a kind, to see whether the server knows the kind and lets us list it."""
        path = with_query(collection_path(kind, namespace), {"limit": "1"})
        await self._transport.call("GET", path, verb="list", kind=kind)

    async def list(self, kind: Kind, **scope: Unpack[Scope]) -> Listing:
        """List all objects of a kind."""
        version, items = "", []
        async for page in pages_of(self._transport, kind, scope):
            version = page.resource_version
            items += page.items
        return Listing(items, version)

    def pages(self, kind: Kind, **scope: Unpack[Scope]) -> AsyncIterator[Listing]:
        """Yield the same in groups."""
        return all_of(self._transport, kind, scope)

    def watch(self, kind: Kind, *, resource_version: str, **scope: Unpack[Scope]) -> AsyncIterator[WatchEvent]:
        """Yield changes until the server ends the stream, some five minutes later."""
        return changes_of(self._transport, kind, scope, resource_version=resource_version)

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """Read one object."""
        return decoded(await self._transport.call("GET", object_path(kind, namespace, name), verb="get", kind=kind))

    async def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Create an object; with ``dry_run`` it is only checked, unknown and duplicate fields included."""
        namespace = (manifest.get("metadata") or {}).get("namespace") or "default"
        path = collection_path(kind, namespace)
        if dry_run:
            path = with_query(path, {"dryRun": "All", "fieldValidation": "Strict"})
        body = {"apiVersion": RESOURCES[kind].api_version, "kind": kind.value, **manifest}
        return decoded(await self._transport.call("POST", path, verb="create", kind=kind, body=body))

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        """JSON merge patch of an object, or of its status."""
        path = object_path(kind, namespace, name, subresource)
        return decoded(
            await self._transport.call("PATCH", path, verb="patch", kind=kind, body=patch, content_type=MERGE_PATCH)
        )

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None
    ) -> None:
        """Delete the object with that uid; what it owns follows in the background."""
        options: dict[str, Any] = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        path = object_path(kind, namespace, name)
        await self._transport.call("DELETE", path, verb="delete", kind=kind, body=options)

    async def read_log(self, namespace: str, pod: str, *, tail_lines: int | None = None, limit_bytes: int) -> bytes:
        """Read the log of container ``main``; empty where it has not started."""
        query = {"container": CONTAINER, "limitBytes": str(limit_bytes)}
        if tail_lines is not None:
            query["tailLines"] = str(tail_lines)
        path = with_query(object_path(Kind.POD, namespace, pod, "log"), query)
        try:
            return await self._transport.call("GET", path, verb="log", kind=Kind.POD, accept="*/*")
        except Unavailable as error:
            if any(words in error.message for words in _NOT_STARTED):
                return b""
            raise

    def log_lines(
        self, namespace: str, pod: str, *, follow: bool, tail_lines: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the lines of container ``main``'s log, for people; with ``follow`` until it ends."""
        return log_of(self._transport, namespace, pod, follow=follow, tail_lines=tail_lines)

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()


async def connect(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    in_flight: int = IN_FLIGHT,
    observe: Observer = unobserved,
) -> KubernetesPort:
    """Open a port on the API server that `open_access` finds.

    Raises
    ------
    AccessError
        If there is no way to an API server.
    """
    access = await open_access(kubeconfig, context=context)
    return KubernetesPort(access, Transport(access, in_flight=in_flight, observe=observe))
