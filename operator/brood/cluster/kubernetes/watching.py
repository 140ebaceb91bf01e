"""Watches: a stream of JSON lines, one change each."""

import random
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Literal, cast, get_args

import aiohttp

from brood.cluster.kubernetes.errors import error_of_status
from brood.cluster.kubernetes.reading import read_event
from brood.cluster.kubernetes.resources import scoped_path
from brood.cluster.kubernetes.transport import Transport, unanswered
from brood.cluster.port import Kind, Scope, WatchEvent

WATCH_SECONDS: Final = (270, 330)
"""The server is asked to end a watch after so long; spread, so that not all watches end at once."""

SILENCE_SECONDS: Final = 100.0
"""A server sends a bookmark every minute; a stream without a word for so long is dead."""

_Event = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
_EVENTS: Final = get_args(_Event)


async def changes_of(
    transport: Transport,
    kind: Kind,
    scope: Scope,
    *,
    resource_version: str,
    silence: float = SILENCE_SECONDS,
) -> AsyncIterator[WatchEvent]:
    """Yield the changes after a version until the server ends the stream, or has been silent for too long.

    Raises
    ------
    Expired
        If the version is too old.
    Unavailable
        If the connection breaks, or what comes is no watch.
    """
    query = {"allowWatchBookmarks": "true", "resourceVersion": resource_version}
    async for event in events_of(transport, kind, scope, query=query, silence=silence):
        yield event


async def events_of(
    transport: Transport, kind: Kind, scope: Scope, *, query: Mapping[str, str], silence: float
) -> AsyncIterator[WatchEvent]:
    """Yield the events of a watch with such a query."""
    seconds = str(random.randint(*WATCH_SECONDS))  # noqa: S311 - spreads load, guards nothing
    path = scoped_path(kind, scope, {"watch": "1", **query, "timeoutSeconds": seconds})
    async with transport.stream(path, kind=kind, silence=silence) as content:
        async for line in lines_of(content, what=f"watch {kind.value}"):
            yield _event(line, kind)


async def lines_of(content: aiohttp.StreamReader, *, what: str, text: bool = False) -> AsyncIterator[bytes]:
    """Split a stream into lines of any length; ends quietly after a silence that was too long.

    In a ``text`` empty lines count, and a last one without an end; in a watch those are nothing, or a torn event.

    The reader's own ``readline`` gives up on lines longer than its buffer, and an object may have 1.5 MiB and more.
    """
    begun: list[bytes] = []
    try:
        async for chunk in content.iter_any():
            first, *others = chunk.split(b"\n")
            begun.append(first)
            if not others:
                continue
            *whole, last = [b"".join(begun), *others]
            begun = [last]
            for line in whole:
                if line or text:
                    yield line
        if text and (last := b"".join(begun)):
            yield last
    except TimeoutError:
        return
    except (aiohttp.ClientError, OSError) as error:
        raise unanswered(error, what=what) from error


def _event(line: bytes, kind: Kind) -> WatchEvent:
    said, found = read_event(line, kind)
    if said not in _EVENTS:
        raise error_of_status(found if isinstance(found, dict) else {}, code=_code(found))
    return WatchEvent(cast("_Event", said), found)


def _code(status: Any) -> int:
    code = status.get("code") if isinstance(status, dict) else None
    return code if isinstance(code, int) else 0
