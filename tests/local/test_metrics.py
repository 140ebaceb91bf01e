"""Metrics and log lines of whole runs: what they say, and that they stay few however much there is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind
from brood.controller import series
from brood.controller.controller import Controller
from brood.controller.logs import add_subject
from brood.controller.metrics import Metrics
from tests import manifests
from tests.unit.controller.world import QUICK, controlled, ended, local, phase, until_true

LIMITED = replace(QUICK, max_runs=5, max_pods=9, pools={"gpu": 2})
PARTS = [
    {"name": "good", "script": "true"},
    {"name": "bad", "script": "exit 3", "continueOn": {"failure": True}},
    {"name": "idle", "script": "true", "when": "{{ 1 == 2 }}"},
]


@asynccontextmanager
async def measured(cluster: LocalCluster) -> AsyncIterator[tuple[Metrics, Controller]]:
    holder: list[Controller] = []
    metrics = Metrics(controller=lambda: holder[0] if holder else None, leading=lambda: True, lease="l")
    async with controlled(cluster, LIMITED, on_pass=metrics.passed, on_news=[metrics.wrote]) as controller:
        holder.append(controller)
        yield metrics, controller


def values(metrics: Metrics) -> dict[str, float]:
    """Return the samples that have a value: `name{label=value}` with the labels in their order."""
    found = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for one in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in one.labels.items())
            found[f"{one.name}{{{labels}}}" if labels else one.name] = one.value
    return found


async def test_what_runs_and_tasks_took_is_counted_once_at_their_end(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster, measured(cluster) as (metrics, _):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PARTS))
        await cluster.create(Kind.JOB_RUN, manifests.run())
        await ended(cluster, "run-1")
        await until_true(lambda: "brood_run_duration_seconds_count" in str(values(metrics)), "the end was not counted")
        found = values(metrics)
    assert found["brood_run_queue_seconds_count"] == 1
    assert found["brood_run_duration_seconds_count{level=root,phase=PartiallySucceeded}"] == 1
    assert found["brood_task_duration_seconds_count{phase=Succeeded}"] == 1
    assert found["brood_task_duration_seconds_count{phase=Failed}"] == 1
    assert "brood_task_duration_seconds_count{phase=Skipped}" not in found, "it never started"
    assert 1 <= found["workqueue_work_duration_seconds_count{name=runs}"] <= found["workqueue_adds_total{name=runs}"]


async def test_slots_are_shown_beside_their_limits_and_pools_without_a_size_together(tmp_path: Path) -> None:
    pools = ["gpu", "one-of-many-{{ run.name }}"]
    definition = manifests.definition(tasks=[{"name": "do", "script": "true", "pools": pools}])
    async with local(tmp_path, run_pods=False) as cluster, measured(cluster) as (metrics, _):
        await cluster.create(Kind.JOB_DEFINITION, definition)
        for name in ("a", "b", "c"):
            await cluster.create(Kind.JOB_RUN, manifests.run(name))
        await until_true(lambda: cluster.store.count(Kind.POD) == 2, "two Pods have a slot")
        found = {name: value for name, value in values(metrics).items() if name.startswith("brood_slots")}
    assert found == {
        "brood_slots_limit{limit=runs}": 5,
        "brood_slots_limit{limit=pods}": 9,
        "brood_slots_limit{limit=pool/gpu}": 2,
        "brood_slots_used{limit=runs,namespace=default}": 3,
        "brood_slots_used{limit=pods,namespace=default}": 2,
        "brood_slots_used{limit=pool/gpu,namespace=default}": 2,
        "brood_slots_used{limit=pool/*,namespace=default}": 2,
    }


async def test_every_metric_is_documented_and_every_documented_one_is_there(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster, measured(cluster) as (metrics, _):
        shown = {line.split()[2] for line in metrics.text().decode().splitlines() if line.startswith("# HELP")}
    assert {name for name in shown if not name.startswith(("process_", "python_"))} == {one.name for one in series.ALL}
    assert [one.name for one in series.ALL if not one.text.endswith(".")] == []


async def test_there_are_as_many_series_with_many_runs_as_with_one(tmp_path: Path) -> None:
    async with local(tmp_path, run_pods=False) as cluster, measured(cluster) as (metrics, _):
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PARTS))
        counts = []
        for number in range(4):
            await cluster.create(Kind.JOB_RUN, manifests.run(f"run-{number}"))
            await phase(cluster, f"run-{number}", "Running", "Pending")
            await until_true(lambda: cluster.store.count(Kind.POD) == 2 * (number + 1), "its Pods are there")  # noqa: B023
            counts.append(len(values(metrics)))
    assert len({*counts}) == 1


async def test_log_lines_tell_the_story_of_a_run(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with local(tmp_path) as cluster, measured(cluster):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PARTS))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await ended(cluster, "run-1")
    story = [line for line in lines if line.get("run") == "run-1" and line["log_level"] == "info"]
    assert {line["namespace"] for line in story} == {"default"}
    assert [line["event"] for line in story] == ["run admitted", *["task ended"] * 3, "run ended"]
    ends = {line["task"]: (line["phase"], line["reason"]) for line in story if line["event"] == "task ended"}
    assert ends == {"good": ("Succeeded", ""), "bad": ("Failed", "ExitCode"), "idle": ("Skipped", "ConditionNotMet")}
    assert (story[-1]["phase"], story[-1]["reason"]) == ("PartiallySucceeded", "PartiallySucceeded")


async def test_children_are_told_of_where_they_fail(tmp_path: Path) -> None:
    fan_out = {"name": "each", "script": 'test "$1" = a', "parallel": {"items": ["a", "b"]}}
    with structlog.testing.capture_logs() as lines:
        async with local(tmp_path) as cluster, measured(cluster) as (metrics, _):
            await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=[fan_out]))
            await cluster.create(Kind.JOB_RUN, manifests.run())
            await ended(cluster, "run-1")
            found = values(metrics)
    assert found["brood_run_duration_seconds_count{level=child,phase=Failed}"] == 1
    assert found["brood_run_queue_seconds_count"] == 1, "children do not queue for keys"
    told = [line for line in lines if line.get("root") == "run-1" and line["run"] != "run-1"]
    failed = [line["event"] for line in told if line["log_level"] == "info"]
    assert failed == ["task ended", "run ended"]


async def test_lines_of_a_pass_say_which_object_it_is_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    async with local(tmp_path, run_pods=False) as cluster, measured(cluster) as (_, controller):
        look = controller._runs.process

        async def process(key: object) -> None:
            seen.append(add_subject(None, "", {"event": "x"}))
            await look(key)  # type: ignore[arg-type]

        monkeypatch.setattr(controller._runs, "process", process)
        await cluster.create(Kind.JOB_DEFINITION, manifests.definition(tasks=PARTS))
        await cluster.create(Kind.JOB_RUN, manifests.run())
        await until_true(lambda: bool(seen), "a pass was made")
    assert seen[0] == {"namespace": "default", "run": "run-1", "event": "x"}
