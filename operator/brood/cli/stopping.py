"""Signals as requests to stop: once Interrupt, twice Terminate, a third time at once."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(IntEnum):
    """How urgently the command was told to stop."""

    NO = 0
    INTERRUPT = 1
    TERMINATE = 2
    NOW = 3


class Stopping:
    """What was asked so far.

    Contract §4: "The first INT or TERM sets `shutdown: Interrupt` on all its runs, the second `Terminate`." HUP means
    that nobody is there any more who could ask twice: it terminates. After that every signal means at once: processes
    are killed.
    """

    def __init__(self) -> None:
        self.level = Stop.NO
        self._changed = asyncio.Event()

    def receive(self, signum: int) -> None:
        """Take a signal into account."""
        if signum == signal.SIGHUP and self.level < Stop.TERMINATE:
            self.ask(Stop.TERMINATE)
        else:
            self.ask(Stop(min(self.level + 1, Stop.NOW)))

    def ask(self, level: Stop) -> None:
        """Ask for at least that much."""
        self.level = max(self.level, level)
        self._changed.set()

    async def above(self, level: Stop) -> Stop:
        """Wait until more was asked than that."""
        while self.level <= level:
            self._changed.clear()
            await self._changed.wait()
        return self.level

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Receive signals in the running loop; whatever they did before is restored at the end."""
        loop = asyncio.get_running_loop()
        before = {one: signal.getsignal(one) for one in SIGNALS}
        if before[signal.SIGHUP] is signal.SIG_IGN:  # nohup
            del before[signal.SIGHUP]
        for one in before:
            loop.add_signal_handler(one, self.receive, one)
        try:
            yield
        finally:
            for one, handler in before.items():
                loop.remove_signal_handler(one)
                signal.signal(one, handler)
