"""How often the status of one object is written when nothing but counters and Running marks changed.

Such a write costs the API server as much as one that matters. So it waits a moment, and longer the more of them wait and
the slower the server is: a run that has ended by then is written once.
"""

import time
from collections.abc import Callable, Hashable

FORGOTTEN_SECONDS = 60.0

SLOW_FACTOR = 50.0
"""A write that can wait does so for that many times what writes take now: 0.5 s where they take 10 ms."""
SLOW_SECONDS = 20.0
"""But not longer than this because of it."""
SMOOTHING = 0.1
"""What the newest write counts for in the mean of how long they take."""


class Pace:
    """At most one write of each object per ``interval`` seconds, and none that is younger than ``patience`` seconds.

    Parameters
    ----------
    interval, patience
        Seconds. Without patience the first write goes out at once.
    rate
        Of the objects that wait, so many get their turn in a second.
    clock
        Seconds that only grow.
    """

    def __init__(
        self, interval: float, *, patience: float = 0.0, rate: float = 25.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval
        self._patience = patience
        self._rate = rate
        self._clock = clock
        self._last: dict[Hashable, float] = {}
        self._due: dict[Hashable, float] = {}
        self._takes = 0.0

    def wait(self, key: Hashable, *, prompt: bool = False) -> float:
        """Return in how many seconds the object may be written; 0: now. ``prompt``: people watch it, keep to the interval."""
        now, last = self._clock(), self._last.get(key)
        due = now if last is None else last + self._interval
        if self._patience > 0 and not prompt:
            due = max(due, self._turn(key, now))
        return max(0.0, due - now)

    def _turn(self, key: Hashable, now: float) -> float:
        due = self._due.get(key)
        if due is None:
            self._drop_overdue(now)
            slow = min(SLOW_SECONDS, SLOW_FACTOR * self._takes)
            due = self._due[key] = now + max(self._patience, slow, len(self._due) / self._rate)
        return due

    def _drop_overdue(self, now: float) -> None:
        """Let go of objects that did not come when it was their turn: they are gone."""
        while self._due:
            oldest, due = next(iter(self._due.items()))
            if due >= now - FORGOTTEN_SECONDS:
                return
            del self._due[oldest]

    def wrote(self, key: Hashable, *, seconds: float = 0.0) -> None:
        """Note that the object was written now, and that this took so many seconds."""
        self._last[key] = self._clock()
        self._takes += SMOOTHING * (seconds - self._takes)
        self._due.pop(key, None)

    def forget(self, key: Hashable) -> None:
        """Drop an object that is not written any more."""
        self._last.pop(key, None)
        self._due.pop(key, None)
