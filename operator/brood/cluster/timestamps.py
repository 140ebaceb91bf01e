"""Times as objects carry them: RFC 3339 in UTC, seconds resolution, ``Z``."""

from datetime import UTC, datetime


def format_time(moment: datetime) -> str:
    """Return ``2026-11-21T09:30:00Z``; fractions of a second are cut off, as metav1.Time does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read any RFC 3339 time (metav1.Time or MicroTime) as UTC; raises ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        msg = f"time without zone: {text!r}"
        raise ValueError(msg)
    return moment.astimezone(UTC)
