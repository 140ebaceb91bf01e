"""Listings, page by page."""

from collections.abc import AsyncIterator
from typing import Any, Final

from brood.cluster.kubernetes.errors import PageExpired
from brood.cluster.kubernetes.resources import RESOURCES, scoped_path
from brood.cluster.kubernetes.transport import Transport, decoded
from brood.cluster.port import Kind, Listing, Manifest, Scope

PAGE: Final = 500
"""Objects in a page."""


async def pages_of(transport: Transport, kind: Kind, scope: Scope) -> AsyncIterator[Listing]:
    """Yield the objects of a kind page by page, all with the resourceVersion of the first page.

    A listing that takes longer than the server remembers is not begun anew: the server offers to go on with the
    remaining objects as they are now, and a watch from the first page's version brings what changed in between.

    Raises
    ------
    Expired
        If the server offers no such thing.
    ApiError
        As any request.
    """
    version, token = "", ""
    while True:
        path = scoped_path(kind, scope, {"limit": str(PAGE), "continue": token})
        try:
            read = decoded(await transport.call("GET", path, verb="list", kind=kind))
        except PageExpired as expired:
            if not token or not expired.token or expired.token == token:
                raise
            token = expired.token
            continue
        meta = read.get("metadata") or {}
        version = version or meta.get("resourceVersion") or ""
        yield Listing(named(read.get("items") or [], kind), version)
        token = meta.get("continue") or ""
        if not token:
            return


def named(items: list[dict[str, Any]], kind: Kind) -> list[Manifest]:
    """Fill in kind and apiVersion, which the items of a built-in type's list lack."""
    api_version = RESOURCES[kind].api_version
    for item in items:
        item.setdefault("kind", kind.value)
        item.setdefault("apiVersion", api_version)
    return items
