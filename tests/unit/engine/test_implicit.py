"""A container body with `parallel`: an implicit local definition of one task per item (contract §1.1, §4)."""

import json

import pytest

from brood.api.phases import RunPhase, TaskPhase
from brood.api.status import JobRunStatus
from brood.engine.locks import SlotState
from brood.engine.reconcile import plan
from brood.views import PodRequest, RunView
from tests.unit.engine.world import START, World, begun, exits, kept, ok, played

MAP = """
params: [{name: URL, default: u}, {name: SIZE, default: 1}]
env: [{name: LANG, value: "C.{{ params.SIZE }}"}]
taskDefaults: {container: {image: alpine}, env: [{name: DEFAULT, value: d}]}
tasks:
- {name: first, script: x, output: FIRST, artifacts: {paths: ["*"]}}
- {name: other, script: x, output: OTHER}
- {name: p, script: body, dependsOn: [first], output: R, timeoutSeconds: 60, retryPolicy: {limit: 1}, pools: ["pool-{{ params.URL }}"],
   env: [{name: E, value: "{{ outputs.FIRST }}/{{ tasks.first.artifacts[0].url }}"}], artifactsFrom: [first],
   artifacts: {paths: ["out-*"]}, parallel: {items: ITEMS}}
"""


def world_of(items: object) -> World:
    """Return a world in which the items run."""
    world = begun(MAP.replace("ITEMS", json.dumps(items)))
    world.limits = SlotState(sizes={"pool-u": 9})  # room for all of them
    world.end_task("other", ok("not upstream"))
    world.end_task(
        "first",
        type(ok())(None, exit_code=0, stdout="one", outputs={"W": "written"}, artifacts=kept("a.txt").artifacts),
    )
    world.settle()
    return world


def requests(world: World) -> list[PodRequest]:
    """Return the Pods of the items."""
    return [world.request("p", run=one.meta.name) for one in world.children("p")]


def test_an_item_sees_the_runs_params_env_and_upstream_outputs() -> None:
    request = requests(world_of(["a"]))[0]
    assert dict(request.params) == {"URL": "u", "SIZE": "1"}
    assert dict(request.outputs) == {"FIRST": "one", "W": "written"}
    values = {one["name"]: one["value"] for one in request.env}
    assert values["LANG"] == "C.1"
    assert values["E"].startswith("one/file:///volume/run.")  # type: ignore[union-attr]
    assert (request.script, request.container, request.capture_stdout) == ("body", {"image": "alpine"}, True)
    assert request.pools == ("pool-u",)
    assert [one.directory.split("/", 1)[1] for one in request.artifact_sources] == ["first/1"]
    assert request.artifacts is not None
    assert request.artifacts.paths == ("out-*",)


def test_an_item_sees_the_params_that_the_run_was_given_not_their_defaults() -> None:
    spec = "{params: [{name: A, required: true}, {name: B, default: b}], tasks: [{name: p, script: x, parallel: {items: [i]}}]}"
    world = begun(spec, params={"A": "given", "B": "too"})
    assert dict(requests(world)[0].params) == {"A": "given", "B": "too"}


def test_o15_an_item_sees_itself() -> None:
    texts = requests(world_of(["two words", 42, {"K": "v", "URL": "mine"}, ["p", 1]]))
    assert [one.item for one in texts] == ["two words", "42", '{"K":"v","URL":"mine"}', '["p",1]']
    assert [one.positional for one in texts] == [("two words",), ("42",), None, ('["p",1]',)]
    assert [(one.task, one.index, one.item_attempt) for one in texts] == [("p", at, 1) for at in range(4)]
    assert dict(texts[2].params) == {"URL": "mine", "SIZE": "1", "K": "v"}  # an item wins over a param of its name


def test_the_items_attempt_is_the_scripts_attempt_although_its_pod_was_lost() -> None:
    world = begun("{tasks: [{name: p, script: x, retryPolicy: {limit: 1}, parallel: {items: [a]}}]}")
    world.remove_pod(world.live_pods()[0])
    world.settle()
    (name,) = world.live_pods()
    assert (world.requests[name].attempt, world.requests[name].item_attempt) == (2, 1)
    world.end(name, exits(1))
    world.settle()
    world.pass_time(1)
    world.settle()
    (name,) = world.live_pods()
    assert (world.requests[name].attempt, world.requests[name].item_attempt) == (1, 2)


def test_the_children_follow_the_task_in_the_pinned_revision() -> None:
    world = world_of(["a", "b"])
    refs = [one.spec.definition_ref for one in world.children("p")]
    revision = world.runs["run"].status.revision
    assert {(ref.name, ref.local, ref.task, ref.revision) for ref in refs} == {("main", None, "p", revision)}


def test_what_acts_on_the_task_as_a_whole_stays_with_it() -> None:
    world = world_of(["a"])
    child = world.children("p")[0].meta.name
    assert world.phases(child) == {"p": "Running"}
    assert requests(world)[0].timeout_seconds is None  # the time-out is over all items
    world.end(world.live_pods()[0], exits(1))
    world.settle()
    assert world.row("p", run=child).attempt == 1  # the retry is another child
    world.pass_time(1)
    world.settle()
    assert [one.attempt for one in world.children("p")] == [1, 2]


def test_the_index_is_that_of_the_item_in_all_tasks_of_its_child_and_empty_in_that_runs_own_children() -> None:
    spec = """
    tasks: [{name: p, run: {definitionRef: {name: l}}, parallel: {items: [a, b]}}, {name: alone, script: x}]
    definitions:
    - {name: l, tasks: [{name: x, script: x}, {name: y, script: x}, {name: call, run: {definitionRef: {name: deep}}}]}
    - {name: deep, tasks: [{name: z, script: x}]}
    """
    world = played(spec)
    found = {(one.task, one.index) for one in world.requests.values()}
    assert found == {("x", 0), ("x", 1), ("y", 0), ("y", 1), ("z", None), ("alone", None)}
    assert {one.item for one in world.requests.values()} == {None}


def test_items_start_only_when_everything_upstream_is_recorded() -> None:
    """A child run reads it from its parent's status; a parent that dies between the two writes must not hide it."""
    world = begun(
        "{tasks: [{name: a, script: x, output: A}, {name: p, script: x, dependsOn: [a], parallel: {items: [i]}}]}"
    )
    world.end_task("a", ok("said"))
    world.step("run", crash_after=0)
    assert not world.children("p")
    world.settle()
    assert dict(requests(world)[0].outputs) == {"A": "said"}


def test_a_container_body_in_a_local_definition() -> None:
    spec = """
    params: [{name: OUTER, default: o}]
    tasks: [{name: call, run: {definitionRef: {name: l}}}]
    definitions: [{name: l, params: [{name: INNER, default: i}], env: [{name: E, value: "{{ params.INNER }}"}], tasks: [{name: p, script: x, parallel: {items: [a]}}]}]
    """
    world = played(spec)
    request = world.requests[world.made[-1]]
    assert (dict(request.params), request.env) == ({"INNER": "i"}, ({"name": "E", "value": "i"},))


def test_an_artifact_beyond_the_first_hundred_can_be_named() -> None:
    spec = """
    tasks:
    - {name: a, script: x, artifacts: {paths: ["*"]}}
    - {name: p, script: x, env: [{name: E, value: "{{ tasks.a.artifacts[149].path }}"}], parallel: {items: [i]}}
    """
    world = begun(spec)
    world.end_task("a", kept(*(f"f{at:03}" for at in range(150))))
    world.settle()
    assert requests(world)[0].env == ({"name": "E", "value": "f149"},)


def _with_pods_only() -> tuple[World, RunView]:
    """Return a world in which an item's child has its Pod, and the operator died before it wrote a status."""
    world = begun("{tasks: [{name: p, script: x, parallel: {items: [a]}}]}")
    (child,) = world.children("p")
    world.set_run(child.meta.name, status=JobRunStatus())
    return world, world.runs[child.meta.name]


def test_an_item_that_ends_soon_is_written_once() -> None:
    world, child = _with_pods_only()
    first = plan(world.snapshot(child.meta.name), world.now)
    assert first.status is not None
    assert (first.status.start_time, first.status_can_wait) == (START, True)
    assert not first.pods  # it is there
    world.end(world.live_pods()[0], ok())
    written = plan(world.snapshot(child.meta.name), world.now).status
    assert written is not None
    assert (written.phase, written.start_time) == (RunPhase.SUCCEEDED, START)
    assert {one.type for one in written.conditions} >= {"Admitted", "Succeeded"}


@pytest.mark.parametrize("change", [{"shutdown": "Interrupt"}, {"suspend": True}])
def test_o12_an_item_with_a_pod_has_entered_and_its_pod_ends_normally(change: dict[str, object]) -> None:
    world, child = _with_pods_only()
    world.set_run(child.meta.name, spec=child.spec.model_copy(update=change))
    world.settle()
    assert len(world.live_pods()) == 1
    world.end(world.live_pods()[0], ok())
    world.settle()
    assert world.row("p", run=child.meta.name).phase is TaskPhase.SUCCEEDED
