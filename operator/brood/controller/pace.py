"""How often the status of one object is written when nothing but counters and Running marks changed.

Such a write costs the API server as much as one that matters. So it waits a moment, and longer the more of them wait: a
run that has ended by then is written once.
"""

import time
from collections.abc import Callable

FORGOTTEN_SECONDS = 60.0


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
        self._last: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def wait(self, uid: str) -> float:
        """Return in how many seconds the object may be written; 0: now."""
        now, last = self._clock(), self._last.get(uid)
        due = now if last is None else last + self._interval
        if self._patience > 0:
            due = max(due, self._turn(uid, now))
        return max(0.0, due - now)

    def _turn(self, uid: str, now: float) -> float:
        due = self._due.get(uid)
        if due is None:
            self._drop_overdue(now)
            due = self._due[uid] = now + max(self._patience, len(self._due) / self._rate)
        return due

    def _drop_overdue(self, now: float) -> None:
        """Let go of objects that did not come when it was their turn: they are gone."""
        while self._due and (oldest := next(iter(self._due))) and self._due[oldest] < now - FORGOTTEN_SECONDS:
            del self._due[oldest]

    def wrote(self, uid: str) -> None:
        """Note that the object was written now."""
        self._last[uid] = self._clock()
        self._due.pop(uid, None)

    def forget(self, uid: str) -> None:
        """Drop an object that is not written any more."""
        self._last.pop(uid, None)
        self._due.pop(uid, None)
