"""How often something is put right that somebody undoes each time: less and less often, lest two tools write against each other."""

import time

from brood.controller.backoff import Backoff
from brood.controller.lru import Lru

KEPT = 1_000
LONGEST_SECONDS = 60.0
_PAUSE = Backoff(first=1.0, most=LONGEST_SECONDS, jitter=0.0)


class Patience:
    """The n-th time comes no sooner than 2^n seconds after the one before it, and a minute at most; what rested for long is new."""

    def __init__(self) -> None:
        self._done: Lru[str, tuple[float, int]] = Lru(KEPT)

    def wait(self, uid: str) -> float:
        """Return in how many seconds it may be done again; 0 says that it is done now."""
        now = time.monotonic()
        last, times = self._done.get(uid) or (now - LONGEST_SECONDS, -1)
        pause = _PAUSE.seconds(times + 1) if times >= 0 else 0.0
        if now < last + pause:
            return last + pause - now
        self._done.put(uid, (now, times + 1 if now < last + 2 * LONGEST_SECONDS else 0))
        return 0.0
