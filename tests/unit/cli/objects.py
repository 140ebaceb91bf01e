"""Runs as they are stored, made by hand."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def at(seconds: int) -> str:
    """Return a time on the wire, so many seconds after `START`."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def task(name: str, phase: str = "Succeeded", **more: Any) -> dict[str, Any]:
    """Return a row of a status."""
    times = {}
    if phase not in ("Pending", "Skipped"):
        times["startTime"] = at(0)
    if phase in ("Succeeded", "Failed"):
        times["completionTime"] = at(2)
    return {"name": name, "phase": phase, "attempt": 1, **times, **more}


def job_run(
    name: str,
    phase: str | None = "Running",
    tasks: Sequence[Mapping[str, Any]] = (),
    *,
    parent: tuple[str, str, int | None] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """Return a JobRun; ``parent`` is (name, task, index)."""
    metadata: dict[str, Any] = {"namespace": "default", "name": name, "uid": f"uid-{name}", "creationTimestamp": at(0)}
    spec: dict[str, Any] = {"definitionRef": {"name": "some"}}
    if parent is not None:
        above, row, index = parent
        spec["parentRef"] = {"name": above, "uid": f"uid-{above}", "task": row}
        if index is not None:
            spec["parentRef"]["index"] = index
    found: dict[str, Any] = {"tasks": [dict(one) for one in tasks], **status}
    if phase is not None:
        found |= {"phase": phase, "startTime": at(0)}
        if phase not in ("Pending", "Queued", "Running", "Suspended"):
            found["completionTime"] = at(5)
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobRun",
        "metadata": metadata,
        "spec": spec,
        "status": found,
    }
