"""What a status write says that was not said before: one story for log lines and metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import structlog

from brood.api.conditions import get_condition
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import ConditionType
from brood.api.status import JobRunStatus, TaskStatus
from brood.views import RunView

_LOG = structlog.get_logger("brood.runs")


@dataclass(frozen=True, slots=True)
class News:
    """What is new in a run's status; durations in seconds, and only as fine as timestamps are."""

    run: RunView  # as it was before
    status: JobRunStatus
    ended_tasks: tuple[tuple[TaskStatus, float | None], ...]  # rows, and seconds from start to end of what had started

    @property
    def queued_seconds(self) -> float | None:
        """How long the run waited for its admission, where that is new."""
        start = self.status.start_time
        if start is None or self.run.status.start_time is not None:
            return None
        return max(0.0, (start - self.run.meta.created_at) / timedelta(seconds=1))

    @property
    def ended(self) -> RunPhase | None:
        """How the run ended, where that is new."""
        return self.status.phase if self.status.finished and not self.run.status.finished else None

    @property
    def run_seconds(self) -> float | None:
        """From admission to the end; None for a run that has not ended or was never admitted."""
        return _between(self.status)


def news_of(run: RunView, status: JobRunStatus) -> News:
    """Return what a status says that the run's present one does not."""
    return News(run, status, tuple((row, _between(row)) for row in _ended(run.status, status)))


def _ended(before: JobRunStatus, after: JobRunStatus) -> Iterator[TaskStatus]:
    """Return the rows of tasks and handlers that ended; one that did not change is mostly the same object."""
    for old, new in ((before.tasks, after.tasks), (before.handlers, after.handlers)):
        known = {row.name: row for row in old}
        for row in new:
            was = known.get(row.name)
            if row is not was and row.phase.ended and not (was is not None and was.phase.ended):
                yield row


def _between(what: JobRunStatus | TaskStatus) -> float | None:
    if what.start_time is None or what.completion_time is None:
        return None
    return max(0.0, (what.completion_time - what.start_time) / timedelta(seconds=1))


def log(news: News) -> None:
    """Write the story of a root run; of what is below it only what failed."""
    root = news.run.is_root
    about = {"namespace": news.run.meta.namespace, "run": news.run.meta.name, "root": news.run.root}
    if root and news.queued_seconds is not None:
        _LOG.info("run admitted", **about, queued_seconds=news.queued_seconds)
    for row, seconds in news.ended_tasks:
        if root or row.phase is TaskPhase.FAILED:
            words = {"phase": row.phase.value, "reason": row.reason, "attempt": row.attempt, "seconds": seconds}
            _LOG.info("task ended", **about, task=row.name, **words)
    if news.ended is not None and (root or news.ended is RunPhase.FAILED):
        result = get_condition(news.status.conditions, ConditionType.SUCCEEDED)
        reason = result.reason if result else ""
        _LOG.info("run ended", **about, phase=news.ended.value, reason=reason, seconds=news.run_seconds)
