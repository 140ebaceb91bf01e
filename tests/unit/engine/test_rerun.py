"""`rerunOf`: what is taken over from an ended run, what runs again, and what is refused (contract §2, §4)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brood.api.jobrun import RerunRef, RunDefinitionRef
from brood.api.status import TaskStatus
from brood.engine.reconcile import plan
from tests.unit.engine.definitions import Json, definitions
from tests.unit.engine.driver import Driver
from tests.unit.engine.outcomes import Outcome
from tests.unit.engine.test_undisturbed import EXAMPLES, SEEDS
from tests.unit.engine.world import World, begun, by_task, exits, kept, ok, played


def rerun(world: World, name: str = "again", of: str = "run", **spec: Any) -> World:
    """Submit a rerun and let what can start without a Pod's end start."""
    world.submit(name, rerun_of=RerunRef(name=of), **spec)
    world.settle()
    return world


def started(world: World, run: str = "again") -> list[str]:
    """Return the tasks that got a Pod in a run or below it."""
    prefixes = [name for name, view in world.runs.items() if view.root == run]
    return [one.partition("/")[2] for one in world.started if one.partition("/")[0] in prefixes]


def gone(world: World, name: str) -> None:
    """Delete a run with all that it owned: its large outputs too."""
    names = [one for one, view in world.runs.items() if view.root == name]
    refs = {ref.config_map for one in names for ref in _refs(world, one)}
    world.remove_run(name)
    for key in [key for key in world.values if key[0] in refs]:
        del world.values[key]
        world.lost.add(key)


def _refs(world: World, name: str) -> list[Any]:
    status = world.runs[name].status
    return [*status.output_refs.values(), *(ref for row in status.tasks for ref in row.output_refs.values())]


FAILED = """
tasks:
- {name: good, script: x, output: GOOD}
- {name: big, script: x, output: BIG}
- {name: bad, script: x, dependsOn: [good, big], output: BAD}
- {name: last, dependsOn: [bad], script: x, env: [{name: G, value: "{{ outputs.GOOD }} {{ tasks['good'].outputs.SAID }}"}]}
"""
ENDS = by_task(good=ok("fine", SAID="yes"), big=ok("b" * 5000, MORE="m" * 5000), bad=exits(3))


def test_what_succeeded_is_taken_over_with_its_outputs_and_the_rest_runs() -> None:
    world = rerun(played(FAILED, ENDS))
    assert started(world) == ["bad"]
    row = world.row("good", "again")
    assert (row.phase, row.exit_code, row.attempt, row.pod_name) == ("Succeeded", 0, 0, None)
    assert row.message == "taken over from run"
    assert row.taken_over == f"run.{world.runs['run'].meta.uid[:8]}/good/1"
    gone(world, "run")
    world.play()
    assert (world.phase("again"), started(world)) == ("Succeeded", ["bad", "last"])
    request = world.request("last", "again")
    assert request.env == ({"name": "G", "value": "fine yes"},)
    outputs = world.outputs("again")
    assert (outputs["GOOD"], outputs["BIG"], outputs["MORE"]) == ("fine", "b" * 5000, "m" * 5000)
    assert {name: world.values[ref] for name, ref in request.output_refs.items()} == {
        "BIG": "b" * 5000,
        "MORE": "m" * 5000,
    }


def test_a_run_that_succeeded_is_taken_over_without_a_pod_and_one_of_that_in_turn() -> None:
    world = rerun(rerun(played(FAILED, by_task(good=ok("fine", SAID="yes")))), "third", of="again")
    assert (world.phase("again"), world.phase("third"), started(world), started(world, "third")) == (
        "Succeeded", "Succeeded", [], [],
    )  # fmt: skip
    assert world.row("good", "third").taken_over == world.row("good", "again").taken_over


def test_all_large_outputs_are_read_at_once() -> None:
    world = played(FAILED, ENDS)
    world.submit("again", rerun_of=RerunRef(name="run"))
    world.step("again")
    needs = plan(replace(world.snapshot("again"), values={}), world.now).needs
    status = world.runs["run"].status
    assert len(needs) == 2
    assert set(needs) == {(ref.config_map, ref.key) for ref in (*status.output_refs.values(), *_refs(world, "run"))}


def test_edges_routes_and_conditions_decide_what_would_start() -> None:
    spec = """
    tasks:
    - {name: a, script: x, onFailed: mend, onSucceeded: cheer}
    - {name: mend, script: x}
    - {name: cheer, script: x}
    """
    world = played(spec, by_task(a=exits(1)))
    assert world.phases() == {"a": "Failed", "mend": "Succeeded", "cheer": "Skipped"}
    rerun(world).play()
    assert world.phases("again") == {"a": "Succeeded", "mend": "Skipped", "cheer": "Succeeded"}
    assert started(world) == ["a", "cheer"]


def test_retries_handlers_and_a_shutdown_are_those_of_the_new_run() -> None:
    spec = "{tasks: [{name: a, script: x}, {name: b, script: x, retryPolicy: {limit: 1, intervalSeconds: 0}}], handlers: {onExit: {script: x}}}"
    world = played(spec, by_task(b=exits(1)))
    rerun(world).play(by_task(b=exits(1)))
    assert started(world) == ["b", "b", "onExit"]
    assert (world.row("b", "again").failures, world.phase("again")) == (2, "Failed")
    world.submit("third", rerun_of=RerunRef(name="run"), shutdown="Interrupt")
    world.settle()
    assert world.phases("third") == {"a": "Cancelled", "b": "Cancelled"}


# --- children ---

NESTED = """
tasks:
- {name: call, run: {definitionRef: {name: sub}, params: {P: one}}, output: C}
- {name: apart, fork: {definitionRef: {name: sub}, params: {P: two}}}
- {name: join, await: {tasks: [apart]}}
- {name: end, script: x, dependsOn: [call, join]}
definitions:
- {name: sub, params: [{name: P}], tasks: [{name: first, script: x, output: F}, {name: second, dependsOn: [first], script: x, output: S}]}
"""


def _by_param(**ends: Any) -> Outcome:
    return lambda request: ends.get(f"{request.task}_{dict(request.params).get('P', '')}", ok("out"))


def test_a_child_that_succeeded_is_taken_over_whole_and_one_that_did_not_is_rerun() -> None:
    world = rerun(played(NESTED, _by_param(second_two=exits(4))))
    assert started(world) == ["second"]
    (call,), (apart,) = world.children("call", "again"), world.children("apart", "again")
    assert (call.status.phase, call.status.message) == (
        "Succeeded",
        f"taken over from {world.children('call')[0].meta.name}",
    )
    assert [row.taken_over is not None for row in call.status.tasks] == [True, True]
    assert world.phases(apart.meta.name) == {"first": "Succeeded", "second": "Running"}
    gone(world, "run")
    world.play(_by_param())
    assert (world.phase("again"), started(world)) == ("Succeeded", ["second", "end"])
    assert json.loads(world.outputs("again")["C"]) == {"F": "out", "S": "out"}


def test_a_child_with_other_final_params_is_run_anew() -> None:
    spec = """
    tasks:
    - {name: list, script: x, output: L, continueOn: {failure: true}}
    - {name: call, run: {definitionRef: {name: sub}, params: {P: "{{ outputs.L }}"}}}
    definitions: [{name: sub, params: [{name: P}], tasks: [{name: do, script: x}]}]
    """
    world = played(spec, by_task(list=exits(1, "old")))
    assert world.phase() == "PartiallySucceeded"
    rerun(world).play(by_task(list=ok("new")))
    assert started(world) == ["list", "do"]


def test_a_partially_succeeded_child_counts_as_it_did() -> None:
    spec = """
    tasks: [{name: call, run: {definitionRef: {name: sub}}}, {name: bad, script: x}]
    definitions: [{name: sub, tasks: [{name: soft, script: x, continueOn: {failure: true}}]}]
    """
    world = rerun(played(spec, by_task(soft=exits(1), bad=exits(1))))
    world.play()
    assert (started(world), world.phase("again")) == (["bad"], "PartiallySucceeded")


ITEMS = """
tasks:
- {name: each, run: {definitionRef: {name: sub}}, parallel: {itemsFrom: "{{ params.LIST }}", maxConcurrent: 3}, output: R}
- {name: end, script: x, when: "{{ outputs.R.summary.succeeded == 4 }}"}
params: [{name: LIST, default: "a b c d"}]
definitions:
- {name: sub, params: [{name: P}], tasks: [{name: do, script: x, output: O}, {name: then, dependsOn: [do], script: x}]}
"""


def test_items_are_taken_over_one_by_one_and_stand_in_the_aggregate_in_order() -> None:
    large = _by_param(do_a=ok("a" * 5000), do_b=exits(1), then_c=exits(2), do_d=ok("d"))
    world = rerun(played(ITEMS, large))
    assert sorted(started(world)) == ["do", "then"]  # of b all, of c what is behind what succeeded
    gone(world, "run")
    world.play(_by_param(do_b=ok("B")))
    assert world.phase("again") == "Succeeded"
    assert sorted(started(world)) == ["do", "end", "then", "then"]
    found = json.loads(world.outputs("again")["R"])
    assert found["summary"] == {"total": 4, "succeeded": 4, "failed": 0, "cancelled": 0, "skipped": 0}
    assert [one["O"] for one in found["outputs"]] == ["a" * 5000, "B", "out", "d"]
    assert [one["parameters"] for one in found["results"]] == list("abcd")


def test_items_go_by_their_final_params_wherever_they_stand_in_the_list() -> None:
    spec = """
    tasks:
    - {name: list, script: x, output: L, continueOn: {failure: true}}
    - {name: each, script: x, parallel: {itemsFrom: "{{ outputs.L }}"}, output: R}
    """

    def ends(listed: Any, bad: str) -> Outcome:
        return lambda one: (
            listed if one.task == "list" else exits(1) if one.item == bad else ok(f"{one.item}{one.index}")
        )

    world = played(spec, ends(exits(1, "a b c"), "c"))
    rerun(world).play(ends(ok("x b a c"), "none"))
    assert started(world) == ["list", "each", "each"]
    assert [one["R"] for one in json.loads(world.outputs("again")["R"])["outputs"]] == ["x0", "b1", "a0", "c3"]


def test_successes_are_taken_over_although_the_childs_definition_was_mended_since() -> None:
    world = World()
    world.define("{tasks: [{name: each, run: {definitionRef: {name: one}}, parallel: {items: [a, b]}}]}")
    world.define("{params: [{name: P}], tasks: [{name: do, script: x}, {name: bad, script: x}]}", "one")
    world.submit()
    world.play(_by_param(bad_b=exits(1)))
    world.define("{params: [{name: P}], tasks: [{name: do, script: x}, {name: mended, script: x}]}", "one")
    rerun(world).play()
    assert (world.phase("again"), sorted(started(world))) == ("Succeeded", ["do", "mended"])
    old, new = world.children("each"), world.children("each", "again")
    assert new[0].status.revision == old[0].status.revision != new[1].status.revision


# --- files ---

FILES = """
artifacts: {retain: RETAIN}
tasks:
- {name: a, script: x, artifacts: {paths: [f]}}
- {name: call, run: {definitionRef: {name: sub}}}
- {name: use, script: x, artifactsFrom: [a, call], env: [{name: U, value: "{{ tasks['a'].artifacts[0].url }}"}]}
definitions: [{name: sub, tasks: [{name: deep, script: x, artifacts: {paths: [g]}}]}]
"""
FILES_ENDS = by_task(a=kept("f"), deep=kept("g"), use=exits(1))


def _files(retain: str) -> World:
    return played(FILES.replace("RETAIN", retain), FILES_ENDS)


@pytest.mark.parametrize("retain", ["Always", "OnFailure"])
def test_files_are_read_where_the_earlier_run_left_them(retain: str) -> None:
    world = rerun(_files(retain))
    (child,) = world.children("call")
    first, below = (
        f"{world.runs[name].meta.name}.{world.runs[name].meta.uid[:8]}" for name in ("run", child.meta.name)
    )
    assert world.claim is not None
    assert world.claim.owners == (world.runs["run"].meta.uid, world.runs["again"].meta.uid)
    request = world.request("use", "again")
    assert request.volume is not None
    assert request.volume.claim == world.claim.meta.name
    assert [(one.directory, one.prefix) for one in request.artifact_sources] == [
        (f"{first}/a/1", ""), (f"{below}/deep/1", "call/deep"), (f"{below}/deep/1", ""),
    ]  # fmt: skip
    assert request.env == ({"name": "U", "value": f"file:///volume/{first}/a/1/f"},)
    kept_files = world.runs["again"].status.artifacts
    assert kept_files is not None
    assert [one.path for one in kept_files.files] == ["f"]
    gone(world, "run")
    world.play()
    assert world.phase("again") == "Succeeded"
    rerun(world, "third", of="again")
    third = world.phase("third")
    assert third == "Succeeded" if retain == "Always" else third == "Running"


def test_the_volume_goes_with_the_last_run_that_owns_it_where_files_are_not_kept() -> None:
    world = rerun(_files("OnFailure"))
    world.play()
    assert world.phase("again") == "Succeeded"
    assert world.claim is not None, "the run before failed: its files are kept"
    world.remove_run("run")
    world.settle()
    assert world.claim is None


def test_where_the_files_are_gone_their_tasks_run_again() -> None:
    world = rerun(_files("Never"))
    assert world.claim is not None
    assert sorted(started(world)) == ["a", "deep"]
    assert world.claim.owners == (world.runs["again"].meta.uid,)


def test_a_rerun_of_a_rerun_reads_files_of_the_first() -> None:
    world = rerun(_files("Always"))
    world.play(by_task(use=exits(1)))
    gone(world, "run")
    rerun(world, "third", of="again")
    assert started(world, "third") == ["use"]
    assert world.request("use", "third").artifact_sources == world.request("use", "again").artifact_sources


# --- what is not there ---


def test_what_is_gone_by_the_time_it_is_needed_runs_again() -> None:
    world = played(FAILED, ENDS)
    world.submit("again", rerun_of=RerunRef(name="run"))
    for key in list(world.values):
        del world.values[key]
        world.lost.add(key)
    world.settle()
    assert started(world) == ["big"]
    gone(world, "run")
    world.play()
    assert (world.phase("again"), started(world)) == ("Succeeded", ["big", "bad", "last"])


def test_another_run_of_that_name_is_not_taken_for_the_one_before() -> None:
    world = rerun(played(FAILED, ENDS))
    world.remove_run("run")
    world.pass_time(5)
    world.submit("run")
    world.play(by_task())
    assert started(world) == ["bad", "last"]
    world = begun(FAILED)
    world.end_task("good", ok("x"))
    world.end_task("big", ok("x"))
    world.play(ENDS)
    world.submit("again", rerun_of=RerunRef(name="run"), suspend=True)
    world.settle()
    assert world.phase("again") == "Suspended"


def _refused(world: World, name: str = "again") -> str:
    status = world.runs[name].status
    assert (world.phase(name), [row for row in status.tasks if row.start_time]) == ("Failed", [])
    assert world.condition("Succeeded", name) == ("False", "InvalidParams", status.message)
    return status.message


def test_a_rerun_is_refused_with_a_reason() -> None:
    world = begun(
        "{params: [{name: P, default: 1}, {name: Q, default: q}], tasks: [{name: a, run: {definitionRef: {name: s}}}], definitions: [{name: s, tasks: [{name: x, script: x}]}]}"
    )
    (child,) = world.children("a")
    assert _refused(rerun(world)) == "rerunOf: run has not ended"
    assert _refused(rerun(world, "other", of="nobody"), "other") == "rerunOf: there is no run nobody"
    assert _refused(rerun(world, "self", of="self"), "self") == "rerunOf: self has not ended"
    world.play()
    assert _refused(rerun(world, "of-child", of=child.meta.name), "of-child").endswith(
        "is a child run; rerun its root, run"
    )
    assert _refused(rerun(world, "never", of="again"), "never") == "rerunOf: again never started"
    assert _refused(rerun(world, "params", params={"P": 2, "Q": "q"}), "params") == "rerunOf: run had other params: P"
    assert rerun(world, "same", params={"P": "1"}).phase("same") == "Succeeded"
    world.define("{tasks: [{name: a, script: y}]}")
    told = _refused(rerun(world, "edited"), "edited")
    assert told == "rerunOf: run followed revision main-r1, this run would follow main-r{}".format(
        told.rpartition("r")[2]
    )
    pinned = RunDefinitionRef(name="main", revision="main-r1")
    assert rerun(world, "pinned", definition_ref=pinned).phase("pinned") == "Succeeded"


def test_outputs_that_cannot_be_stored_now_wait_and_others_run_again() -> None:
    world = played(FAILED, ENDS)
    world.refuse_others["*"] = ("Quota", "exceeded quota")
    rerun(world)
    assert started(world) == []
    assert (world.row("big", "again").phase, world.row("big", "again").reason) == ("Pending", "QuotaExceeded")
    world.refuse_others.clear()
    world.pass_time(10)
    world.settle()
    assert started(world) == ["bad"]
    world.refuse_others["*"] = ("Forbidden", "no")
    rerun(world, "third")
    assert started(world, "third") == ["big"]


@pytest.mark.parametrize("crash", range(12))
def test_a_crash_after_any_write_takes_over_the_same(crash: int) -> None:
    def whole(crash_after: int | None) -> dict[str, Any]:
        world = played(ITEMS, _by_param(do_a=ok("a" * 5000), do_b=exits(1)))
        world.submit("again", rerun_of=RerunRef(name="run"))
        for at in range(6):
            for name in list(world.runs):
                world.step(name, crash_after=None if crash_after is None else (crash_after + at) % 4)
        world.play(_by_param())
        rows: list[TaskStatus] = [
            row for name, one in world.runs.items() for row in one.status.tasks if one.root == "again"
        ]
        return {
            "phase": world.phase("again"),
            "outputs": world.outputs("again"),
            "rows": [(row.name, row.phase) for row in rows],
        }

    assert whole(crash) == whole(None)


def _once(spec: Json) -> Json:
    """Return a definition whose children have one attempt each, and whose items do not race for `failFast`."""
    for task in [*spec["tasks"], *(task for one in spec.get("definitions", ()) for task in one["tasks"])]:
        if "run" in task or "parallel" in task:
            task.pop("retryPolicy", None)
    return spec


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
@given(definitions(fail_fast=False).map(_once), SEEDS, st.booleans())
def test_a_rerun_ends_as_the_run_did_where_scripts_end_as_they_did_and_no_success_is_repeated(
    spec: Json,
    seed: int,
    crashes: bool,  # noqa: FBT001
) -> None:
    world = World()
    world.define(spec)
    world.submit()
    Driver(world, seed).play()
    world.submit("again", rerun_of=RerunRef(name="run"))
    Driver(world, seed, crashes=crashes).play()
    first, again = world.runs["run"].status, world.runs["again"].status
    assert (again.phase, world.phases("again")) == (first.phase, world.phases()), world.describe()
    assert world.outputs("again") == world.outputs()
    done = {task["name"] for task in spec["tasks"] if "script" in task and "parallel" not in task}
    done &= {row.name for row in first.tasks if row.phase == "Succeeded"}
    assert not {one for one in world.started if one.startswith("again/")} & {f"again/{name}" for name in done}
    good = {(one.task, one.index) for one in world.children_of(world.runs["run"]) if one.status.phase == "Succeeded"}
    for child in world.children_of(world.runs["again"]):
        if (child.task, child.index) in good:
            assert not world.pods_of(child)
