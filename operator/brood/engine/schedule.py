"""`schedule`: a run per tick of a clock, or per revision of the definition; `history`: how many of those are kept (§1).

Names are a function of definition and tick (or revision), so a tick makes one run over any number of restarts. Ticks are those of a
CronJob: of several that were missed only the newest is made up for, and `startingDeadlineSeconds` gives up those that are too old.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from brood.api.names import PREFIX_LENGTH, dns_label
from brood.api.phases import RunPhase
from brood.api.schedule import History, Schedule, ticks
from brood.views import DefinitionView, EventRequest, RunView

_GOOD = frozenset({RunPhase.SUCCEEDED, RunPhase.PARTIALLY_SUCCEEDED})
_MOST_TICKS = 100
"""Missed ticks that are counted one by one; with more the search begins anew close to now, as a CronJob's does."""


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A root run that the schedule makes; ``tick`` is None for one per revision."""

    name: str
    tick: datetime | None


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """What the schedule of one definition wants now; the two times and the revision go into its status after the run was made."""

    create: ScheduledRun | None = None
    last_tick: datetime | None = None
    last_revision: str | None = None
    next_tick: datetime | None = None
    deletes: tuple[RunView, ...] = ()
    events: tuple[EventRequest, ...] = ()


def plan_schedule(view: DefinitionView, runs: Iterable[RunView], now: datetime) -> SchedulePlan:
    """Decide what the schedule does at ``now``.

    Parameters
    ----------
    view
        The definition, valid.
    runs
        All its root runs.
    now
        The time, with a zone.
    """
    schedule, status = view.spec.schedule, view.status
    own = list(runs)
    deletes = tuple(_beyond_history(own, view.spec.history))
    if schedule is None or view.meta.deleting:
        return SchedulePlan(
            last_tick=status.last_schedule_time, last_revision=status.last_run_revision, deletes=deletes
        )
    if schedule.on_change:
        return _on_change(view, deletes)
    return _on_tick(view, schedule, own, now, deletes)


def _on_change(view: DefinitionView, deletes: tuple[RunView, ...]) -> SchedulePlan:
    if view.spec.suspend or view.status.last_run_revision == view.revision:
        return SchedulePlan(last_revision=view.status.last_run_revision, deletes=deletes)
    suffix = view.revision.rsplit("-", 1)[-1]
    return SchedulePlan(ScheduledRun(_name(view, suffix), None), last_revision=view.revision, deletes=deletes)


def _on_tick(
    view: DefinitionView, schedule: Schedule, runs: list[RunView], now: datetime, deletes: tuple[RunView, ...]
) -> SchedulePlan:
    since = view.status.last_schedule_time or view.meta.created_at
    before, tick = _newest_tick(schedule, since, now)
    following = _next_tick(schedule, now)
    if tick is None or view.spec.suspend:
        return SchedulePlan(last_tick=view.status.last_schedule_time, next_tick=following, deletes=deletes)
    deadline = schedule.starting_deadline_seconds
    if deadline is not None and now - tick > timedelta(seconds=deadline):
        missed = EventRequest(
            "MissedSchedule", f"tick {tick:%Y-%m-%dT%H:%M:%SZ} could not start within {deadline} s", warning=True
        )
        return SchedulePlan(last_tick=tick, next_tick=following, deletes=deletes, events=(missed,))
    made = ScheduledRun(_name(view, str(int(tick.timestamp()) // 60)), tick)
    if schedule.skip_if_successful and (done := _succeeded_since(runs, before or since, own=made.name)):
        message = f"tick {tick:%Y-%m-%dT%H:%M:%SZ} is skipped: {done.meta.name} has succeeded in its slot"
        skipped = EventRequest("SkippedSuccessful", message)
        return SchedulePlan(last_tick=tick, next_tick=following, deletes=deletes, events=(skipped,))
    return SchedulePlan(made, last_tick=tick, next_tick=following, deletes=deletes)


def _zone(schedule: Schedule) -> ZoneInfo:
    return ZoneInfo(schedule.time_zone or "UTC")


def _newest_tick(schedule: Schedule, since: datetime, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the newest tick in (since, now] and the one before it."""
    zone = _zone(schedule)
    before: datetime | None = None
    newest: datetime | None = None
    for count, local in enumerate(ticks(schedule.cron or "", since.astimezone(zone))):
        tick = local.astimezone(UTC)
        if tick > now:
            break
        before, newest = newest, tick
        if count >= _MOST_TICKS:
            return _newest_before(schedule, now)
    return before, newest


def _newest_before(schedule: Schedule, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the two newest ticks up to now, searched backwards."""
    back = ticks(schedule.cron or "", now.astimezone(_zone(schedule)) + timedelta(minutes=1), reverse=True)
    found = [tick.astimezone(UTC) for _, tick in zip(range(3), back, strict=False) if tick <= now]
    return (found[1] if len(found) > 1 else None), (found[0] if found else None)


def _next_tick(schedule: Schedule, now: datetime) -> datetime | None:
    following = next(ticks(schedule.cron or "", now.astimezone(_zone(schedule))), None)
    return None if following is None else following.astimezone(UTC)


def _succeeded_since(runs: list[RunView], since: datetime, *, own: str) -> RunView | None:
    """Return a run that started at or after a time and succeeded; what the schedule made for another tick is of that slot."""
    for run in runs:
        started, of_slot = run.status.start_time, not run.scheduled or run.meta.name == own
        if of_slot and run.status.phase in _GOOD and started is not None and started >= since:
            return run
    return None


def _beyond_history(runs: list[RunView], history: History) -> Iterable[RunView]:
    """Yield the oldest ended runs that the schedule made, beyond the limits; those that a GitOps tool owns stay."""
    made = [run for run in runs if run.scheduled and run.status.finished and not run.gitops and not run.meta.deleting]
    for limit, wanted in ((history.successful, True), (history.failed, False)):
        ended = [run for run in made if (run.status.phase in _GOOD) is wanted]
        ended.sort(key=lambda run: (run.status.completion_time or run.meta.created_at, run.meta.name))
        yield from ended[: max(len(ended) - limit, 0)]


def _name(view: DefinitionView, suffix: str) -> str:
    """Return the name of a run, at most 63 characters."""
    return f"{dns_label(view.meta.name)[:PREFIX_LENGTH].rstrip('-')}-{suffix}"[:63]
