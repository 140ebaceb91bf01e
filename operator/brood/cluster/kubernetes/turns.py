"""Whose request goes out next: limits of our own, so that one operator leaves room for others on a small API server."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

BURST_SECONDS: Final = 1.0
"""What was not asked for within so long may be asked for at once."""


class Turns:
    """At most ``in_flight`` requests at once, of which at most ``rate`` begin in a second (None: any number)."""

    def __init__(
        self,
        *,
        in_flight: int,
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._slots = asyncio.Semaphore(in_flight)
        self._between = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        async with self._slots:
            if self._between:
                now = self._clock()
                at = max(self._next, now - BURST_SECONDS)
                self._next = at + self._between
                if at > now:
                    await self._sleep(at - now)
            yield
