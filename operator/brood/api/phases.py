"""Phases: where a task or run is, in one word."""

from enum import StrEnum


class TaskPhase(StrEnum):
    """Where a task is."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    CANCELLED = "Cancelled"

    @property
    def ended(self) -> bool:
        """Whether the task has ended; its row is final then."""
        return self not in (TaskPhase.PENDING, TaskPhase.RUNNING)


class RunPhase(StrEnum):
    """Where a run is; for people, decisions read conditions."""

    PENDING = "Pending"
    QUEUED = "Queued"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    REJECTED = "Rejected"

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self not in (RunPhase.PENDING, RunPhase.QUEUED, RunPhase.RUNNING, RunPhase.SUSPENDED)
