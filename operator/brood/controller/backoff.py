"""How long something that failed waits before it is tried again."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits in seconds: ``first``, twice that, … up to ``most``, each shortened at random by up to ``jitter`` of it."""

    first: float = 0.05
    most: float = 30.0
    jitter: float = 0.2

    def seconds(self, failures: int) -> float:
        """Return the wait after so many failures one after another (≥ 1)."""
        wait = min(self.most, self.first * 2.0 ** min(failures - 1, 40))
        return wait * (1 - self.jitter * random.random())  # noqa: S311 - spreads load, guards nothing
