"""A loop whose clock jumps: when nothing is left to do, it is the time of the next timer.

A controller, a node and users that wait for minutes take milliseconds, and the same seed gives the same life.
"""

import asyncio
import random
import selectors
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest import mock

from brood.cluster.informer import Informer
from brood.controller.pace import Pace

T = TypeVar("T")

START = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
LONGEST = 6 * 3600.0
"""Seconds on that clock after which a life is stuck."""


class Stuck(AssertionError):
    """Nothing is left that could ever happen, or it takes for ever."""


class _NoFiles(selectors.DefaultSelector):
    """Waits for nothing: says how long the loop would have waited."""

    skipped: float = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Take a wait for over at once."""
        found = super().select(0)
        if found:
            return found
        if timeout is None:
            raise Stuck("nothing is left that could ever happen")
        self.skipped += max(0.0, timeout)
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """Its time starts at 0 and jumps from timer to timer."""

    def __init__(self) -> None:
        self._files = _NoFiles()
        super().__init__(self._files)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the seconds since the start."""
        return self._files.skipped


def utc_now() -> datetime:
    """Return the time on the running loop's clock."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def run(life: Coroutine[Any, Any, T], *, seed: int = 0) -> T:
    """Run a life on a loop of its own; what is drawn at random depends on the seed alone."""

    async def limited() -> T:
        try:
            async with asyncio.timeout(LONGEST):
                return await life
        except TimeoutError:
            raise Stuck(f"not done within {LONGEST} s") from None

    before = random.getstate()
    random.seed(seed)
    try:
        with (
            asyncio.Runner(loop_factory=JumpingLoop) as runner,
            mock.patch("time.monotonic", runner.get_loop().time),
            mock.patch.dict(Pace.__init__.__kwdefaults__, clock=runner.get_loop().time),
            mock.patch.dict(Informer.__init__.__kwdefaults__, clock=runner.get_loop().time),
            mock.patch("uuid.uuid4", lambda: uuid.UUID(int=random.getrandbits(128), version=4)),  # noqa: PT008 - a new one each time
        ):
            return runner.run(limited())
    finally:
        random.setstate(before)
