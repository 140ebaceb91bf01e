"""Rows D16, P6 and P7 with the whole program, on a clock that jumps: a store, a node that ends Pods, and operators that come and go."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from brood.api import labels
from brood.cluster.port import Kind, Manifest
from brood.controller.controller import Controller
from tests import manifests
from tests.local.faults.clock import run, utc_now
from tests.local.faults.node import End
from tests.local.faults.play import Life, Process, Scenario, begun

TASKS = [{"name": "a", "script": "true"}]


def _played(directory: Path, users: Callable[[Life], Coroutine[Any, Any, None]], *, seconds: float = 3) -> Life:
    """Play a day of a definition's life; each of its Pods takes so many seconds."""

    async def whole() -> Life:
        async with begun(Scenario("schedule", (), lambda _at, _before: End(seconds=seconds)), directory) as life:
            await users(life)
        assert life.errors == life.cluster.broken == []
        return life

    return run(whole())


@asynccontextmanager
async def _operator(life: Life) -> AsyncIterator[None]:
    controller = Controller(Process(life.cluster, life.node), life.scenario.config, now=utc_now)
    await controller.start()
    try:
        yield
    finally:
        await controller.stop()


def _define(life: Life, schedule: dict[str, Any], **spec: Any) -> None:
    life.store.create(Kind.JOB_DEFINITION, manifests.definition("tick", tasks=TASKS, schedule=schedule, **spec))


async def _until(hour: int, minute: int, second: int = 0) -> None:
    """Sleep until that time of the first day; it begins at 12:00:30 UTC."""
    now = utc_now()
    await asyncio.sleep((now.replace(hour=hour, minute=minute, second=second) - now) / timedelta(seconds=1))


def _ticks(life: Life) -> list[str]:
    """Return for which minute each run was made, UTC."""
    moments = [run["metadata"]["annotations"][labels.SCHEDULED_TIME] for run in life.runs()]
    return sorted(f"{datetime.fromisoformat(moment):%H:%M}" for moment in moments)


def _phases(life: Life) -> list[str]:
    ordered = sorted(life.runs(), key=lambda one: one["metadata"]["annotations"][labels.SCHEDULED_TIME])
    return [one["status"]["phase"] for one in ordered]


def _events(life: Life, reason: str) -> list[Manifest]:
    return [one for one in life.store.list(Kind.EVENT).items if one["reason"] == reason]


def test_d16_each_tick_makes_one_run_over_restarts_and_of_missed_ones_the_newest_is_made_up_for(tmp_path: Path) -> None:
    async def users(life: Life) -> None:
        _define(life, {"cron": "*/5 13 * * *", "timeZone": "Europe/Berlin"})  # 12:00 to 12:55 UTC
        async with _operator(life):
            await _until(12, 11)
        assert _ticks(life) == ["12:05", "12:10"]
        async with _operator(life):
            await _until(12, 14)
        assert _ticks(life) == ["12:05", "12:10"], "a restart makes nothing again"
        await _until(12, 31)
        async with _operator(life):
            await _until(12, 34)
            assert _ticks(life) == ["12:05", "12:10", "12:30"], "12:15, 12:20 and 12:25 are gone for good"
            await _until(14, 30)

    life = _played(tmp_path, users)
    assert _ticks(life) == ["12:05", "12:10", *(f"12:{minute}" for minute in range(30, 60, 5))]
    assert set(_phases(life)) == {"Succeeded"}
    status = life.store.get(Kind.JOB_DEFINITION, "default", "tick")["status"]
    assert status["nextScheduleTime"] == "2026-01-02T12:00:00Z"


def test_d16_a_tick_that_comes_too_late_is_missed_and_says_so(tmp_path: Path) -> None:
    async def users(life: Life) -> None:
        _define(life, {"cron": "0 * * * *", "startingDeadlineSeconds": 60})
        await _until(13, 2)
        async with _operator(life):
            await _until(13, 30)
        await _until(14, 0, 30)
        async with _operator(life):
            await _until(14, 30)

    life = _played(tmp_path, users)
    assert _ticks(life) == ["14:00"]
    (missed,) = _events(life, "MissedSchedule")
    assert "2026-01-01T13:00:00Z could not start within 60 s" in missed["message"]


def _busy(directory: Path, policy: str) -> Life:
    async def users(life: Life) -> None:
        _define(life, {"cron": "* * * * *"}, concurrency={"maxActiveRuns": 1, "policy": policy})
        async with _operator(life):
            await _until(12, 2, 30)
            waiting = next((one for one in life.runs() if one["status"]["phase"] == "Queued"), None)
            assert (waiting is not None) == (policy == "Queue")
            assert waiting is None or "1 run holds key tick" in waiting["status"]["message"]
            life.store.patch(Kind.JOB_DEFINITION, "default", "tick", {"spec": {"suspend": True}})
            await _until(12, 10)

    return _played(directory, users, seconds=100)


def test_p6_a_tick_while_a_run_is_active_waits_with_queue(tmp_path: Path) -> None:
    life = _busy(tmp_path, "Queue")
    assert (_ticks(life), _phases(life)) == (["12:01", "12:02"], ["Succeeded", "Succeeded"])
    first, second = (one["status"] for one in sorted(life.runs(), key=lambda one: one["status"]["startTime"]))
    assert first["completionTime"] <= second["startTime"]


def test_p6_a_tick_while_a_run_is_active_is_skipped_with_reject(tmp_path: Path) -> None:
    life = _busy(tmp_path, "Reject")
    assert (_ticks(life), _phases(life)) == (["12:01", "12:02"], ["Succeeded", "Rejected"])


def test_p7_a_tick_whose_slot_has_succeeded_is_skipped_and_says_so(tmp_path: Path) -> None:
    async def users(life: Life) -> None:
        _define(life, {"cron": "0 * * * *", "skipIfSuccessful": True})
        async with _operator(life):
            await _until(12, 30)
            life.store.create(Kind.JOB_RUN, manifests.run("by-hand", definitionRef={"name": "tick"}))
            await _until(13, 30)
            assert [one["metadata"]["name"] for one in life.runs()] == ["by-hand"]
            await _until(15, 30)

    life = _played(tmp_path, users)
    made = [one["metadata"].get("annotations", {}).get(labels.SCHEDULED_TIME) for one in life.runs()]
    assert made == [None, "2026-01-01T14:00:00Z", "2026-01-01T15:00:00Z"]
    (skipped,) = _events(life, "SkippedSuccessful")
    assert skipped["message"] == "tick 2026-01-01T13:00:00Z is skipped: by-hand has succeeded in its slot"
