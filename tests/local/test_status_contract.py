"""The conditions of runs and definitions as tools read them: kstatus, Argo CD and Flux, phase by phase."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from brood.api.phases import RunPhase
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.port import Kind, Manifest
from tests.gitops import Argo, flux, kstatus
from tests.manifests import definition, run
from tests.unit.controller.world import controlled, ended, local, phase, until

ARGO = Argo()
Play = Callable[[LocalCluster], Awaitable[Manifest]]

GOOD = {"name": "good", "script": "true"}
BAD = {"name": "bad", "script": "exit 3"}
SLOW = {"name": "slow", "script": "sleep 60"}


def ends(*tasks: dict[str, Any], **more: Any) -> Play:
    """Play a run to its end."""

    async def play(cluster: LocalCluster) -> Manifest:
        await cluster.create(Kind.JOB_DEFINITION, definition(tasks=list(tasks)))
        await cluster.create(Kind.JOB_RUN, run(**more))
        return await ended(cluster, "run-1")

    return play


def comes_to(
    wanted: str, *, runs: int = 1, tasks: tuple[dict[str, Any], ...] = (SLOW,), policy: str = "Queue", **more: Any
) -> Play:
    """Play until the last of several runs of one key is in a phase."""

    async def play(cluster: LocalCluster) -> Manifest:
        key = {"key": "k", "policy": policy}
        await cluster.create(Kind.JOB_DEFINITION, definition(tasks=list(tasks), concurrency=key))
        for number in range(1, runs):
            await cluster.create(Kind.JOB_RUN, run(f"before-{number}"))
            await phase(cluster, f"before-{number}", "Running", "Queued")
        await cluster.create(Kind.JOB_RUN, run(**more))
        return await phase(cluster, "run-1", wanted)

    return play


async def without_definition(cluster: LocalCluster) -> Manifest:
    await cluster.create(Kind.JOB_RUN, run())
    return await phase(cluster, "run-1", "Pending")


async def of_an_invalid_definition(cluster: LocalCluster) -> Manifest:
    await cluster.create(Kind.JOB_DEFINITION, definition(tasks=[{"name": "a", "script": "true", "when": "{{ nope }}"}]))
    await cluster.create(Kind.JOB_RUN, run())
    return await phase(cluster, "run-1", "Pending")


async def shut_down(cluster: LocalCluster) -> Manifest:
    await comes_to("Running")(cluster)
    await cluster.patch(Kind.JOB_RUN, "default", "run-1", {"spec": {"shutdown": "Terminate"}})
    return await ended(cluster, "run-1")


async def edited_after_its_end(cluster: LocalCluster) -> Manifest:
    await ends(GOOD)(cluster)
    await cluster.patch(Kind.JOB_RUN, "default", "run-1", {"spec": {"suspend": True}})
    return await until(cluster, Kind.JOB_RUN, "run-1", lambda one: one["status"]["observedGeneration"] == 2)


async def not_readable(cluster: LocalCluster) -> Manifest:
    broken = run()
    broken["spec"]["definitionRef"] = {"name": "a", "nobody": "knows this"}
    with pytest.MonkeyPatch.context() as door:
        door.setattr("brood.cluster.local.admission._check_custom", lambda *_: None)  # an API server without our rules
        await cluster.create(Kind.JOB_RUN, broken)
    return await until(cluster, Kind.JOB_RUN, "run-1", lambda one: bool(one["status"].get("conditions")))


RUNS: dict[str, tuple[Play, str, str, str, str]] = {
    # what happened: how to get there, phase, kstatus, Argo CD, Flux with deploy/flux
    "waits for its definition": (without_definition, "Pending", "InProgress", "Progressing", "InProgress"),
    "its definition is invalid": (of_an_invalid_definition, "Pending", "Failed", "Degraded", "Failed"),
    "cannot be read": (not_readable, "", "Failed", "Degraded", "Failed"),
    "queued": (comes_to("Queued", runs=2), "Queued", "InProgress", "Progressing", "InProgress"),
    "running": (comes_to("Running"), "Running", "InProgress", "Progressing", "InProgress"),
    "suspended": (comes_to("Suspended", suspend=True), "Suspended", "InProgress", "Suspended", "InProgress"),
    "succeeded": (ends(GOOD), "Succeeded", "Current", "Healthy", "Current"),
    "partially": (ends({**BAD, "continueOn": {"failure": True}}), "PartiallySucceeded", "Current", "Healthy", "Failed"),
    "failed": (ends(BAD), "Failed", "Failed", "Degraded", "Failed"),
    "cancelled": (shut_down, "Cancelled", "Failed", "Degraded", "Failed"),
    "never admitted": (ends(GOOD, shutdown="Interrupt"), "Cancelled", "Failed", "Degraded", "Failed"),
    "rejected": (comes_to("Rejected", runs=2, policy="Reject"), "Rejected", "Failed", "Degraded", "Failed"),
    "edited after its end": (edited_after_its_end, "Succeeded", "Current", "Healthy", "Current"),
}


@pytest.mark.parametrize("case", RUNS)
async def test_tools_see_a_run_as_it_is(case: str, tmp_path: Path) -> None:
    play, wanted, generic, argo, by_flux = RUNS[case]
    async with local(tmp_path) as cluster, controlled(cluster):
        found = await play(cluster)
    assert found["status"].get("phase", "") == wanted
    assert (kstatus(found), ARGO.health(found), flux(found)) == (generic, argo, by_flux)
    types = {one["type"] for one in found["status"]["conditions"] if one["status"] == "True"}
    assert not {"Reconciling", "Stalled"} <= types, "kstatus would take the first of them"


def test_every_phase_is_there() -> None:
    assert {wanted for _, wanted, *_ in RUNS.values()} - {""} == {one.value for one in RunPhase}


INVALID = [{"name": "a", "script": "true", "when": "{{ nope }}"}]


async def looked_at(cluster: LocalCluster) -> Manifest:
    def seen(one: Manifest) -> bool:
        return bool(one["status"]["observedGeneration"] == one["metadata"]["generation"])

    return await until(cluster, Kind.JOB_DEFINITION, "hello", seen)


async def test_tools_see_a_definition_as_it_is(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:
        unseen = await cluster.create(Kind.JOB_DEFINITION, definition(tasks=[GOOD]))
        assert (kstatus(unseen), ARGO.health(unseen), flux(unseen)) == ("InProgress", "Progressing", "InProgress")
        async with controlled(cluster):
            valid = await looked_at(cluster)
            invalid_unseen = await cluster.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"tasks": INVALID}})
            invalid = await looked_at(cluster)
            await cluster.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"tasks": [BAD]}})
            mended = await looked_at(cluster)
    for good in (valid, mended):
        assert (kstatus(good), ARGO.health(good), flux(good)) == ("Current", "Healthy", "Current")
    assert (kstatus(invalid_unseen), ARGO.health(invalid_unseen)) == ("InProgress", "Progressing")
    assert (kstatus(invalid), ARGO.health(invalid), flux(invalid)) == ("Failed", "Degraded", "Failed")


async def test_a_run_that_nobody_has_seen_is_not_ready(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster:
        unseen = await cluster.create(Kind.JOB_RUN, run())
    assert (kstatus(unseen), ARGO.health(unseen), flux(unseen)) == ("InProgress", "Progressing", "InProgress")


async def test_argo_cd_offers_what_can_be_done_and_it_is_done(tmp_path: Path) -> None:
    async with local(tmp_path) as cluster, controlled(cluster):
        running = await comes_to("Running")(cluster)
        assert ARGO.actions(running) == {"interrupt", "terminate", "suspend"}
        await _apply(cluster, ARGO.act(running, "suspend"))
        suspended = await phase(cluster, "run-1", "Suspended")
        assert ARGO.actions(suspended) == {"interrupt", "terminate", "resume"}
        await _apply(cluster, ARGO.act(suspended, "resume"))
        resumed = await phase(cluster, "run-1", "Running")
        interrupted = ARGO.act(resumed, "interrupt")
        assert ARGO.actions(interrupted) == {"terminate"}
        await _apply(cluster, interrupted)
        await _apply(cluster, ARGO.act(interrupted, "terminate"))
        done = await ended(cluster, "run-1")
    assert done["status"]["phase"] == "Cancelled"
    assert ARGO.actions(done) == set()


async def test_argo_cd_starts_a_run_of_a_definition(tmp_path: Path) -> None:
    plain = definition(tasks=[GOOD])
    assert ARGO.actions(plain) == {"run"}
    scheduled = definition(tasks=[GOOD], schedule={"cron": "0 4 * * *"})
    assert ARGO.actions(scheduled) == {"run", "suspend"}
    assert ARGO.actions(ARGO.act(scheduled, "suspend")) == {"run", "resume"}
    plain["metadata"]["namespace"] = "default"
    [asked] = ARGO.act(plain, "run")
    assert asked["operation"] == "create"
    async with local(tmp_path) as cluster, controlled(cluster):
        await cluster.create(Kind.JOB_DEFINITION, plain)
        made = [await cluster.create(Kind.JOB_RUN, asked["resource"]) for _ in range(2)]
        for one in made:
            assert (await ended(cluster, one["metadata"]["name"]))["status"]["phase"] == "Succeeded"


async def _apply(cluster: LocalCluster, wanted: Manifest) -> None:
    """Patch the spec as Argo CD does: with what the action changed."""
    await cluster.patch(Kind.JOB_RUN, "default", wanted["metadata"]["name"], {"spec": wanted["spec"]})
