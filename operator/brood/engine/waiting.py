"""When to ask again for something that the server refuses for now, and how such a moment is told."""

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


def clock_time(at: datetime, now: datetime) -> str:
    """Return a moment for people: the time of day, with its date where that is another one."""
    return f"{at:%H:%M:%S} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S} UTC"
