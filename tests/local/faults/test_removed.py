"""What somebody deletes, replaces or forbids in the middle of a run: a clear end or a way out, and nothing else is harmed."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.port import ApiError, Forbidden, Invalid, Kind, Manifest
from tests.local.faults.clock import run as on_a_jumping_clock
from tests.local.faults.node import End
from tests.local.faults.pieces import definition, ends, run, task
from tests.local.faults.play import Life, Process, Scenario, play
from tests.local.faults.watched import finished
from tests.unit.controller.faults import Verdict, Write

FAR = 1200.0
QUIET_PLANS = 60
"""So many plans are no hot loop: all the same ones within hours, those at which a wait is looked at among them."""


def _restart(life: Life) -> None:
    life.processes[-1].dead = True
    life.processes[-1].died.set()


def _live(
    directory: Path,
    *objects: tuple[Kind, Manifest],
    users: Callable[[Life], Coroutine[Any, Any, None]],
    script: Callable[[str, int], End],
    **more: Any,
) -> Life:
    async def life() -> Life:
        return await play(Scenario("removed", objects, script, users), directory, until_users=True, **more)

    played = on_a_jumping_clock(life())
    assert played.errors == played.cluster.broken == []
    return played


async def _over(life: Life, *names: str) -> None:
    life.patience = 4 * FAR
    await life.when(lambda: all(finished(life.run(one)) for one in names or ("run-1",)))


def _row(life: Life, name: str) -> dict[str, Any]:
    return next(one for one in life.run("run-1")["status"]["tasks"] if one["name"] == name)


def _stalled(found: Manifest) -> dict[str, Any]:
    return next((one for one in found["status"]["conditions"] if one["type"] == "Stalled"), {})


def _remove_all(life: Life, kind: Kind) -> list[str]:
    names = [one["metadata"]["name"] for one in life.store.list(kind).items]
    for name in names:
        life.remove(kind, name)
    return names


def test_a_revision_that_is_deleted_is_stored_again_from_its_definition(tmp_path: Path) -> None:
    """The definition was called invalid for ever, its run hung and other runs of it failed."""

    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/long"))
        _restart(life)
        (revision,) = _remove_all(life, Kind.REVISION)
        await asyncio.sleep(5)
        life.store.create(*run("run-2"))
        await _over(life, "run-1", "run-2")
        assert [one["metadata"]["name"] for one in life.store.list(Kind.REVISION).items] == [revision]

    tasks = task("long"), task("after", "long")
    played = _live(tmp_path, definition(*tasks), run(), users=users, script=ends(long=End(seconds=100)))
    assert {one["status"]["phase"] for one in played.runs()} == {"Succeeded"}
    (jd,) = played.store.list(Kind.JOB_DEFINITION).items
    assert not _stalled(jd)


def test_a_run_whose_revision_nobody_has_says_what_to_do_and_goes_on_once_it_is_restored(tmp_path: Path) -> None:
    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/long"))
        _restart(life)
        (revision,) = life.store.list(Kind.REVISION).items
        _remove_all(life, Kind.REVISION)
        life.remove(Kind.JOB_DEFINITION, "hello")
        await asyncio.sleep(FAR)
        told.append(_stalled(life.run("run-1"))["message"])
        assert life.plans < QUIET_PLANS
        for field in ("uid", "resourceVersion", "creationTimestamp"):
            revision["metadata"].pop(field, None)
        life.store.create(Kind.REVISION, revision)
        await _over(life)

    told: list[str] = []
    tasks = task("long"), task("after", "long")
    played = _live(tmp_path, definition(*tasks), run(), users=users, script=ends(long=End(seconds=100)))
    assert "ControllerRevision hello-" in told[0]
    assert "restore it, or delete the run" in told[0]
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    assert _row(played, "long")["attempt"] == 1


def test_tasks_that_need_a_large_output_whose_config_map_is_deleted_fail_and_name_it(tmp_path: Path) -> None:
    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/long"))
        gone.extend(_remove_all(life, Kind.CONFIG_MAP))
        await _over(life)

    gone: list[str] = []
    tasks = (
        task("big", output="BIG"),
        task("long", "big"),
        task("use", "long", env=[{"name": "X", "value": "{{ outputs.BIG | length }}"}]),
        task("each", "long", parallel={"itemsFrom": "{{ outputs.BIG }}"}),
        task("other", "long"),
    )
    script = ends(big=End(stdout="x" * 5000), long=End(seconds=100))
    played = _live(tmp_path, definition(*tasks), run(), users=users, script=script)
    for name in ("use", "each"):
        assert (_row(played, name)["phase"], _row(played, name)["reason"]) == ("Failed", "TemplateError")
        assert gone[0] in _row(played, name)["message"]
    assert _row(played, "other")["phase"] == "Succeeded"
    assert played.plans < QUIET_PLANS


def test_an_aggregate_that_lacks_an_items_output_fails_its_task_and_names_the_config_map(tmp_path: Path) -> None:
    async def users(life: Life) -> None:
        await life.when(lambda: bool(life.store.list(Kind.CONFIG_MAP).items))
        gone.extend(_remove_all(life, Kind.CONFIG_MAP))
        await _over(life)

    gone: list[str] = []
    each = task("each", parallel={"items": ["a", "b"], "maxConcurrent": 1}, output="R")
    script = ends(each=End(stdout="x" * 5000, seconds=100))
    played = _live(tmp_path, definition(each), run(), users=users, script=script)
    assert _row(played, "each")["reason"] == "OutputInvalid"
    assert gone[0] in _row(played, "each")["message"]
    assert played.plans < QUIET_PLANS


def test_a_fan_out_whose_list_is_deleted_ends_when_an_operator_has_to_read_it_again(tmp_path: Path) -> None:
    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/each[0]/each"))
        gone.extend(_remove_all(life, Kind.CONFIG_MAP)[:1])
        _restart(life)
        await _over(life)

    gone: list[str] = []
    items = json.dumps([f"{number} {'x' * 500}" for number in range(5)])
    each = task("each", parallel={"itemsFrom": "{{ outputs.BIG }}", "maxConcurrent": 2})
    script = ends(big=End(stdout=items), each=End(seconds=100))
    played = _live(tmp_path, definition(task("big", output="BIG"), each), run(), users=users, script=script)
    assert (_row(played, "each")["phase"], _row(played, "each")["reason"]) == ("Failed", "TemplateError")
    assert gone[0] in _row(played, "each")["message"]
    assert played.plans < QUIET_PLANS


@pytest.mark.parametrize("back", [True, False], ids=["replaced", "deleted"])
def test_runs_that_wait_have_their_five_minutes_from_when_the_definition_went(tmp_path: Path, *, back: bool) -> None:
    """`kubectl replace --force` takes it away for a moment; every run that had waited for longer than that failed at once."""
    hello = definition(task("long"), concurrency={"key": "k"})

    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/long"))
        life.store.create(*run("run-2"))
        life.store.create(*run("run-3", suspend=True))
        await asyncio.sleep(600)
        life.remove(Kind.JOB_DEFINITION, "hello")
        await asyncio.sleep(1 if back else 299)
        if back:
            life.store.create(*hello)
        phases.extend(life.run(name)["status"]["phase"] for name in ("run-2", "run-3"))
        if not back:
            await asyncio.sleep(2)
            phases.extend(life.run(name)["status"]["phase"] for name in ("run-2", "run-3"))
            return
        await life.patch("run-3", suspend=False)
        await _over(life, "run-1", "run-2", "run-3")

    phases: list[str] = []
    played = _live(tmp_path, hello, run(), users=users, script=ends(long=End(seconds=1000)))
    if back:
        assert {one["status"]["phase"] for one in played.runs()} == {"Succeeded"}
    else:
        assert phases == ["Pending", "Pending", "Failed", "Failed"]


@pytest.mark.parametrize(
    ("error", "phase", "reason"),
    [
        (Forbidden("exceeded quota: x, requested: count/controllerrevisions.apps=1"), "Queued", ""),
        (Forbidden("denied the request: no"), "Pending", "Forbidden"),
        (Invalid("etcdserver: request is too large"), "Pending", "InvalidSpec"),
        (Forbidden("forbidden: because it is being terminated"), "Cancelled", "Terminated"),
    ],
    ids=lambda one: str(one)[:20],
)
def test_a_revision_that_the_server_refuses_is_told_on_the_run_and_asked_for_again(
    tmp_path: Path, error: ApiError, phase: str, reason: str
) -> None:
    """It was called an internal error of brood's."""
    refuses = [True]

    def judge(write: Write) -> Verdict:
        return error if refuses[0] and write.kind is Kind.REVISION and write.verb == "create" else "pass"

    async def users(life: Life) -> None:
        await asyncio.sleep(100)
        status = life.run("run-1")["status"]
        assert (status["phase"], _stalled(life.run("run-1")).get("reason", "")) == (phase, reason)
        assert error.message in status["message"]
        assert life.plans < QUIET_PLANS
        refuses[0] = False
        await _over(life)

    below = {"name": "below", "run": {"definitionRef": {"name": "other"}}}
    played = _live(
        tmp_path,
        definition(below),
        definition(task("do"), name="other"),
        run(),
        users=users,
        script=ends(),
        process=lambda life, _: Process(life.cluster, life.node, judge),
    )
    assert played.run("run-1")["status"]["phase"] == ("Succeeded" if phase != "Cancelled" else phase)


def test_the_revision_of_a_child_that_the_server_refuses_is_told_on_its_task(tmp_path: Path) -> None:
    def judge(write: Write) -> Verdict:
        refused = write.kind is Kind.REVISION and write.verb == "create" and write.name.startswith("other")
        return Forbidden("denied the request: no") if refused else "pass"

    below = {"name": "below", "run": {"definitionRef": {"name": "other"}}}
    played = _live(
        tmp_path,
        definition(below, task("beside")),
        definition(task("do"), name="other"),
        run(),
        users=_over,
        script=ends(),
        process=lambda life, _: Process(life.cluster, life.node, judge),
    )
    assert (_row(played, "below")["reason"], _row(played, "beside")["phase"]) == ("PodForbidden", "Succeeded")
    assert "ControllerRevision other-" in _row(played, "below")["message"]


def test_a_run_that_is_given_more_time_has_it_although_its_pod_had_less(tmp_path: Path) -> None:
    """A kubelet ends the Pod when its own time is over, which cannot be made longer: it is made again."""

    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/long"))
        await life.patch("run-1", activeDeadlineSeconds=500)
        await _over(life)

    played = _live(
        tmp_path,
        definition(task("long")),
        run(activeDeadlineSeconds=60),
        users=users,
        script=ends(long=End(seconds=200)),
    )
    assert played.run("run-1")["status"]["phase"] == "Succeeded"
    assert (_row(played, "long")["attempt"], _row(played, "long")["infraRetries"]) == (2, 1)


@pytest.mark.parametrize(("kind", "verb"), [(Kind.POD, "patch"), (Kind.JOB_RUN, "delete"), (Kind.CLAIM, "delete")])
def test_what_a_policy_keeps_from_being_cleared_away_changes_nothing_of_a_run_that_has_ended(
    tmp_path: Path, kind: Kind, verb: str
) -> None:
    """A run that had succeeded was called stalled by an internal error; it is tried again, and goes once it may."""
    denies = [True]

    def judge(write: Write) -> Verdict:
        denied = denies[0] and (write.kind, write.verb) == (kind, verb)
        return Forbidden("admission webhook denied the request: keep") if denied else "pass"

    async def users(life: Life) -> None:
        await _over(life)
        await asyncio.sleep(FAR)
        ended.append(life.run("run-1"))
        denies[0] = False
        await asyncio.sleep(FAR)

    ended: list[Manifest] = []
    keeps = task("do", artifacts={"paths": ["f"]})
    played = _live(
        tmp_path,
        definition(keeps, artifacts={"retain": "Never"}, ttlSecondsAfterFinished=60),
        run(),
        users=users,
        script=ends(do=End(files=(("f", 1),))),
        process=lambda life, _: Process(life.cluster, life.node, judge),
    )
    assert (ended[0]["status"]["phase"], _stalled(ended[0])) == ("Succeeded", {})
    assert not played.runs()


def test_a_running_run_says_what_a_policy_does_not_let_brood_do(tmp_path: Path) -> None:
    def judge(write: Write) -> Verdict:
        stops = write.kind is Kind.JOB_RUN and write.verb == "patch"
        return Forbidden("admission webhook denied the request: no") if stops else "pass"

    async def users(life: Life) -> None:
        await life.when(lambda: life.running("run-1/below/do"))
        await life.patch("run-1", shutdown="Terminate")
        await asyncio.sleep(60)
        told.append(_stalled(life.run("run-1")))
        await _over(life)

    told: list[dict[str, Any]] = []
    below = {"name": "below", "run": {"definitionRef": {"name": "one"}}}
    played = _live(
        tmp_path,
        definition(below, definitions=[{"name": "one", "tasks": [task("do")]}]),
        run(),
        users=users,
        script=ends(do=End(seconds=200)),
        process=lambda life, _: Process(life.cluster, life.node, judge),
    )
    assert (told[0]["reason"], told[0]["message"]) == ("Forbidden", "admission webhook denied the request: no")
    assert finished(played.run("run-1"))
