"""What happened to the objects of one kind, and who follows it."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

from brood.cluster.port import Expired, Manifest, WatchEvent

WINDOW = 1024
"""So many changes at least stay readable; a watcher that lags further behind gets `Expired`, as it would from an API
server."""

_BOOKMARK_AFTER = WINDOW // 4


@dataclass(frozen=True, slots=True)
class Change:
    """One change, made once and handed to every watcher as it is. ``before`` is None for a creation."""

    version: int
    event: WatchEvent
    before: Manifest | None


Interest = Callable[[Manifest], bool]


class History:
    """A window of changes in order, read by any number of watchers at positions of their own.

    Nothing is queued or copied per watcher: an append wakes those who wait, and they read on from the shared list.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._changes: list[Change] = []
        self._versions: list[int] = []
        self._base = 0  # position of the first change that is kept
        self._floor = 0  # version of the newest change that is not
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False

    def append(
        self, version: int, kind: Literal["ADDED", "MODIFIED", "DELETED"], *, new: Manifest, old: Manifest | None
    ) -> None:
        """Record a change; ``new`` is the object after it, of a deletion its last state."""
        self._changes.append(Change(version, WatchEvent(kind, new), old))
        self._versions.append(version)
        if len(self._changes) > 2 * self._window:
            cut = len(self._changes) - self._window
            self._floor = self._versions[cut - 1]
            self._base += cut
            del self._changes[:cut], self._versions[:cut]
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._wake()

    def expire(self) -> None:
        """Forget all changes, so that whoever resumes has to list again (for tests of that)."""
        self._base += len(self._changes)
        self._floor = max([self._floor, *self._versions[-1:]])
        self._changes.clear()
        self._versions.clear()

    async def follow(self, after: int, interest: Interest | None) -> AsyncIterator[WatchEvent]:
        """Yield what changed after that version.

        An object that begins to interest is ``ADDED`` for this watcher, one that ceases to is ``DELETED``.

        Raises
        ------
        Expired
            Changes after that version are no longer known.
        """
        if after < self._floor:
            raise Expired(f"too old resource version: {after} ({self._floor})")
        position = self._base + bisect_right(self._versions, after)
        passed_over = 0
        while True:
            while position < self._base + len(self._changes):
                if position < self._base:
                    raise Expired("the watcher lags behind the window of changes")
                change = self._changes[position - self._base]
                position += 1
                event = change.event if interest is None else _seen(change, interest)
                if event is not None:
                    passed_over = 0
                    yield event
                    continue
                passed_over += 1
                if passed_over >= _BOOKMARK_AFTER:
                    passed_over = 0
                    yield WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": str(change.version)}})
            if position < self._base:
                raise Expired("the watcher lags behind the window of changes")
            if self._closed:
                return
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter


def _seen(change: Change, interest: Interest) -> WatchEvent | None:
    now = interest(change.event.object)
    if change.event.type == "ADDED":
        return change.event if now else None
    before = change.before is not None and interest(change.before)
    if change.event.type == "DELETED":
        return change.event if before else None
    if now:
        return change.event if before else WatchEvent("ADDED", change.event.object)
    return WatchEvent("DELETED", change.event.object) if before else None
