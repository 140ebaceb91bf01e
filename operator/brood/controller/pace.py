"""How often the status of one object is written when nothing but counters changed."""

import time


class Pace:
    """At most one write of each object per ``interval`` seconds."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last: dict[str, float] = {}

    def wait(self, uid: str) -> float:
        """Return in how many seconds the object may be written again; 0: now."""
        last = self._last.get(uid)
        return 0.0 if last is None else max(0.0, last + self._interval - time.monotonic())

    def wrote(self, uid: str) -> None:
        """Note that the object was written now."""
        self._last[uid] = time.monotonic()

    def forget(self, uid: str) -> None:
        """Drop an object that is not written any more."""
        self._last.pop(uid, None)
