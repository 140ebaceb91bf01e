"""What somebody copies, strips or removes behind brood's back: nothing is lost by it, nothing is done twice."""

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brood.api import labels
from brood.cluster.port import Kind, Manifest
from brood.controller.config import Config
from tests.local.faults.clock import run as on_a_jumping_clock
from tests.local.faults.node import End
from tests.local.faults.pieces import definition, ends, run, task
from tests.local.faults.play import Life, Process, Scenario, play
from tests.local.faults.watched import finished
from tests.unit.controller.faults import Write

PATIENT = Config(status_patience=1.0)
"""As on a real cluster: for a moment no status tells of a Pod."""

ALL = {"labels": None, "annotations": None, "ownerReferences": None}
LONG_TASK = task("long", output="O")
ITEM = {**LONG_TASK, "parallel": {"items": ["a"]}}
LONG_END = ends(long=End(seconds=100, stdout="kept"))


def _live(scenario: Scenario, directory: Path, **more: Any) -> Life:
    async def life() -> Life:
        return await play(scenario, directory, **more)

    played = on_a_jumping_clock(life())
    assert played.errors == played.cluster.broken == []
    return played


def _pods(life: Life, name: str) -> list[Manifest]:
    return [one for one in life.store.list(Kind.POD).items if one["metadata"]["name"].startswith(name)]


def _row(life: Life, name: str = "run-1") -> dict[str, Any]:
    return next(iter(life.run(name)["status"]["tasks"]))


def _copied(found: Manifest, name: str) -> Manifest:
    """Return an object as one copies it by hand."""
    made = {field: copy.deepcopy(found[field]) for field in ("apiVersion", "kind", "metadata", "spec")}
    for field in ("uid", "resourceVersion", "creationTimestamp", "generation"):
        del made["metadata"][field]
    made["spec"].pop("nodeName", None)
    made["metadata"]["name"] = name
    return made


def _restart(life: Life) -> None:
    life.processes[-1].dead = True
    life.processes[-1].died.set()


def test_the_copy_of_a_pod_takes_no_part_in_its_run(tmp_path: Path) -> None:
    """It is neither read nor deleted; but that it has our finalizer does not hold it once somebody deletes it."""

    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/long"))
        life.store.create(Kind.POD, _copied(_pods(life, "run-1-long")[0], "copied"))
        ended = {"name": "main", "state": {"terminated": {"exitCode": 7}}}
        failed = {"phase": "Failed", "containerStatuses": [ended]}
        life.store.patch(Kind.POD, "default", "copied", {"status": failed}, subresource="status")
        await life.when(lambda: finished(life.run("run-1")))
        left.extend(_pods(life, "copied"))
        life.remove(Kind.POD, "copied")

    left: list[Manifest] = []
    played = _live(Scenario("copy", (definition(LONG_TASK, task("end", "long")), run()), LONG_END, users), tmp_path)
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    assert _row(played)["podName"] != "copied"
    assert ["deletionTimestamp" in one["metadata"] for one in left] == [False]
    assert not _pods(played, "copied")


def test_the_copy_of_a_child_run_is_no_child_and_says_so(tmp_path: Path) -> None:
    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/below/do"))
        child = next(one for one in life.runs() if "parentRef" in one["spec"])
        life.store.create(Kind.JOB_RUN, _copied(child, "copied"))
        await life.when(lambda: finished(life.run("run-1")))

    below = {"name": "below", "run": {"definitionRef": {"name": "one"}}}
    local = [{"name": "one", "tasks": [task("do")]}]
    objects = (definition(below, definitions=local), run())
    played = _live(
        Scenario("copy", objects, ends(do=End(seconds=100)), users, checks=False), tmp_path, until_users=True
    )
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    (stalled,) = played.run("copied")["status"]["conditions"]
    assert (stalled["type"], stalled["reason"]) == ("Stalled", "InvalidSpec")
    assert "delete it" in stalled["message"]
    assert not _pods(played, "copied")


@pytest.mark.parametrize("config", [Config(), PATIENT], ids=["told", "untold"])
@pytest.mark.parametrize("body", [LONG_TASK, ITEM], ids=["task", "item"])
@pytest.mark.parametrize(
    "taken",
    [
        {"labels": {labels.MANAGED_BY: None}},
        {"labels": {labels.TASK: None}},
        {"labels": {labels.ATTEMPT: "7"}},
        {"labels": None},
        {"annotations": None},
        {"ownerReferences": None},
        ALL,
    ],
    ids=str,
)
def test_a_pod_that_was_stripped_while_no_operator_ran_is_found_and_goes_on(
    tmp_path: Path, taken: dict[str, Any], body: dict[str, Any], config: Config
) -> None:
    before: dict[str, Any] = {}

    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/long" if body is LONG_TASK else "run-1/long[0]/long"))
        if config is not PATIENT:
            await asyncio.sleep(5)
        before.update(_pods(life, "run-1-long")[0]["metadata"])
        _restart(life)
        life.store.patch(Kind.POD, "default", before["name"], {"metadata": taken})
        await life.when(lambda: finished(life.run("run-1")))

    objects = definition(body, task("end", "long")), run()
    played = _live(Scenario("stripped", objects, LONG_END, users, config=config), tmp_path)
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    (pod,) = _pods(played, "run-1-long")
    left_out = (labels.DEFINITION,)  # nobody reads it of a Pod
    for field in ("labels", "annotations", "ownerReferences"):
        found, wanted = (
            {key: value for key, value in one.items() if key not in left_out} if isinstance(one, dict) else one
            for one in (pod["metadata"].get(field), before.get(field))
        )
        assert found == wanted
    outputs = [one["status"]["outputs"].get("O") for one in played.runs()]
    assert "kept" in outputs
    assert played.run("run-1")["status"]["summary"]["succeeded"] == 2


@pytest.mark.parametrize("up", [True, False], ids=["operator runs", "operator away"])
@pytest.mark.parametrize("taken", [{"labels": None}, {"ownerReferences": None}, ALL], ids=str)
def test_a_child_run_that_was_stripped_stays_the_attempt_that_it_is(
    tmp_path: Path, taken: dict[str, Any], *, up: bool
) -> None:
    before: dict[str, Any] = {}

    def second(life: Life) -> Manifest | None:
        attempts = [one for one in life.runs() if one["metadata"].get("labels", {}).get(labels.ATTEMPT) == "2"]
        return next(iter(attempts), None)

    async def users(life: Life) -> None:
        await life.when(lambda: second(life) is not None)
        await asyncio.sleep(5)
        child = second(life)
        assert child is not None
        before.update(child["metadata"])
        if not up:
            _restart(life)
        life.store.patch(Kind.JOB_RUN, "default", before["name"], {"metadata": taken})
        await life.when(lambda: finished(life.run("run-1")))

    below = {"name": "below", "run": {"definitionRef": {"name": "one"}}, "retryPolicy": {"limit": 3}}
    local = [{"name": "one", "tasks": [task("do"), task("more", "do")]}]
    script = ends(do=lambda before: End(code=0 if before else 3, seconds=100))
    played = _live(Scenario("stripped", (definition(below, definitions=local), run()), script, users), tmp_path)
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    assert len(played.runs()) == 3
    found = played.run(before["name"])["metadata"]
    assert (found["labels"], found["ownerReferences"]) == (before["labels"], before["ownerReferences"])


@pytest.mark.parametrize("config", [Config(), PATIENT], ids=["told", "untold"])
@pytest.mark.parametrize("body", [LONG_TASK, ITEM], ids=["task", "item"])
@pytest.mark.parametrize("first", ["delete", "finalizer"])
def test_a_pod_that_is_removed_by_force_counts_once_as_infrastructure(
    tmp_path: Path, body: dict[str, Any], config: Config, first: str
) -> None:
    async def users(life: Life) -> None:
        await life.when(lambda: bool(_pods(life, "run-1-long")))
        await asyncio.sleep(0)
        meta = _pods(life, "run-1-long")[0]["metadata"]
        _by_force(life, meta, first)
        await life.when(lambda: finished(life.run("run-1")))

    played = _live(Scenario("forced", (definition(body), run()), LONG_END, users, config=config), tmp_path)
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    (ran,) = [one for one in played.runs() if body is LONG_TASK or "parentRef" in one["spec"]]
    row = _row(played, ran["metadata"]["name"])
    assert (row["attempt"], row["infraRetries"]) == (2, 1)


def _by_force(life: Life, meta: dict[str, Any], first: str) -> None:
    steps: dict[str, Callable[[], object]] = {
        "finalizer": lambda: life.store.patch(Kind.POD, "default", meta["name"], {"metadata": {"finalizers": None}}),
        "delete": lambda: life.store.delete(Kind.POD, "default", meta["name"], uid=meta["uid"], grace_seconds=0),
    }
    for step in sorted(steps, key=lambda one: one != first):
        steps[step]()


def test_a_pod_that_ended_well_has_done_so_although_it_is_removed_before_that_is_written(tmp_path: Path) -> None:
    async def slow(write: Write) -> None:
        if write.kind is Kind.JOB_RUN and write.verb == "status":
            await asyncio.sleep(2)

    async def users(life: Life) -> None:
        await life.when(lambda: any(one["status"]["phase"] == "Succeeded" for one in _pods(life, "run-1-long")))
        _by_force(life, _pods(life, "run-1-long")[0]["metadata"], "delete")
        await life.when(lambda: finished(life.run("run-1")))

    script = ends(long=End(seconds=3, stdout="kept"))
    played = _live(
        Scenario("forced", (definition(LONG_TASK), run()), script, users),
        tmp_path,
        process=lambda life, _: Process(life.cluster, life.node, pause=slow),
    )
    assert played.run("run-1")["status"]["outputs"] == {"O": "kept"}
    assert _row(played)["attempt"] == 1


@pytest.mark.parametrize("kind", [Kind.POD, Kind.JOB_RUN])
def test_a_tool_that_strips_an_object_whenever_it_is_mended_makes_no_hot_loop(tmp_path: Path, kind: Kind) -> None:
    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/long[0]/long"))
        found = next(one for one in life.store.list(kind).items if "ownerReferences" in one["metadata"])
        name = found["metadata"]["name"]
        for _ in range(3000):  # at once, each time
            if finished(life.run("run-1")):
                return
            if life.store.get(kind, "default", name)["metadata"].get("labels"):
                life.store.patch(kind, "default", name, {"metadata": {"labels": None}})
            await asyncio.sleep(0.1)

    script = ends(long=End(seconds=250, stdout="kept"))
    played = _live(Scenario("fight", (definition(ITEM), run()), script, users), tmp_path)
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    mended = [one for one in played.writes if one.verb == "patch" and "labels" in one.body.get("metadata", {})]
    assert 2 <= len(mended) <= 15
