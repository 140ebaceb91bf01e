"""What the newest Event about an object says, in one line."""

from collections.abc import Iterable

from brood.cluster.port import Manifest


def newest_event(events: Iterable[Manifest]) -> str:
    """Return reason and message of the newest Event, "" where there is none; of two of one second the warning."""
    found = max(events, key=_age, default=None)
    if found is None:
        return ""
    said = " ".join(str(found.get("message") or "").split())
    return f"{found.get('reason')}: {said}"


def _age(event: Manifest) -> tuple[str, bool]:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    when = next((str(one) for one in times if one), str(event["metadata"].get("creationTimestamp") or ""))
    return when[: len("2026-01-01T00:00:00")], event.get("type") == "Warning"
