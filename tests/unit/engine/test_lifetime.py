"""Before a run starts and after it has ended: definitions that are waited for, TTL, `podRetention`, revisions (contract §1, §2)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from brood.api.jobdefinition import Artifacts, Retain
from brood.api.status import JobRunStatus
from brood.engine.reconcile import plan
from brood.engine.retention import unneeded_revisions
from brood.engine.snapshot import DefinitionProblem
from brood.views import ClaimView, ContainerEnd, Meta, RevisionView
from tests.unit.engine.world import START, World, begun, exits, ok

# --- before a run starts ---


def test_a_root_run_waits_five_minutes_for_its_definition_then_fails() -> None:
    world = World()
    world.submit(definition="late")
    world.settle()
    assert (str(world.phase()), world.runs["run"].status.message) == ("Pending", "JobDefinition late: 0 found")
    assert world.condition("Succeeded") == ("Unknown", "DefinitionNotFound", "JobDefinition late: 0 found")
    assert world.condition("Reconciling") is not None
    world.pass_time(299)
    world.settle()
    assert world.phase() == "Pending"
    world.play()
    assert world.now.timestamp() - START.timestamp() == 300
    assert world.condition("Succeeded") == ("False", "DefinitionNotFound", "JobDefinition late: 0 found")
    assert world.runs["run"].status.start_time is None


def test_a_definition_that_is_applied_in_time_is_followed() -> None:
    world = World()
    world.submit(definition="late")
    world.settle()
    world.pass_time(200)
    world.define("{tasks: [{name: a}]}", "late")
    world.play()
    assert world.phase() == "Succeeded"
    assert world.runs["run"].status.revision == world.definitions["late"].revision


def test_an_ambiguous_definition_is_told_as_such() -> None:
    world = World()
    for name in ("one", "two"):
        world.define("{type: t, version: v, tasks: [{name: a}]}", name)
    world.submit(definition_ref={"type": "t", "version": "v"})
    world.play()
    found = world.condition("Succeeded")
    assert found is not None
    assert found[1] == "AmbiguousDefinition"


def test_a_root_run_may_name_type_and_version() -> None:
    world = World()
    world.define("{type: t, version: v, tasks: [{name: a}]}", "one")
    world.submit(definition_ref={"type": "t", "version": "v"})
    world.play()
    assert world.phase() == "Succeeded"


def test_an_invalid_definition_stalls_its_run_until_it_is_mended() -> None:
    world = World()
    world.define("{tasks: [{name: a}]}")
    world.submit()
    problem = DefinitionProblem("InvalidSpec", "main: spec.tasks[0]: wrong")
    snapshot = replace(world.snapshot("run"), graph=None, problem=problem)
    made = plan(snapshot, world.now)
    assert made.status is not None
    kinds = {one.type: (one.status, one.reason, one.message) for one in made.status.conditions}
    assert kinds["Stalled"] == ("True", "InvalidSpec", "main: spec.tasks[0]: wrong")
    assert "Reconciling" not in kinds
    assert made.status.phase == "Pending"
    refused = plan(replace(snapshot, refuse_invalid=True), world.now)
    assert refused.status is not None
    assert refused.status.phase == "Failed"


def test_a_started_run_whose_revision_cannot_be_used_any_more_says_so() -> None:
    world = begun("{tasks: [{name: a, script: x}]}")
    problem = DefinitionProblem("DefinitionNotFound", "ControllerRevision main-r1 does not exist any more")
    made = plan(replace(world.snapshot("run"), graph=None, problem=problem), world.now)
    assert made.status is not None
    kinds = {one.type: one.message for one in made.status.conditions}
    assert kinds["Stalled"] == problem.message
    assert made.status.tasks == world.runs["run"].status.tasks
    assert plan(replace(world.snapshot("run"), graph=None), world.now) == type(made)()  # it is being read


# --- after the end ---


@pytest.mark.parametrize(
    ("definition", "run", "seconds"),
    [("ttlSecondsAfterFinished: 60,", None, 60), ("", 30, 30), ("ttlSecondsAfterFinished: 60,", 0, 0)],
)
def test_a_root_run_is_deleted_after_its_time(definition: str, run: int | None, seconds: int) -> None:
    world = begun(f"{{{definition} tasks: [{{name: a}}]}}", ttl_seconds_after_finished=run)
    if seconds:
        world.pass_time(seconds - 1)
        world.settle()
        assert "run" in world.runs
        world.pass_time(1)
    world.settle()
    assert "run" not in world.runs


def test_children_and_what_a_gitops_tool_owns_stay() -> None:
    spec = "{ttlSecondsAfterFinished: 0, tasks: [{name: c, run: {definitionRef: {name: l}}}, {name: a, script: x}], definitions: [{name: l, tasks: [{name: b}]}]}"
    world = begun(spec)
    assert len(world.runs) == 2
    world.set_run("run", gitops=True)
    world.play()
    world.pass_time(1000)
    world.settle()
    assert len(world.runs) == 2


def test_a_run_whose_owner_is_gone_creates_nothing_and_lets_its_pods_go() -> None:
    world = begun("{tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}")
    world.set_run("run", meta=replace(world.runs["run"].meta, owner_uid="uid-of-its-parent"))
    world.end_task("a", ok())
    made = plan(replace(world.snapshot("run"), orphaned=True), world.now)
    assert [one.task for one in made.releases] == ["a"]
    assert (made.pods, made.children, made.status) == ((), (), None)


def test_a_child_that_its_parent_left_behind_ends_with_its_last_pod() -> None:
    """Deleted with --cascade=orphan: the child names no owner any more, and nobody will delete it."""
    spec = """
    tasks: [{name: c, run: {definitionRef: {name: l}}}]
    definitions: [{name: l, tasks: [{name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}]
    """
    world = begun(spec)

    def left(owner: str | None) -> JobRunStatus | None:
        (child,) = world.children("c")
        seen = replace(world.snapshot(child.meta.name), orphaned=True)
        return plan(replace(seen, run=replace(child, meta=replace(child.meta, owner_uid=owner))), world.now).status

    (name,) = (one.meta.name for one in world.children("c"))
    assert left(None) is None, "its Pod goes on"
    world.end_task("a", ok(), run=name)
    assert left("uid-of-its-parent") is None, "the garbage collector takes it"
    status = left(None)
    assert status is not None
    assert (status.phase, status.message, status.finished) == ("Cancelled", "the run that made it is gone", True)
    assert {(row.phase, row.reason) for row in status.tasks} == {("Cancelled", "Terminated")}


# --- podRetention ---


@pytest.mark.parametrize(("policy", "stay"), [("Always", {"a", "b"}), ("OnFailure", {"b"}), ("Never", set())])
def test_pods_stay_as_pod_retention_says(policy: str, stay: set[str]) -> None:
    world = begun(f"{{podRetention: {policy}, tasks: [{{name: a, script: x}}, {{name: b, script: x}}]}}")
    for name in world.live_pods():
        end_like_a_kubelet(world, name, 0 if world.pods[name].pod.task == "a" else 3)
    world.play()
    assert {one.pod.task for one in world.pods.values()} == stay
    assert all(not one.pod.meta.finalizers for one in world.pods.values())
    assert world.phases() == {"a": "Succeeded", "b": "Failed"}


def test_a_pod_is_deleted_only_after_its_end_is_recorded() -> None:
    world = begun("{podRetention: Never, tasks: [{name: a, script: x}, {name: b, script: x}]}")
    end_like_a_kubelet(world, world.live_pod("a"), 3)
    first = plan(world.snapshot("run"), world.now)
    assert first.status is not None
    assert not first.deletions
    assert not first.releases
    world.step("run")
    second = plan(world.snapshot("run"), world.now)
    assert [one.pod.task for one in second.deletions] == ["a"]
    assert [one.task for one in second.releases] == ["a"]


def end_like_a_kubelet(world: World, name: str, code: int) -> None:
    """End a Pod with the container status that its retention is decided by."""
    world.end(name, exits(code) if code else ok())
    world.set_pod(name, ended=ContainerEnd(code, 0, "Error" if code else "Completed", "", START, START))


# --- artifacts.retain ---


@pytest.mark.parametrize(("made", "goes"), [(True, True), (False, False)])
def test_a_volume_that_is_not_kept_goes_at_the_end_but_never_one_of_a_users(*, made: bool, goes: bool) -> None:
    world = begun("{tasks: [{name: a, script: x}]}")
    world.play()
    claim = ClaimView(Meta("default", "c", "uid-c", "1", START), "Bound", made=made)
    snapshot = replace(world.snapshot("run"), claim=claim, artifacts=Artifacts(retain=Retain.NEVER))
    assert (plan(snapshot, world.now).delete_claim is claim) is goes


# --- revisions ---


def revision(number: int, *, seconds: int | None = None) -> RevisionView:
    created = START + timedelta(seconds=number if seconds is None else seconds)
    return RevisionView(Meta("default", f"d-{number}", f"uid-{number}", "1", created), "d", number)


@pytest.mark.parametrize(
    ("named", "current", "kept", "gone"),
    [
        ((), "d-5", 10, []),
        ((), "d-5", 2, [1, 2]),
        (("d-1", "d-3"), "d-5", 1, [2]),
        (("d-1",), "d-2", 0, [3, 4, 5]),  # an old revision that is current again stays
        (("d-4",), None, 0, [1, 2, 3, 5]),  # the definition is gone
        (("d-1", "d-2", "d-3", "d-4", "d-5"), None, 0, []),
    ],
)
def test_revisions_that_no_run_names_go_beyond_the_last_ones(
    named: tuple[str, ...], current: str | None, kept: int, gone: list[int]
) -> None:
    stored = [revision(number) for number in (3, 1, 5, 2, 4)]
    found = unneeded_revisions(stored, named=named, current=current, kept=kept)
    assert [one.number for one in found] == gone


def test_the_last_revisions_are_those_that_were_stored_last() -> None:
    stored = [
        revision(7, seconds=0),
        revision(1, seconds=50),
        revision(2, seconds=50),
    ]  # a definition made anew counts anew
    assert [one.number for one in unneeded_revisions(stored, named=(), current=None, kept=1)] == [7, 1]
