"""Times as objects carry them, read."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4096)
def parse_time(text: str) -> datetime:
    """Read any RFC 3339 time (metav1.Time or MicroTime) as UTC; raises ValueError for anything else.

    The same text gives the same object: thousands of objects are made and changed within the same second.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without zone: {text!r}")
    return moment.astimezone(UTC)
