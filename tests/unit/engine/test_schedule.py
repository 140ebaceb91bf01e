"""Rows D16, P6 and P7: schedules under a fake clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.jobrun import JobRunSpec, RunDefinitionRef
from brood.api.phases import RunPhase
from brood.api.status import JobDefinitionStatus, JobRunStatus
from brood.engine.schedule import SchedulePlan, plan_schedule
from brood.engine.validate import problems
from brood.views import DefinitionView, Meta, RunView

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def definition(schedule: dict[str, Any], **spec: Any) -> DefinitionView:
    body = JobDefinitionSpec.from_json({"tasks": [{"name": "a"}], "schedule": schedule, **spec})
    return DefinitionView(Meta("ns", "nightly", "u", "1", NOON), body, JobDefinitionStatus(), "nightly-abcdefghij")


def run(name: str, phase: RunPhase, started: datetime, *, scheduled: bool = True, gitops: bool = False) -> RunView:
    status = JobRunStatus(phase=phase, start_time=started, completion_time=started + timedelta(seconds=30))
    spec = JobRunSpec(definition_ref=RunDefinitionRef(name="nightly"))
    return RunView(Meta("ns", name, name, "1", started), spec, status, root=name, scheduled=scheduled, gitops=gitops)


def after(view: DefinitionView, plan: SchedulePlan) -> DefinitionView:
    """Return the definition with what the plan says in its status."""
    status = replace(
        view.status,
        last_schedule_time=plan.last_tick,
        next_schedule_time=plan.next_tick,
        last_run_revision=plan.last_revision,
    )
    return replace(view, status=status)


def test_d16_a_tick_makes_one_run_with_a_name_of_its_own_over_restarts() -> None:
    view = definition({"cron": "*/5 * * * *"})
    first = plan_schedule(view, (), NOON + timedelta(minutes=5, seconds=1))
    again = plan_schedule(view, (), NOON + timedelta(minutes=5, seconds=40))
    assert first.create is not None
    assert again.create == first.create, (
        "a crash before the status was written: the same name, so the create meets the first run"
    )
    assert first.next_tick == NOON + timedelta(minutes=10)
    done = plan_schedule(after(view, first), (), NOON + timedelta(minutes=5, seconds=41))
    assert done.create is None
    following = plan_schedule(after(view, first), (), NOON + timedelta(minutes=10))
    assert following.create is not None
    assert following.create.name != first.create.name


def test_d16_ticks_are_in_the_time_zone_and_skip_the_hour_that_summer_time_takes() -> None:
    view = definition({"cron": "30 2 * * *", "timeZone": "Europe/Berlin"})
    before = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
    view = replace(view, meta=replace(view.meta, created_at=before))
    plan = plan_schedule(view, (), before)
    assert plan.next_tick == datetime(2026, 3, 28, 1, 30, tzinfo=UTC)
    spring = plan_schedule(view, (), datetime(2026, 3, 29, 12, 0, tzinfo=UTC))
    assert spring.next_tick == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_d16_a_question_mark_is_any_day_as_for_a_cronjob() -> None:
    plan = plan_schedule(definition({"cron": "0 6 ? * MON"}), (), NOON)  # a Monday
    assert plan.next_tick == datetime(2026, 6, 8, 6, 0, tzinfo=UTC)
    late = plan_schedule(definition({"cron": "*/5 * ? * ?"}), (), NOON + timedelta(days=40, minutes=3))
    assert late.last_tick == NOON + timedelta(days=40)


def test_d16_of_several_missed_ticks_only_the_newest_is_made_up_for() -> None:
    view = definition({"cron": "*/5 * * * *"})
    for late in (timedelta(minutes=23), timedelta(days=40, minutes=3)):
        plan = plan_schedule(view, (), NOON + late)
        assert plan.create is not None
        assert plan.last_tick is not None
        assert NOON + late - plan.last_tick < timedelta(minutes=5)


def test_d16_a_tick_past_its_start_deadline_is_missed_and_said_so() -> None:
    view = definition({"cron": "0 * * * *", "startingDeadlineSeconds": 60})
    plan = plan_schedule(view, (), NOON + timedelta(hours=1, minutes=2))
    assert plan.create is None
    assert plan.last_tick == NOON + timedelta(hours=1)
    assert [event.reason for event in plan.events] == ["MissedSchedule"]
    assert plan_schedule(view, (), NOON + timedelta(hours=1, seconds=59)).create is not None


def test_p6_a_tick_while_a_run_is_active_makes_its_run_whose_key_then_decides() -> None:
    view = definition({"cron": "*/5 * * * *"}, concurrency={"maxActiveRuns": 1, "policy": "Reject"})
    active = run("nightly-1", RunPhase.RUNNING, NOON)
    assert plan_schedule(view, (active,), NOON + timedelta(minutes=5)).create is not None


def test_p7_a_tick_whose_slot_has_succeeded_is_skipped_and_says_so() -> None:
    view = definition({"cron": "0 * * * *", "skipIfSuccessful": True})
    view = after(view, SchedulePlan(last_tick=NOON))
    by_hand = run("by-hand", RunPhase.SUCCEEDED, NOON + timedelta(minutes=30), scheduled=False)
    plan = plan_schedule(view, (by_hand,), NOON + timedelta(hours=1))
    assert plan.create is None
    assert "by-hand" in plan.events[0].message
    failed = run("by-hand", RunPhase.FAILED, NOON + timedelta(minutes=30))
    assert plan_schedule(view, (failed,), NOON + timedelta(hours=1)).create is not None
    earlier = run("earlier", RunPhase.SUCCEEDED, NOON - timedelta(minutes=30), scheduled=False)
    assert plan_schedule(view, (earlier,), NOON + timedelta(hours=1)).create is not None


def test_p7_the_run_of_one_tick_does_not_skip_the_next() -> None:
    view = definition({"cron": "0 * * * *", "skipIfSuccessful": True})
    runs: list[RunView] = []
    for hour in range(1, 4):
        plan = plan_schedule(view, runs, NOON + timedelta(hours=hour, seconds=1))
        assert plan.create is not None
        runs.append(run(plan.create.name, RunPhase.SUCCEEDED, NOON + timedelta(hours=hour, seconds=1)))
        lost = plan_schedule(view, runs, NOON + timedelta(hours=hour, seconds=9))  # the status that tells of the tick
        assert (lost.create, lost.last_tick) == (None, plan.last_tick)
        view = after(view, plan)


def test_a_suspended_definition_makes_no_runs() -> None:
    for schedule in ({"cron": "*/5 * * * *"}, {"onChange": True}):
        view = definition(schedule, suspend=True)
        assert plan_schedule(view, (), NOON + timedelta(hours=1)).create is None


def test_on_change_makes_one_run_per_revision_also_when_that_run_is_deleted() -> None:
    view = definition({"onChange": True})
    plan = plan_schedule(view, (), NOON)
    assert plan.create is not None
    assert plan.create.name == "nightly-abcdefghij"
    assert plan_schedule(after(view, plan), (), NOON).create is None
    changed = replace(after(view, plan), revision="nightly-klmnopqrst")
    assert plan_schedule(changed, (), NOON).create is not None


def test_history_deletes_the_oldest_scheduled_runs_beyond_its_limits() -> None:
    view = definition({"cron": "0 * * * *"}, history={"successful": 1, "failed": 0})
    runs = [run(f"good-{at}", RunPhase.SUCCEEDED, NOON + timedelta(minutes=at)) for at in range(3)]
    runs.append(run("bad", RunPhase.FAILED, NOON))
    runs.append(run("active", RunPhase.RUNNING, NOON - timedelta(days=1)))
    runs.append(run("by-hand", RunPhase.SUCCEEDED, NOON - timedelta(days=1), scheduled=False))
    runs.append(run("git", RunPhase.SUCCEEDED, NOON - timedelta(days=1), gitops=True))
    deleted = [one.meta.name for one in plan_schedule(view, runs, NOON).deletes]
    assert deleted == ["good-0", "good-1", "bad"]


def test_an_unknown_time_zone_is_found_before_any_tick() -> None:
    spec = definition({"cron": "0 * * * *", "timeZone": "Mars/Base"}).spec
    assert [problem.path for problem in problems(spec)] == ["spec.schedule.timeZone"]
