"""The log of a Pod as a stream of lines."""

from collections.abc import AsyncIterator
from typing import Final

from brood.cluster.kubernetes.resources import object_path, with_query
from brood.cluster.kubernetes.transport import Transport
from brood.cluster.kubernetes.watching import lines_of
from brood.cluster.port import Kind

CONTAINER: Final = "main"


async def log_of(
    transport: Transport, namespace: str, pod: str, *, follow: bool, tail_lines: int | None
) -> AsyncIterator[bytes]:
    """Yield the lines of container ``main``, with ``follow`` until it ends; a silence of any length is none of ours."""
    query = {
        "container": CONTAINER,
        "follow": "true" if follow else "",
        "tailLines": "" if tail_lines is None else str(tail_lines),
    }
    path = with_query(object_path(Kind.POD, namespace, pod, "log"), query)
    async with transport.stream(path, kind=Kind.POD, silence=None, accept="*/*") as content:
        async for line in lines_of(content, what=f"log {pod}", text=True):
            yield line
