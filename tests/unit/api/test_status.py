from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import TaskReason
from brood.api.status import (
    ArtifactFile,
    ArtifactsStatus,
    Condition,
    ItemsStatus,
    JobDefinitionStatus,
    JobRunStatus,
    OutputRef,
    RunSummary,
    TaskStatus,
    definition_status_from_json,
    run_status_from_json,
    status_to_json,
)

START = datetime(2026, 1, 1, 12, tzinfo=UTC)

FULL = JobRunStatus(
    observed_generation=1,
    phase=RunPhase.RUNNING,
    message="waits",
    conditions=(Condition("Admitted", "True", "Admitted", "", START, 1),),
    revision="video-1",
    progress="1/2",
    start_time=START,
    summary=RunSummary(total=2, running=1, succeeded=1),
    tasks=(
        TaskStatus(
            "split", TaskPhase.SUCCEEDED, attempt=1, exit_code=0, pod_name="p", start_time=START, outputs={"A": "b"}
        ),
        TaskStatus(
            "encode",
            TaskPhase.RUNNING,
            reason=TaskReason.EXIT_CODE,
            items=ItemsStatus(
                total=20, running=1, succeeded=18, failed=1, completed_indexes="0-16,18", failed_indexes="17"
            ),
        ),
    ),
    outputs={"NAME": "value"},
    output_refs={"BIG": OutputRef("cm", "BIG")},
    handlers=(TaskStatus("onExit"),),
    artifacts=ArtifactsStatus(
        "claim", 1, (ArtifactFile("split", "video.1", 123, "file:///x/video.1"),), OutputRef("l", "k")
    ),
)


def test_a_status_is_read_as_it_was_written() -> None:
    assert run_status_from_json(status_to_json(FULL)) == FULL
    definition = JobDefinitionStatus(observed_generation=3, revision="a-1", active_runs=2, next_schedule_time=START)
    assert definition_status_from_json(status_to_json(definition)) == definition


def test_a_status_is_written_in_the_words_of_the_contract() -> None:
    wire = status_to_json(FULL)
    assert wire["summary"] == {
        "total": 2,
        "pending": 0,
        "running": 1,
        "succeeded": 1,
        "failed": 0,
        "cancelled": 0,
        "skipped": 0,
    }
    split, encode = wire["tasks"]
    assert split == {
        "name": "split",
        "phase": "Succeeded",
        "attempt": 1,
        "infraRetries": 0,
        "failures": 0,
        "exitCode": 0,
        "podName": "p",
        "startTime": "2026-01-01T12:00:00Z",
        "outputs": {"A": "b"},
    }
    assert encode["reason"] == "ExitCode"
    assert encode["items"]["completedIndexes"] == "0-16,18"
    assert "skippedIndexes" not in encode["items"]
    assert wire["outputRefs"] == {"BIG": {"configMap": "cm", "key": "BIG"}}
    assert wire["artifacts"]["files"] == [{"task": "split", "path": "video.1", "size": 123, "url": "file:///x/video.1"}]


def test_an_empty_message_at_the_top_overwrites_an_old_one() -> None:
    assert status_to_json(JobRunStatus())["message"] == ""


def test_times_are_utc_with_whole_seconds() -> None:
    local = datetime(2026, 1, 1, 13, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert status_to_json(JobRunStatus(start_time=local))["startTime"] == "2026-01-01T12:00:00Z"


@pytest.mark.parametrize("data", [None, {}, {"observedGeneration": -1}])
def test_a_run_that_nobody_has_seen_has_an_empty_status(data: Any) -> None:
    status = run_status_from_json(data)
    assert status == JobRunStatus()
    assert (status.observed_generation, status.phase, status.finished) == (-1, None, False)


def test_what_a_newer_operator_wrote_is_dropped() -> None:
    status = run_status_from_json({"phase": "Failed", "novel": 1, "tasks": [{"name": "a", "novel": 1}]})
    assert status == JobRunStatus(phase=RunPhase.FAILED, tasks=(TaskStatus("a"),))


@pytest.mark.parametrize("data", [{"phase": "Odd"}, {"tasks": [{}]}, {"startTime": "yesterday"}, [], "x"])
def test_what_is_no_status_is_refused(data: Any) -> None:
    with pytest.raises(ValidationError):
        run_status_from_json(data)


@pytest.mark.parametrize("phase", list(RunPhase))
def test_a_run_has_finished_in_the_phases_that_are_an_end(phase: RunPhase) -> None:
    ends = {"Succeeded", "PartiallySucceeded", "Failed", "Cancelled", "Rejected"}
    assert JobRunStatus(phase=phase, completion_time=datetime(2026, 1, 1, tzinfo=UTC)).finished is (phase.value in ends)


def test_a_phase_that_somebody_else_wrote_is_no_end() -> None:
    assert not JobRunStatus(phase=RunPhase.SUCCEEDED).finished


@pytest.mark.parametrize("phase", list(TaskPhase))
def test_a_task_has_ended_unless_it_is_pending_or_running(phase: TaskPhase) -> None:
    assert phase.ended is (phase.value not in {"Pending", "Running"})
