"""Whose request goes out next: limits of our own, so that one operator leaves room for others on a small API server."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from brood.lanes import LANE, Lanes

BURST_SECONDS: Final = 1.0
"""What was not asked for within so long may be asked for at once."""


class Turns:
    """At most ``in_flight`` requests at once, of which at most ``rate`` begin in a second (None: any number).

    Those that wait take turns by `brood.lanes.LANE`.
    """

    def __init__(
        self,
        *,
        in_flight: int,
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._free = in_flight
        self._waiting: Lanes[asyncio.Future[None]] = Lanes(lambda _: LANE.get())
        self._between = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        await self._acquire()
        try:
            if self._between:
                now = self._clock()
                at = max(self._next, now - BURST_SECONDS)
                self._next = at + self._between
                if at > now:
                    await self._sleep(at - now)
            yield
        finally:
            self._release()

    async def _acquire(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given just now
                self._release()
            raise

    def _release(self) -> None:
        """Give the slot to who is next; those that were cancelled while they waited want none."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
