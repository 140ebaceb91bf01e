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

    run: RunView
    status: JobRunStatus

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

    def ended_tasks(self) -> Iterator[tuple[TaskStatus, float | None]]:
        """Return the rows of tasks and handlers that ended, and the seconds from start to end of those that started."""
        before, after = self.run.status, self.status
        for old, new in ((before.tasks, after.tasks), (before.handlers, after.handlers)):
            known = {row.name for row in old if row.phase.ended}
            for row in new:
                if row.phase.ended and row.name not in known:
                    yield row, _between(row)


def _between(what: JobRunStatus | TaskStatus) -> float | None:
    if what.start_time is None or what.completion_time is None:
        return None
    return max(0.0, (what.completion_time - what.start_time) / timedelta(seconds=1))


def log(news: News) -> None:
    """Write the story of a root run, and each failure in its tree; the rest of the tree at level debug."""
    told = _LOG.info if news.run.is_root else _LOG.debug
    about = {"namespace": news.run.meta.namespace, "run": news.run.meta.name, "root": news.run.root}
    if news.queued_seconds is not None:
        told("run admitted", **about, queued_seconds=news.queued_seconds)
    for row, seconds in news.ended_tasks():
        tell = _LOG.info if row.phase is TaskPhase.FAILED else told
        words = {"phase": row.phase.value, "reason": row.reason, "attempt": row.attempt, "seconds": seconds}
        tell("task ended", **about, task=row.name, **words)
    if news.ended is not None:
        result = get_condition(news.status.conditions, ConditionType.SUCCEEDED)
        tell = _LOG.info if news.ended is RunPhase.FAILED else told
        reason = result.reason if result else ""
        tell("run ended", **about, phase=news.ended.value, reason=reason, seconds=news.run_seconds)
