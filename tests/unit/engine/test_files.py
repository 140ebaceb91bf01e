"""Files between tasks: volume, directories, `artifactsFrom` (contract §2.3)."""

from dataclasses import replace

import pytest

from brood.api.reasons import TaskReason, WaitingReason
from brood.views import ClaimView, Meta, PodRequest, TaskResult
from tests.unit.engine.world import START, World, begun, by_task, exits, fails, kept, ok, played, waiting


def sources(world: World, task: str, run: str = "run") -> list[tuple[str, str, tuple[str, ...] | None]]:
    """Return (directory, prefix, paths) of what a task's Pod gets; the run's part of a directory is cut off."""
    found = world.request(task, run).artifact_sources
    return [(one.directory.split("/", 1)[1], one.prefix, one.paths) for one in found]


def test_f9_a_task_gets_the_files_of_the_tasks_that_it_names() -> None:
    spec = """
    tasks:
    - {name: a, script: x, artifacts: {paths: ["*.txt"]}}
    - {name: b, script: x, artifacts: {paths: ["*"], keep: Always}, retryPolicy: {limit: 1}}
    - {name: c, script: x, artifactsFrom: [b, a]}
    """
    turns = iter([exits(1), kept("b.txt")])
    world = played(
        spec, lambda request: kept("a.txt") if request.task == "a" else next(turns) if request.task == "b" else ok()
    )
    assert sources(world, "c") == [("b/2", "", None), ("a/1", "", None)]
    artifacts = world.runs["run"].status.artifacts
    assert artifacts is not None
    assert [(one.task, one.path, one.size) for one in artifacts.files] == [("a", "a.txt", 10), ("b", "b.txt", 10)]
    assert (artifacts.count, world.row("a").artifacts, world.row("b").artifacts) == (2, 1, 1)


def test_f6_urls_are_in_the_order_of_the_listed_files_and_name_the_attempt() -> None:
    spec = """
    tasks:
    - {name: split, script: x, artifacts: {paths: ["video.*"]}}
    - {name: z, script: x, env: [{name: U, value: "{{ tasks['split'].artifacts[1].url }}"}]}
    """
    world = played(spec, by_task(split=kept("video.1", "video.2")))
    uid = world.runs["run"].meta.uid[:8]
    assert world.request("z").env == ({"name": "U", "value": f"file:///volume/run.{uid}/split/1/video.2"},)


def test_no_task_with_artifacts_no_volume_and_with_one_it_is_made_once() -> None:
    assert played("{tasks: [{name: a, script: x}]}").claim is None
    world = begun(
        "{artifacts: {storage: 2Gi}, tasks: [{name: a, script: x, artifacts: {paths: [f]}}, {name: b, script: x, artifacts: {paths: [f]}}]}"
    )
    assert world.claim is not None
    volumes = [world.request(name).volume for name in "ab"]
    assert [one.single_node for one in volumes if one] == [True, True]
    assert len({one.claim for one in volumes if one}) == 1


def test_every_pod_made_after_the_volume_mounts_it_so_that_urls_can_be_read() -> None:
    spec = """
    tasks:
    - {name: before, script: x}
    - {name: make, dependsOn: [before], script: x, artifacts: {paths: [f]}}
    - {name: read, dependsOn: [make], script: x}
    - {name: call, dependsOn: [make], run: {definitionRef: {name: c}}}
    definitions: [{name: c, tasks: [{name: below, container: {image: x}}]}]
    handlers: {onExit: {script: x}}
    """
    world = played(spec, by_task(make=kept("f")))
    child = world.children("call")[0].meta.name
    assert world.request("before").volume is None
    found = [world.request("make"), world.request("read"), world.request("below", child), world.request("onExit")]
    volumes = [one.volume for one in found if one.volume]
    assert len(volumes) == 4
    assert {one.claim for one in volumes} == {volumes[0].claim}
    assert len({one.directory for one in volumes}) == 4


def test_what_a_failed_task_found_is_not_listed_if_it_keeps_files_on_success() -> None:
    spec = "{tasks: [{name: a, script: x, artifacts: {paths: [f]}}, {name: b, script: x, artifacts: {paths: [f], keep: Always}}]}"
    lost = replace(fails(TaskReason.OUTPUT_TOO_LARGE), artifacts=kept("f").artifacts)
    artifacts = played(spec, lambda _: lost).runs["run"].status.artifacts
    assert artifacts is not None
    assert [one.task for one in artifacts.files] == ["b"]


def test_a_pod_that_finds_no_node_because_its_volume_is_not_bound_says_so() -> None:
    world = waiting("{tasks: [{name: a, script: x, artifacts: {paths: [f]}}]}")
    world.keep_waiting("a", WaitingReason.UNSCHEDULABLE, "unbound claim")
    assert world.row("a").reason == "Unschedulable"
    assert world.claim is not None
    world.claim = replace(world.claim, phase="Pending", message="no storage class")
    world.settle()
    assert (world.row("a").reason, world.row("a").message) == ("ArtifactVolumePending", "no storage class")


def test_a_pod_waits_for_a_claim_of_ones_own_that_is_not_there_yet() -> None:
    world = waiting("{artifacts: {claimName: mine}, tasks: [{name: a, script: x, artifacts: {paths: [f]}}]}")
    world.keep_waiting("a", WaitingReason.UNSCHEDULABLE, "not found")
    told = ("ArtifactVolumePending", "claim mine does not exist")
    assert (world.row("a").reason, world.row("a").message) == told
    assert world.claim is None


@pytest.mark.parametrize(("modes", "single"), [(("ReadWriteOnce",), True), (("ReadWriteMany",), False)])
def test_pods_that_mount_a_claim_of_ones_own_share_a_node_only_where_it_asks_for_that(
    modes: tuple[str, ...], *, single: bool
) -> None:
    world = World()
    world.claim = ClaimView(Meta("default", "mine", "uid-mine", "1", START), "Bound", made=False, access_modes=modes)
    world.define("{artifacts: {claimName: mine}, tasks: [{name: a, script: x, artifacts: {paths: [f]}}]}")
    world.submit()
    world.settle()
    volume = world.request("a").volume
    assert volume is not None
    assert volume.single_node is single


@pytest.mark.parametrize(
    ("modes", "said", "reason"),
    [
        ("[ReadWriteOnce]", "1 Insufficient cpu, 2 node(s) didn't match pod affinity rules.", "ArtifactVolumeNodeFull"),
        (
            "[ReadWriteOnce]",
            "1 Insufficient cpu, 2 node(s) had volume node affinity conflict.",
            "ArtifactVolumeNodeFull",
        ),
        ("[ReadWriteOnce]", "3 Insufficient cpu.", "Unschedulable"),
        ("[ReadWriteMany]", "1 Insufficient cpu, 2 node(s) didn't match pod affinity rules.", "Unschedulable"),
    ],
)
def test_a_pod_for_which_the_node_of_its_volume_has_no_room_says_so(modes: str, said: str, reason: str) -> None:
    world = waiting(
        f"{{artifacts: {{accessModes: {modes}}}, tasks: [{{name: a, script: x, artifacts: {{paths: [f]}}}}]}}"
    )
    assert world.claim is not None
    world.claim = replace(world.claim, phase="Bound")
    words = f"0/3 nodes are available: {said}"
    world.keep_waiting("a", WaitingReason.UNSCHEDULABLE, words)
    assert (world.row("a").reason, world.row("a").message) == (reason, words)


def test_a_pod_whose_volume_somebody_deleted_before_it_started_gets_another() -> None:
    world = waiting("{tasks: [{name: a, script: x, artifacts: {paths: [f]}}]}")
    name = world.live_pod("a")
    world.pods[name] = replace(world.pods[name], waiting=(WaitingReason.UNSCHEDULABLE, "claim not found"))
    lost = world.claim
    world.claim = None
    world.settle()
    found = world.snapshot("run").claim
    assert lost is not None
    assert found is not None
    assert found.meta.name == lost.meta.name


def test_a_pod_that_has_not_started_when_its_volume_is_deleted_fails() -> None:
    """The claim does not go while ended Pods name it: waiting for another one would have no end."""
    world = waiting("{tasks: [{name: a, script: x, artifacts: {paths: [f]}}, {name: b, script: x}]}")
    name = world.live_pod("a")
    assert world.claim is not None
    world.claim = replace(world.claim, meta=replace(world.claim.meta, deleting=True))
    world.settle()
    assert (world.row("a").phase, world.row("a").reason) == ("Failed", "ArtifactMissing")
    assert world.claim.meta.name in world.row("a").message
    assert world.row("b").phase == "Pending"
    assert name not in world.pods or world.pods[name].pod.meta.deleting


def test_a_pod_that_only_mounts_the_volume_waits_for_another_as_well() -> None:
    world = waiting("{tasks: [{name: a, script: x, artifacts: {paths: [f]}}, {name: b, dependsOn: [a], script: x}]}")
    world.start_pod(world.live_pod("a"))
    world.end_task("a", kept("f"))
    world.settle()
    world.claim, name, volume = None, world.live_pod("b"), world.request("b").volume
    assert volume is not None
    world.pods[name] = replace(
        world.pods[name], waiting=(WaitingReason.UNSCHEDULABLE, f'persistentvolumeclaim "{volume.claim}" not found')
    )
    world.settle()
    assert world.snapshot("run").claim is not None


def test_a_claim_of_ones_own_is_used_and_none_is_made() -> None:
    world = begun("{artifacts: {claimName: mine}, tasks: [{name: a, script: x, artifacts: {paths: [f]}}]}")
    volume = world.request("a").volume
    assert volume is not None
    assert (volume.claim, world.claim) == ("mine", None)


FORKS = """
tasks:
- {name: f, fork: {definitionRef: {name: l}}}
- {name: g, fork: {definitionRef: {name: l}}, parallel: {items: [x, z]}}
- {name: w, await: {tasks: [f, g]}}
- {name: c, script: x, artifactsFrom: [w]}
definitions: [{name: l, tasks: [{name: enc, script: x, artifacts: {paths: ["*"]}}]}]
"""


def test_f5_files_of_children_come_under_their_own_directories_and_flat_where_only_one_has_that_path() -> None:
    def outcome(request: PodRequest) -> TaskResult:
        own = "f" if request.index is None else f"g{request.index}"
        return kept(f"{own}.webm", "log.txt") if request.task == "enc" else ok()

    world = played(FORKS, outcome)
    names = [one.meta.name for one in (*world.children("f"), *world.children("g"))]
    found = world.request("c").artifact_sources
    runs = [f"{name}.{world.runs[name].meta.uid[:8]}" for name in names]
    assert [(one.directory, one.prefix) for one in found[:3]] == [
        (f"{runs[0]}/enc/1", "f/enc"), (f"{runs[1]}/enc/1", "g.0/enc"), (f"{runs[2]}/enc/1", "g.1/enc"),
    ]  # fmt: skip
    assert [(one.directory, one.prefix, one.paths) for one in found[3:]] == [
        (f"{runs[0]}/enc/1", "", ("f.webm",)), (f"{runs[1]}/enc/1", "", ("g0.webm",)), (f"{runs[2]}/enc/1", "", ("g1.webm",)),
    ]  # fmt: skip
    assert world.events.count(("run", "ArtifactCollision")) == 1


def test_a_path_outside_of_the_working_directory_is_refused_after_rendering() -> None:
    for path in ("/etc/x", "../x", "a/../../x", ""):
        spec = {
            "params": [{"name": "P", "default": path}],
            "tasks": [{"name": "a", "script": "x", "artifacts": {"paths": ["{{ params.P }}"]}}],
        }
        row = begun(spec).row("a")
        assert (row.phase, row.reason) == ("Failed", "TemplateError")
        assert "tasks[a].artifacts.paths[0]" in row.message


def test_the_status_lists_the_first_hundred_files_and_a_config_map_all() -> None:
    spec = '{tasks: [{name: a, script: x, artifacts: {paths: [f]}}, {name: b, script: x, dependsOn: [a], artifacts: {paths: [f]}}, {name: z, script: x, env: [{name: E, value: "{{ tasks.b.artifacts[59].path }}"}]}]}'
    world = played(spec, by_task(a=kept(*(f"a{at}" for at in range(60))), b=kept(*(f"b{at}" for at in range(60)))))
    artifacts = world.runs["run"].status.artifacts
    assert artifacts is not None
    assert (artifacts.count, len(artifacts.files)) == (120, 100)
    assert artifacts.list_ref is not None
    assert (artifacts.list_ref.config_map, "files") in world.values
    assert world.request("z").env == ({"name": "E", "value": "b59"},)
