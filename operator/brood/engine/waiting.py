"""When to ask again for something that the server refuses for now."""

from datetime import datetime, timedelta
from math import ceil

_SHORTEST = 1
_LONGEST = 60


def retry_at(since: datetime, now: datetime) -> datetime:
    """Return when to try again: after half the time waited so far, between one second and a minute.

    An exponential back-off that needs no counter: what it depends on is in the status.
    """
    waited = (now - since).total_seconds()
    return now + timedelta(seconds=ceil(min(max(waited / 2, _SHORTEST), _LONGEST)))
